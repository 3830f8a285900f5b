//! What the words of Python's installers mean.

use std::collections::BTreeSet;

use super::{Reason, Said, names};

/// Packages that are compiled while they are installed, and the Debian packages that needs beside a compiler.
const COMPILED: &[(&str, &[&str])] = &[
    ("cffi", &["libffi-dev"]),
    ("cryptography", &["cargo", "libssl-dev", "pkg-config"]),
    ("dlib", &["cmake"]),
    ("gdal", &["libgdal-dev"]),
    ("h5py", &["libhdf5-dev", "pkg-config"]),
    ("lxml", &["libxml2-dev", "libxslt1-dev"]),
    ("m2crypto", &["libssl-dev", "swig"]),
    ("mysqlclient", &["default-libmysqlclient-dev", "pkg-config"]),
    ("pillow", &["libjpeg-dev", "zlib1g-dev"]),
    ("psycopg-c", &["libpq-dev"]),
    ("psycopg2", &["libpq-dev"]),
    ("pyaudio", &["portaudio19-dev"]),
    ("pycairo", &["libcairo2-dev", "pkg-config"]),
    ("pycurl", &["libcurl4-openssl-dev", "libssl-dev"]),
    ("pygraphviz", &["libgraphviz-dev", "pkg-config"]),
    ("pyicu", &["libicu-dev", "pkg-config"]),
    ("pymssql", &["freetds-dev"]),
    ("pyodbc", &["unixodbc-dev"]),
    ("python-ldap", &["libldap2-dev", "libsasl2-dev"]),
    ("python-snappy", &["libsnappy-dev"]),
    ("shapely", &["libgeos-dev"]),
    ("xmlsec", &["libxmlsec1-dev", "pkg-config"]),
];

/// What compilers and their helpers say when something is missing, and the Debian package that has it.
const MISSING: &[(&str, &[&str])] = &[
    ("pg_config", &["libpq-dev"]),
    ("pg_config.h", &["libpq-dev"]),
    ("libpq-fe.h", &["libpq-dev"]),
    ("-lpq", &["libpq-dev"]),
    ("mysql_config", &["default-libmysqlclient-dev"]),
    ("mysql.h", &["default-libmysqlclient-dev"]),
    ("pkg-config", &["pkg-config"]),
    ("Python.h", &["python3-dev"]),
    ("ffi.h", &["libffi-dev"]),
    ("openssl/", &["libssl-dev"]),
    ("-lssl", &["libssl-dev"]),
    ("libxml/", &["libxml2-dev"]),
    ("xml2-config", &["libxml2-dev"]),
    ("xslt-config", &["libxslt1-dev"]),
    ("jpeglib.h", &["libjpeg-dev"]),
    ("zlib.h", &["zlib1g-dev"]),
    ("-lz", &["zlib1g-dev"]),
    ("bzlib.h", &["libbz2-dev"]),
    ("lzma.h", &["liblzma-dev"]),
    ("yaml.h", &["libyaml-dev"]),
    ("sqlite3.h", &["libsqlite3-dev"]),
    ("sql.h", &["unixodbc-dev"]),
    ("lber.h", &["libldap2-dev", "libsasl2-dev"]),
    ("sasl/", &["libsasl2-dev"]),
    ("curl-config", &["libcurl4-openssl-dev"]),
    ("curl/", &["libcurl4-openssl-dev"]),
    ("krb5-config", &["libkrb5-dev"]),
    ("gdal-config", &["libgdal-dev"]),
    ("geos_c.h", &["libgeos-dev"]),
    ("portaudio.h", &["portaudio19-dev"]),
    ("cairo.h", &["libcairo2-dev"]),
    ("hdf5.h", &["libhdf5-dev"]),
    ("cmake", &["cmake"]),
    ("CMake", &["cmake"]),
    ("swig", &["swig"]),
    ("rustc", &["cargo"]),
    ("cargo", &["cargo"]),
    ("make", &[]),
    ("gcc", &[]),
    ("g++", &[]),
    ("cc", &[]),
    ("a C compiler", &[]),
];

/// How it is said that something is missing.
const IS_MISSING: [&str; 7] = [
    "not found",
    "No such file",
    "cannot find",
    "you need",
    "Could NOT find",
    "is not installed",
    "must be installed",
];

/// What compiling anything takes.
const COMPILER: [&str; 2] = ["build-essential", "python3-dev"];

/// Packages that come compiled under another name.
const ALREADY: &[(&str, &str)] =
    &[("psycopg2", "psycopg2-binary"), ("psycopg-c", "psycopg[binary]"), ("mysqlclient", "pymysql")];

/// Find the reason.
pub(super) fn reason(said: &mut Said) -> Option<Reason> {
    let failed = said.errors().find_map(|(error, _)| failed(error)).map(str::to_owned);
    let tail = said.tail();
    let has = |sign: &str| tail.iter().any(|l| l.contains(sign));
    if has("No space left on device") || has("os error 28") {
        return Some(Reason::Disk);
    }
    let said_so = |why: String, hint: String| Some(Reason::Said(format!("{why}\n  hint: {hint}")));
    if has("Git executable not found") {
        let why = "something is fetched from a Git repository, and there is no git";
        return said_so(why.to_owned(), name_them(&["git"]));
    }
    if let Some((_, cause)) = tail.iter().find_map(|l| l.split_once("fatal: "))
        && has("Git operation failed")
    {
        let hint = "check the repository's address, and that it can be fetched without logging in";
        return said_so(format!("git cannot fetch a repository: {}", cause.trim()), hint.to_owned());
    }
    if let Some(line) = tail.iter().find(|l| l.contains("does not satisfy Python")) {
        let why = line.trim_start_matches(['╰', '─', '▶', ' ']).trim_start_matches("cause: ").trim();
        let hint = "name the version it needs in a .python-version file, such as 3.12";
        return said_so(why.chars().take(400).collect(), hint.to_owned());
    }
    let subject = failed.as_deref().map(|f| f.split(['=', ' ', '@', '[']).next().unwrap_or(f).to_lowercase());
    let known = COMPILED.iter().find(|(name, _)| Some(*name) == subject.as_deref());
    let mut wanted: BTreeSet<&str> = missing(tail).collect();
    if wanted.is_empty() {
        return None;
    }
    wanted.extend(known.iter().flat_map(|(_, packages)| packages.iter()));
    wanted.extend(COMPILER);
    let wanted: Vec<&str> = wanted.into_iter().collect();
    let mut hint = name_them(&wanted);
    if let Some((_, other)) = ALREADY.iter().find(|(name, _)| Some(*name) == subject.as_deref()) {
        hint += &format!("; or depend on `{other}`, which needs no compiler");
    }
    let what = failed.map_or_else(|| "a package".to_owned(), |f| format!("`{f}`"));
    let takes: Vec<_> = wanted.iter().map(|p| if *p == COMPILER[0] { "gcc" } else { p }).collect();
    let why = format!("{what} is compiled while it is installed, and that takes {}", takes.join(", "));
    said_so(why, hint)
}

fn name_them(packages: &[&str]) -> String {
    let quoted: Vec<_> = packages.iter().map(|p| format!("\"{p}\"")).collect();
    format!("name packages = [{}] under the service in dormouse.toml", quoted.join(", "))
}

/// What an installer could not build.
fn failed(error: &str) -> Option<&str> {
    let rest = error
        .split_once("Failed to build `")
        .or_else(|| error.split_once("Failed to download and build `"))?;
    rest.1.split('`').next()
}

/// Debian packages of what is said to be missing; a compiler alone is `build-essential`.
fn missing(tail: &[String]) -> impl Iterator<Item = &'static str> {
    let lines = tail.iter().filter(|l| IS_MISSING.iter().any(|m| l.contains(m)));
    let signs = lines.flat_map(move |line| MISSING.iter().filter(move |(sign, _)| names(line, sign)));
    let found: Vec<&str> =
        signs.flat_map(|(_, packages)| [COMPILER[0]].into_iter().chain(packages.iter().copied())).collect();
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    /// The last words of uv 0.13 and of the package that it builds, shortened.
    #[test]
    fn last_words() {
        let mut out = String::new();
        for text in [
            "error: Failed to build `psycopg2==2.9.9`\n  cause: The build backend returned an error\n         Error: pg_config executable not found.\n\
             hint: Build failures usually indicate a problem with the package or the build environment",
            "error: Failed to build `mysqlclient==2.2.7`\n         /bin/sh: 1: pkg-config: not found\n         Exception: Can not find valid pkg-config name.",
            "error: Failed to build `uwsgi==2.0.31`\n         Exception: you need a C compiler to build uWSGI",
            "error: Failed to build `cryptography==50.0.2`\n         error: linker `cc` not found\n         💥 maturin failed",
            "error: Failed to build `thing==1`\n      error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory",
            "error: Failed to build `thing==1`\n         src/a.c:1:10: fatal error: Python.h: No such file or directory",
            "error: Failed to build `thing @ file:///app/thing`\n      /usr/bin/ld: cannot find -lpq: No such file or directory",
            "error: Failed to build `lxml==4.9`\n         Error: Please make sure the libxml2 and libxslt development packages are installed.\n  xslt-config: not found",
            "error: Failed to build `shop @ file:///app`\n         ModuleNotFoundError: No module named 'shop'",
            "error: Failed to download and build `x @ git+https://example.invalid/a.git`\n  cause: Git operation failed\n  \
             cause: Git executable not found. Ensure that Git is installed and available.",
            "error: Failed to download and build `x @ git+https://127.0.0.1:1/x.git`\n  cause: Git operation failed\n  cause: failed to \
             clone into: /x\n  cause: process didn't exit successfully\n         --- stderr\n         fatal: unable to access \
             'https://127.0.0.1:1/x.git/': Failed to connect to 127.0.0.1 port 1",
            "error: No solution found when resolving dependencies\n  cause: Because the current Python version (3.11.2) does not \
             satisfy Python>=3.12 and x==2 depends on Python>=3.12, we can conclude that x==2 cannot be used.",
            "error: Failed to build `cairocffi==1`\n         Package cairo was not found in the pkg-config search path.",
            // Bugs: packages were named that nothing had asked for.
            "error: Failed to build `thing==1`\n         FileNotFoundError: [Errno 2] No such file or directory: 'src/a.cc'",
            "error: Failed to build `thing==1`\n         Settings not found, please make sure that they are there",
            "error: Failed to build `psycopg2==2.9.9`\n         FileNotFoundError: No such file or directory: 'cargo/x.toml'",
            "error: Failed to write: No space left on device (os error 28)",
            "error: Something new",
        ] {
            let mut said = Said::default();
            text.lines().for_each(|l| said.push(l));
            out += &match reason(&mut said) {
                Some(Reason::Said(why)) => format!("{why}\n"),
                other => format!("{other:?}\n"),
            };
        }
        expect![[r#"
            `psycopg2==2.9.9` is compiled while it is installed, and that takes gcc, libpq-dev, python3-dev
              hint: name packages = ["build-essential", "libpq-dev", "python3-dev"] under the service in dormouse.toml; or depend on `psycopg2-binary`, which needs no compiler
            `mysqlclient==2.2.7` is compiled while it is installed, and that takes gcc, default-libmysqlclient-dev, pkg-config, python3-dev
              hint: name packages = ["build-essential", "default-libmysqlclient-dev", "pkg-config", "python3-dev"] under the service in dormouse.toml; or depend on `pymysql`, which needs no compiler
            `uwsgi==2.0.31` is compiled while it is installed, and that takes gcc, python3-dev
              hint: name packages = ["build-essential", "python3-dev"] under the service in dormouse.toml
            `cryptography==50.0.2` is compiled while it is installed, and that takes gcc, cargo, libssl-dev, pkg-config, python3-dev
              hint: name packages = ["build-essential", "cargo", "libssl-dev", "pkg-config", "python3-dev"] under the service in dormouse.toml
            `thing==1` is compiled while it is installed, and that takes gcc, python3-dev
              hint: name packages = ["build-essential", "python3-dev"] under the service in dormouse.toml
            `thing==1` is compiled while it is installed, and that takes gcc, python3-dev
              hint: name packages = ["build-essential", "python3-dev"] under the service in dormouse.toml
            `thing @ file:///app/thing` is compiled while it is installed, and that takes gcc, libpq-dev, python3-dev
              hint: name packages = ["build-essential", "libpq-dev", "python3-dev"] under the service in dormouse.toml
            `lxml==4.9` is compiled while it is installed, and that takes gcc, libxml2-dev, libxslt1-dev, python3-dev
              hint: name packages = ["build-essential", "libxml2-dev", "libxslt1-dev", "python3-dev"] under the service in dormouse.toml
            None
            something is fetched from a Git repository, and there is no git
              hint: name packages = ["git"] under the service in dormouse.toml
            git cannot fetch a repository: unable to access 'https://127.0.0.1:1/x.git/': Failed to connect to 127.0.0.1 port 1
              hint: check the repository's address, and that it can be fetched without logging in
            Because the current Python version (3.11.2) does not satisfy Python>=3.12 and x==2 depends on Python>=3.12, we can conclude that x==2 cannot be used.
              hint: name the version it needs in a .python-version file, such as 3.12
            None
            None
            None
            None
            Some(Disk)
            None
        "#]].assert_eq(&out);
    }
}
