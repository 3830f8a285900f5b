//! What cargo's and the compiler's words mean.

use super::{Reason, Said, names};

/// Signs that name their cause better than the first error does, with what to do.
const KNOWN: &[(&str, &str)] = &[
    (
        "because --locked was passed",
        "run `cargo build` where the source is, and deploy with the Cargo.lock it writes",
    ),
    (
        "requires rustc",
        "say so as `rust-version` in its Cargo.toml: then a newer Rust is used, if there is one",
    ),
    (
        "feature `edition2024` is required",
        "say `rust-version = \"1.85\"` in its Cargo.toml: then a newer Rust is used, if there is one",
    ),
    ("Could not resolve host", "check this host's name servers and its connection to the package registry"),
    (
        "SSL certificate problem",
        "if this network has its own certificate authority, add its certificate to this host's bundle",
    ),
    ("failed to download", "check this host's connection to the package registry, and its cargo settings"),
    ("no matching package", "check its spelling in Cargo.toml, and this host's cargo settings"),
];

/// What a build script misses, and the Debian package that has it.
const MISSING: &[(&str, &str)] = &[
    ("Could not find directory of OpenSSL installation", "libssl-dev\", \"pkg-config"),
    ("pkg-config command could not be found", "pkg-config"),
    ("is `cmake` not installed?", "cmake"),
    ("Could not find `protoc`", "protobuf-compiler"),
    ("failed to find tool \"c++\"", "g++"),
    ("failed to find tool \"g++\"", "g++"),
    ("Unable to find libclang", "libclang-dev"),
    ("`perl` reported failure", "perl"),
    ("is `make` not installed?", "make"),
    ("linker `clang` not found", "clang"),
    ("invalid linker name in argument '-fuse-ld=mold'", "mold"),
    ("cannot find -lssl", "libssl-dev"),
    ("cannot find -lz", "zlib1g-dev"),
    ("cannot find -lsqlite3", "libsqlite3-dev"),
    ("cannot find -lpq", "libpq-dev"),
];

/// Errors of the compiler that are told in full.
const TOLD: usize = 3;

/// Find the reason.
pub(super) fn reason(said: &mut Said) -> Option<Reason> {
    let tail = said.tail();
    let line = |sign: &str| tail.iter().map(|l| l.trim()).find(|l| l.contains(sign));
    if line("No space left on device").is_some() {
        return Some(Reason::Disk);
    }
    if line("version `GLIBC_").is_some() {
        return said_so(
            "this host's Rust needs a newer C library than the base has",
            "name a newer `suite` under [base] in the server's settings",
        );
    }
    let named = |sign: &str| tail.iter().any(|l| names(l, sign));
    if let Some((_, package)) = MISSING.iter().find(|(sign, _)| named(sign)) {
        let hint = format!("add packages = [\"{package}\"] to the service in dormouse.toml");
        let failed = line("failed to run custom build command for");
        return said_so(
            failed.unwrap_or("something it is linked with is missing").trim_start_matches("error: "),
            &hint,
        );
    }
    if let Some((line, hint)) = KNOWN.iter().find_map(|(sign, hint)| Some((line(sign)?, hint))) {
        return said_so(line.trim_start_matches("error: "), hint);
    }
    compiler(said)
}

fn said_so(why: &str, hint: &str) -> Option<Reason> {
    Some(Reason::Said(format!("{why}\n  hint: {hint}")))
}

/// The first errors of the compiler, with their places.
fn compiler(said: &Said) -> Option<Reason> {
    let is_sum =
        |e: &str| e.starts_with("error: could not compile") || e.starts_with("error: aborting due to");
    let all: Vec<_> = said.errors().filter(|(error, _)| !is_sum(error)).collect();
    if all.is_empty() {
        return None;
    }
    let told = all.iter().take(TOLD).map(|(error, place)| match place {
        Some(place) => format!("{place}: {error}"),
        None => (*error).to_owned(),
    });
    let mut text = told.collect::<Vec<_>>().join("\n");
    if all.len() > TOLD {
        text += "\nand more, as the build log tells";
    }
    Some(Reason::Said(text))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn last_words() {
        let mut out = String::new();
        for text in [
            "error[E0425]: cannot find value `x` in this scope\n --> src/main.rs:2:5\n  |\nerror: could not compile `hello` (bin \"hello\") due to 1 previous error",
            "error: expected `;`\n --> a.rs:1:1\nerror[E1]: b\n --> b.rs:1:1\nerror[E2]: c\n --> c.rs:1:1\nerror[E3]: d\n --> d.rs:1:1",
            "error: cannot update the lock file /app/Cargo.lock because --locked was passed to prevent this",
            "error: rustc 1.63.0 is not supported by the following package:\n  serde@1.0.228 requires rustc 1.70",
            "error: failed to run custom build command for `openssl-sys v0.9.1`\n\nCaused by:\n  Could not find directory of OpenSSL installation, and this `-sys` crate cannot",
            "error: failed to get `x` as a dependency\n\nCaused by:\n  [6] Could not resolve hostname (Could not resolve host: index.example)",
            "/opt/rust/bin/cargo: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.39' not found (required by /opt/rust/bin/cargo)",
            "error: linking with `cc` failed: exit status: 1\n  = note: /usr/bin/ld: cannot find -lpq: No such file or directory",
            // Bug: `zlib1g-dev` was named for it.
            "error: linking with `cc` failed: exit status: 1\n  = note: /usr/bin/ld: cannot find -lzstd: No such file or directory",
            "who knows",
        ] {
            let mut said = Said::default();
            text.lines().for_each(|l| said.push(l));
            out += &match reason(&mut said) {
                Some(Reason::Said(why)) => format!("{why}\n"),
                other => format!("{other:?}\n"),
            };
        }
        expect![[r#"
            src/main.rs:2:5: error[E0425]: cannot find value `x` in this scope
            a.rs:1:1: error: expected `;`
            b.rs:1:1: error[E1]: b
            c.rs:1:1: error[E2]: c
            and more, as the build log tells
            cannot update the lock file /app/Cargo.lock because --locked was passed to prevent this
              hint: run `cargo build` where the source is, and deploy with the Cargo.lock it writes
            serde@1.0.228 requires rustc 1.70
              hint: say so as `rust-version` in its Cargo.toml: then a newer Rust is used, if there is one
            failed to run custom build command for `openssl-sys v0.9.1`
              hint: add packages = ["libssl-dev", "pkg-config"] to the service in dormouse.toml
            [6] Could not resolve hostname (Could not resolve host: index.example)
              hint: check this host's name servers and its connection to the package registry
            this host's Rust needs a newer C library than the base has
              hint: name a newer `suite` under [base] in the server's settings
            something it is linked with is missing
              hint: add packages = ["libpq-dev"] to the service in dormouse.toml
            error: linking with `cc` failed: exit status: 1
            None
        "#]]
        .assert_eq(&out);
    }
}
