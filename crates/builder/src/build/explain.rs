//! What a package manager's last words mean.

use super::libraries;
use crate::language;

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The disk is full.
    Disk,
    /// No more processes may be started.
    Processes,
    /// Something worth saying, with a hint.
    Said(String),
    /// Its last words, whatever they mean.
    Last(String),
}

/// Messages that name their cause better than we could, up to the next one, with what to do.
const KNOWN: &[(&str, &str)] = &[
    (
        "invalid peer certificate",
        "if this network has its own certificate authority, add its certificate to this host's bundle, or name it as SSL_CERT_FILE where the server starts",
    ),
    (
        "certificate verify failed",
        "if this network has its own certificate authority, add its certificate to this host's bundle, or name it as SSL_CERT_FILE where the server starts",
    ),
    (
        "No route to host",
        "check this host's connection, and what `[egress.builds]` in server.toml lets builds reach",
    ),
    ("401 Unauthorized", "check the credentials of the package index in this host's pip or uv settings"),
    ("403 Forbidden", "check the credentials of the package index in this host's pip or uv settings"),
    ("dns error", "check this host's name servers and its connection to the package index"),
    ("Temporary failure resolving", "check this host's name servers and its connection to the Debian mirror"),
    ("Could not connect", "check this host's connection and its proxy settings"),
    ("tcp connect error", "check this host's connection and its proxy settings"),
    ("No interpreter found", "name a version that exists, or one that the base has"),
    ("No download found", "name a version that exists, or one that the base has"),
];

/// Find the reason in the last lines of output.
pub(crate) fn reason(tail: &[String]) -> Option<Reason> {
    let text = joined(tail);
    if text.contains("No space left on device") || text.contains("(os error 28)") {
        return Some(Reason::Disk);
    }
    if ["Resource temporarily unavailable", "can't start new thread", "(os error 11)"]
        .iter()
        .any(|t| text.contains(t))
    {
        return Some(Reason::Processes);
    }
    let said = |why: String, hint: &str| Some(Reason::Said(format!("{why}\n  hint: {hint}")));
    if let Some(name) = word_before(&text, " was not found in the package registry")
        .or_else(|| word_before(&text, " was not found in the provided package locations"))
    {
        return said(format!("there is no package `{name}`"), &language::no_package(name));
    }
    if let Some(at) = text.find("there is no version of ").or_else(|| text.find("no versions of ")) {
        let name =
            text[at..].trim_start_matches("there is no version of ").trim_start_matches("no versions of ");
        let name = name.split_whitespace().next().unwrap_or_default();
        return said(format!("there is no version `{name}`"), "ask for a version that exists");
    }
    if let Some((_, rest)) = text.split_once("Unable to locate package ") {
        let name = rest.split_whitespace().next().unwrap_or_default();
        return said(format!("Debian has no package `{name}`"), "check `packages` in dormouse.toml");
    }
    for (sign, hint) in KNOWN {
        if let Some(line) = tail.iter().find(|l| l.contains(sign)) {
            return said(with_subject(tail, line), hint);
        }
    }
    for (sign, package) in [
        ("gcc", "build-essential"),
        ("'cc'", "build-essential"),
        ("`cc`", "build-essential"),
        ("Python.h", "python3-dev"),
        ("pg_config", "libpq-dev"),
        ("pkg-config", "pkg-config"),
        ("rustc", "cargo"),
    ] {
        let missing = |l: &&String| {
            names(l, sign) && ["not found", "No such file", "is not installed"].iter().any(|m| l.contains(m))
        };
        if let Some(line) = tail.iter().find(missing) {
            return said(
                plain(line).to_owned(),
                &format!("add packages = [\"{package}\"] to the service in dormouse.toml"),
            );
        }
    }
    if let Some((line, advice)) = tail.iter().find_map(|l| Some((l, libraries::advice(l)?))) {
        return said(plain(line).to_owned(), &advice);
    }
    if let Some((_, rest)) = text.split_once("No solution found when resolving dependencies") {
        let why = rest.trim_start_matches([':', ' ']).trim_start_matches("cause: ");
        return said(why.chars().take(600).collect(), "ask for versions that go together");
    }
    if let Some((_, rest)) = text.split_once("No matching distribution found for ") {
        let name = rest.split_whitespace().next().unwrap_or_default();
        return said(
            format!("there is no package `{name}`"),
            "check the package index in this host's pip settings",
        );
    }
    tail.iter()
        .find_map(|l| {
            l.trim_start_matches(['×', ' ']).strip_prefix("error: ").or_else(|| l.strip_prefix("E: "))
        })
        .map(|l| Reason::Said(l.trim().to_owned()))
}

/// Whether a line names a program or a file, and not another whose name or path has its letters: `/usr/lib/gcc/x`, `a.cc`,
/// `-lzstd` for `-lz`; nor what pkg-config says when it is there and finds nothing.
pub(crate) fn names(line: &str, sign: &str) -> bool {
    line.match_indices(sign).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), &line[at + sign.len()..]);
        let mut rest = after.chars();
        let (next, second) = (rest.next(), rest.next());
        let in_word = |c: char| c.is_alphanumeric() || c == '_';
        let begins = sign.starts_with('-') || before.is_none_or(|c| !in_word(c) && c != '.');
        let is_path = next == Some('/') || (next == Some('.') && second.is_some_and(in_word));
        let ends = sign.ends_with('/') || (next.is_none_or(|c| !in_word(c)) && !is_path);
        begins && ends && !after.starts_with(" sure") && !after.starts_with(" search path")
    })
}

/// One line without the branches uv draws its reasons with.
fn joined(tail: &[String]) -> String {
    let words = tail.iter().map(|l| bare(l)).filter(|l| !l.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn bare(line: &str) -> &str {
    line.trim_start_matches(|c: char| c.is_whitespace() || "×╰─▶│├".contains(c)).trim_end()
}

/// A line that names a cause, behind the one that names what failed.
fn with_subject(tail: &[String], line: &str) -> String {
    let cause = plain(line);
    match tail.iter().find_map(|l| bare(l).strip_prefix("error: ")) {
        Some(subject) if subject != cause => format!("{subject}: {cause}"),
        Some(_) | None => cause.to_owned(),
    }
}

fn plain(line: &str) -> &str {
    let line = bare(line);
    ["cause: ", "error: ", "Error: "].iter().find_map(|p| line.strip_prefix(p)).unwrap_or(line)
}

fn word_before<'a>(text: &'a str, sign: &str) -> Option<&'a str> {
    text[..text.find(sign)?].split_whitespace().next_back()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    /// Bugs: of an index that cannot be reached it was said that the build started too many processes (error 113 begins like 11);
    /// of modules of Python itself, and of those whose package has another name, only the spelling was doubted.
    #[test]
    fn last_words() {
        let mut out = String::new();
        for text in [
            "error: No solution found when resolving dependencies\n  cause: Because nosuch was not found in the package \
             registry and you require nosuch, we can conclude that your requirements are unsatisfiable.",
            "  × No solution found when resolving dependencies:\n  ╰─▶ Because nosuch was not found in the package\n      \
             registry and you require nosuch, we can conclude that your requirements\n      are unsatisfiable.",
            "error: No solution found when resolving dependencies\n  cause: Because sqlite3 was not found in the package registry and you require sqlite3",
            "error: No solution found when resolving dependencies\n  cause: Because cv2 was not found in the package registry and you require cv2",
            "error: No solution found when resolving dependencies\n  cause: Because there is no version of fastapi==999 and \
             you require fastapi==999, we can conclude that your requirements are unsatisfiable.",
            "error: No solution found when resolving dependencies\n  cause: Because a==1 depends on b>2 and you require \
             b==1, we can conclude\n         that your requirements are unsatisfiable.",
            "   Building psycopg2==2.9.8\nerror: Failed to build `psycopg2==2.9.8`\n  cause: The build backend returned an \
             error\n\n         [stderr]\n         Error: pg_config executable not found.\n",
            "      error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory",
            "error: Failed to fetch: `https://i.example/simple/x/`\n  cause: invalid peer certificate: UnknownIssuer",
            "error: Failed to fetch: `https://i.example/simple/x/`\n  cause: HTTP status client error (401 Unauthorized) for url",
            "error: Failed to install cpython-3.12\n  cause: dns error\n  cause: failed to lookup address information",
            "E: Unable to locate package nosuch",
            "ERROR: No matching distribution found for uv==0.0.1",
            "error: Failed to write: No space left on device (os error 28)",
            "RuntimeError: can't start new thread",
            "error: Failed to spawn\n  cause: Resource temporarily unavailable (os error 11)",
            "error: Failed to fetch: `https://i.example/simple/x/`\n  cause: tcp connect error\n  cause: No route to host (os error 113)",
            "  ImportError: libGL.so.1: cannot open shared object file: No such file or directory\nerror: Failed to build `x`",
            // Bugs: packages were named that are there, or that nothing had asked for.
            "error: command '/usr/bin/gcc' failed with exit code 1",
            "/usr/lib/gcc/x86_64-linux-gnu/12/cc1: a.c:1: fatal error: nosuch.h: No such file or directory",
            "FileNotFoundError: [Errno 2] No such file or directory: 'src/x.gcc/a.cc'",
            "Package cairo was not found in the pkg-config search path.",
            "pg_config --includedir failed: 1",
            "error: Something new",
            "who knows",
        ] {
            let tail: Vec<String> = text.lines().map(str::to_owned).collect();
            out += &match reason(&tail) {
                Some(Reason::Said(why)) => format!("{why}\n"),
                other => format!("{other:?}\n"),
            };
        }
        expect![[r#"
            there is no package `nosuch`
              hint: check its spelling in the dependencies
            there is no package `nosuch`
              hint: check its spelling in the dependencies
            there is no package `sqlite3`
              hint: `sqlite3` comes with Python: leave it out of the dependencies
            there is no package `cv2`
              hint: the package that has the module `cv2` is called `opencv-python-headless`
            there is no version `fastapi==999`
              hint: ask for a version that exists
            Because a==1 depends on b>2 and you require b==1, we can conclude that your requirements are unsatisfiable.
              hint: ask for versions that go together
            pg_config executable not found.
              hint: add packages = ["libpq-dev"] to the service in dormouse.toml
            command 'x86_64-linux-gnu-gcc' failed: No such file or directory
              hint: add packages = ["build-essential"] to the service in dormouse.toml
            Failed to fetch: `https://i.example/simple/x/`: invalid peer certificate: UnknownIssuer
              hint: if this network has its own certificate authority, add its certificate to this host's bundle, or name it as SSL_CERT_FILE where the server starts
            Failed to fetch: `https://i.example/simple/x/`: HTTP status client error (401 Unauthorized) for url
              hint: check the credentials of the package index in this host's pip or uv settings
            Failed to install cpython-3.12: dns error
              hint: check this host's name servers and its connection to the package index
            Debian has no package `nosuch`
              hint: check `packages` in dormouse.toml
            there is no package `uv==0.0.1`
              hint: check the package index in this host's pip settings
            Some(Disk)
            Some(Processes)
            Some(Processes)
            Failed to fetch: `https://i.example/simple/x/`: No route to host (os error 113)
              hint: check this host's connection, and what `[egress.builds]` in server.toml lets builds reach
            ImportError: libGL.so.1: cannot open shared object file: No such file or directory
              hint: name packages = ["libgl1", "libglib2.0-0"] under the service in dormouse.toml
            command '/usr/bin/gcc' failed with exit code 1
            None
            None
            None
            None
            Something new
            None
        "#]].assert_eq(&out);
    }
}
