//! Poetry's own words: its dependencies as everybody else writes them, and what its lock says.
//!
//! Its build backend knows them too, but only for a project that is itself a package, and most apps are none.

use std::{collections::BTreeMap, str::FromStr};

use pep440_rs::Version;
use serde::Deserialize;

use super::{
    Listing, PlanError,
    name::normalize,
    requirements::{Names, join},
    see,
};

/// Its lock.
pub(crate) const LOCK: &str = "poetry.lock";

/// The `[tool.poetry]` table.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Table {
    pub(super) name: Option<String>,
    package_mode: Option<bool>,
    packages: Option<Vec<Package>>,
    readme: Option<toml::Value>,
    #[serde(default)]
    dependencies: toml::Table,
}

#[derive(Deserialize)]
struct Package {
    include: String,
    from: Option<String>,
}

/// What a project says in Poetry's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Poetry {
    /// As PEP 508 writes them.
    pub(crate) dependencies: Vec<String>,
    /// Which Pythons it runs on, as PEP 440 writes it.
    pub(crate) python: Option<String>,
    /// Whether it is itself a package, and one that can be installed.
    pub(crate) is_package: bool,
    /// Whether a dependency lies in the source folder.
    pub(crate) local: bool,
}

impl Poetry {
    pub(super) fn new(table: Table, name: &str, listing: &Listing, folder: &str) -> Self {
        let is_package = table.package_mode != Some(false) && is_installable(&table, name, listing, folder);
        let mut out = Self { dependencies: Vec::new(), python: None, is_package, local: false };
        for (name, value) in &table.dependencies {
            if name == "python" {
                out.python = value.as_str().and_then(specifiers).filter(|s| !s.is_empty());
                continue;
            }
            match value.as_array() {
                Some(all) => all.iter().for_each(|value| out.add(name, value)),
                None => out.add(name, value),
            }
        }
        out
    }

    fn add(&mut self, name: &str, value: &toml::Value) {
        let of = |key: &str| value.get(key).and_then(toml::Value::as_str);
        if value.get("optional").and_then(toml::Value::as_bool) == Some(true) {
            return;
        }
        let extras: Vec<_> =
            value.get("extras").and_then(toml::Value::as_array).into_iter().flatten().collect();
        let extras: Vec<_> = extras.iter().filter_map(|e| e.as_str()).collect();
        let mut line = name.to_owned();
        if !extras.is_empty() {
            line += &format!("[{}]", extras.join(","));
        }
        if let Some(git) = of("git") {
            let at = ["rev", "tag", "branch"].into_iter().find_map(of).map(|r| format!("@{r}"));
            let below = of("subdirectory").map(|s| format!("#subdirectory={s}"));
            let scheme = if git.starts_with("git@") {
                format!("ssh://{}", git.replacen(':', "/", 1))
            } else {
                git.to_owned()
            };
            line += &format!(" @ git+{scheme}{}{}", at.unwrap_or_default(), below.unwrap_or_default());
        } else if let Some(url) = of("url") {
            line += &format!(" @ {url}");
        } else if let Some(path) = of("path") {
            self.local = true;
            line += &format!(" @ file:///app/{}", path.trim_start_matches("./").trim_end_matches('/'));
        } else if let Some(version) = value.as_str().or_else(|| of("version")) {
            // What cannot be said is left to the lock.
            line += &specifiers(version).unwrap_or_default();
        }
        let python = of("python").and_then(specifiers).map(|s| markers(&s)).filter(|m| !m.is_empty());
        let platform = of("platform").map(|p| format!("sys_platform == \"{p}\""));
        let all: Vec<_> =
            [of("markers").map(|m| format!("({m})")), python, platform].into_iter().flatten().collect();
        if !all.is_empty() {
            line += &format!(" ; {}", all.join(" and "));
        }
        self.dependencies.push(line);
    }
}

/// Whether the code that its package consists of is there, where Poetry looks for it, and the readme that it names.
fn is_installable(table: &Table, name: &str, listing: &Listing, folder: &str) -> bool {
    let has = |path: &str| {
        let path = join(folder, path);
        listing.has(&path)
            || listing.paths().any(|p| p.strip_prefix(&*path).is_some_and(|r| r.starts_with('/')))
    };
    let readmes = match &table.readme {
        Some(toml::Value::String(one)) => vec![one.as_str()],
        Some(toml::Value::Array(all)) => all.iter().filter_map(toml::Value::as_str).collect(),
        Some(_) | None => Vec::new(),
    };
    if !readmes.into_iter().all(has) {
        return false;
    }
    match &table.packages {
        Some(packages) => packages.iter().all(|p| {
            let start = p.include.split(['*', '?', '[']).next().unwrap_or_default().trim_end_matches('/');
            start.is_empty() || has(&join(p.from.as_deref().unwrap_or_default(), start))
        }),
        None => {
            let module = name.replace(['-', '.'], "_").to_lowercase();
            !module.is_empty()
                && [
                    format!("{module}/__init__.py"),
                    format!("src/{module}/__init__.py"),
                    format!("{module}.py"),
                    format!("src/{module}.py"),
                ]
                .iter()
                .any(|path| has(path))
        }
    }
}

/// A version constraint of Poetry's as PEP 440 writes it; `None` when it has no such words.
fn specifiers(constraint: &str) -> Option<String> {
    if constraint.contains('|') {
        return None;
    }
    let parts = constraint.split(',').map(str::trim).filter(|p| !p.is_empty() && *p != "*");
    let parts: Vec<String> = parts.map(one).collect::<Option<_>>()?;
    Some(parts.join(","))
}

fn one(part: &str) -> Option<String> {
    let bound = |text: &str, kept: fn(&[u64]) -> usize| {
        let version = Version::from_str(text.trim()).ok()?;
        let mut next = version.release().to_vec();
        next.truncate(kept(version.release()).max(1));
        *next.last_mut()? += 1;
        let next: Vec<_> = next.iter().map(u64::to_string).collect();
        Some(format!(">={version},<{}", next.join(".")))
    };
    if let Some(text) = part.strip_prefix('^') {
        // Up to the first number that is not zero.
        return bound(text, |r| r.iter().position(|n| *n > 0).map_or(r.len(), |at| at + 1));
    }
    if let Some(text) = part.strip_prefix('~').filter(|t| !t.starts_with('=')) {
        return bound(text, |r| r.len().min(2));
    }
    if part.starts_with(['>', '<', '!', '~']) || part.starts_with("==") {
        return Some(part.replace(' ', ""));
    }
    let version = part.trim_start_matches('=').trim();
    Version::from_str(version.trim_end_matches(".*")).ok()?;
    Some(format!("=={version}"))
}

/// Specifiers of Python as a marker.
fn markers(specifiers: &str) -> String {
    let one = |part: &str| {
        let at = part.find(|c: char| c.is_ascii_digit())?;
        Some(format!("python_full_version {} \"{}\"", &part[..at], &part[at..]))
    };
    specifiers.split(',').filter_map(one).collect::<Vec<_>>().join(" and ")
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    markers: Option<toml::Value>,
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    r#type: Option<String>,
}

/// What the lock holds everything to, as constraints of pip's. `None` without a lock.
///
/// # Errors
/// When it cannot be read, or lacks what the project depends on.
pub(super) fn constraints(listing: &Listing, names: &Names) -> Result<Option<Vec<String>>, PlanError> {
    let Some(text) = listing.read(LOCK)? else { return Ok(None) };
    let lock: Lock = toml::from_str(text).map_err(|e| {
        PlanError::new(format!("{LOCK} cannot be read: {}", e.message()), see(LOCK, text, e.span()))
    })?;
    let mut by_name: BTreeMap<String, Vec<&Locked>> = BTreeMap::new();
    for package in &lock.package {
        by_name.entry(normalize(&package.name)).or_default().push(package);
    }
    if let Some(missing) = names.iter().find(|n| !by_name.contains_key(*n)) {
        return Err(PlanError::new(
            format!("{LOCK} is older than pyproject.toml: `{missing}` is not in it"),
            "run `poetry lock`, and deploy again",
        ));
    }
    let mut out = Vec::new();
    for (name, versions) in by_name {
        for package in &versions {
            let kind = package.source.as_ref().and_then(|s| s.r#type.as_deref());
            // What is fetched by its address says there which one it is.
            if matches!(kind, Some("git" | "url" | "directory" | "file")) {
                continue;
            }
            match (&package.markers, versions.len()) {
                (_, 1) => out.push(format!("{name}=={}", package.version)),
                (Some(toml::Value::String(markers)), _) => {
                    out.push(format!("{name}=={} ; {markers}", package.version));
                }
                // Which of them is meant where cannot be said.
                (Some(_) | None, _) => {}
            }
        }
    }
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn constraints_in_other_words() {
        let mut out = String::new();
        for text in [
            "*",
            "^1.2.3",
            "^0.2.3",
            "^0.0.3",
            "^0.0",
            "^0",
            "^1",
            "^2.0b1",
            "~1.2.3",
            "~1.2",
            "~1",
            "~=1.4",
            "1.2.3",
            "=1.2",
            "==1.2.*",
            "1.*",
            ">=1,<2",
            ">= 1.0, != 1.5",
            "^1 || ^2",
            "latest",
        ] {
            out += &format!("{text}: {}\n", specifiers(text).map_or("none".to_owned(), |s| format!("`{s}`")));
        }
        expect![[r#"
            *: ``
            ^1.2.3: `>=1.2.3,<2`
            ^0.2.3: `>=0.2.3,<0.3`
            ^0.0.3: `>=0.0.3,<0.0.4`
            ^0.0: `>=0.0,<0.1`
            ^0: `>=0,<1`
            ^1: `>=1,<2`
            ^2.0b1: `>=2.0b1,<3`
            ~1.2.3: `>=1.2.3,<1.3`
            ~1.2: `>=1.2,<1.3`
            ~1: `>=1,<2`
            ~=1.4: `~=1.4`
            1.2.3: `==1.2.3`
            =1.2: `==1.2`
            ==1.2.*: `==1.2.*`
            1.*: `==1.*`
            >=1,<2: `>=1,<2`
            >= 1.0, != 1.5: `>=1.0,!=1.5`
            ^1 || ^2: none
            latest: none
        "#]]
        .assert_eq(&out);
    }

    #[test]
    fn dependencies_in_other_words() {
        let table: Table = toml::from_str(
            r#"
            [dependencies]
            python = "^3.11"
            fastapi = "^0.115"
            uvicorn = { version = "~0.30", extras = ["standard"] }
            psycopg2 = { version = "*", optional = true }
            tomli = { version = ">=1", python = "<3.11" }
            pywin32 = { version = "^306", platform = "win32", markers = "platform_machine != 'arm64'" }
            mine = { path = "./libs/mine", develop = true }
            theirs = { git = "https://example.com/t.git", tag = "v1", subdirectory = "py" }
            ours = { git = "git@example.com:o/ours.git" }
            wheel = { url = "https://example.com/w-1-py3-none-any.whl" }
            numpy = [{ version = "^1", python = "<3.9" }, { version = "^2", python = ">=3.9" }]
            "#,
        )
        .unwrap();
        let poetry = Poetry::new(table, "x", &Listing::default(), "");
        let shown =
            format!("{:?} local: {}\n{}\n", poetry.python, poetry.local, poetry.dependencies.join("\n"));
        expect![[r#"
            Some(">=3.11,<4") local: true
            fastapi>=0.115,<0.116
            mine @ file:///app/libs/mine
            numpy>=1,<2 ; python_full_version < "3.9"
            numpy>=2,<3 ; python_full_version >= "3.9"
            ours @ git+ssh://git@example.com/o/ours.git
            pywin32>=306,<307 ; (platform_machine != 'arm64') and sys_platform == "win32"
            theirs @ git+https://example.com/t.git@v1#subdirectory=py
            tomli>=1 ; python_full_version < "3.11"
            uvicorn[standard]>=0.30,<0.31
            wheel @ https://example.com/w-1-py3-none-any.whl
        "#]]
        .assert_eq(&shown);
    }

    #[test]
    fn what_is_no_package_of_its_own() {
        for (table, files, want) in [
            ("", &["shop/__init__.py"][..], true),
            ("", &["src/shop/__init__.py"], true),
            ("", &["shop.py"], true),
            ("", &["main.py"], false),
            ("package-mode = false", &["shop/__init__.py"], false),
            ("packages = [{ include = 'web' }]", &["web/a.py"], true),
            ("packages = [{ include = 'web', from = 'lib' }]", &["web/a.py"], false),
            ("readme = 'README.md'", &["shop/__init__.py"], false),
            ("readme = 'README.md'", &["shop/__init__.py", "README.md"], true),
        ] {
            let mut listing = Listing::default();
            for file in files {
                listing = listing.and(file, b"");
            }
            let poetry = Poetry::new(toml::from_str(table).unwrap(), "Shop", &listing, "");
            assert_eq!(poetry.is_package, want, "{table} {files:?}");
        }
    }

    #[test]
    fn locks() {
        let lock = r#"
            [[package]]
            name = "FastAPI"
            version = "0.115.6"
            [[package]]
            name = "numpy"
            version = "1.24.0"
            markers = "python_version < '3.9'"
            [[package]]
            name = "numpy"
            version = "2.0.0"
            markers = "python_version >= '3.9'"
            [[package]]
            name = "theirs"
            version = "1"
            [package.source]
            type = "git"
            url = "https://example.com/t.git"
        "#;
        let mut out = String::new();
        for (names, lock) in
            [("fastapi", lock), ("fastapi httpx", lock), ("", "package = 1"), ("fastapi", "")]
        {
            let mut all = Names::default();
            names.split_whitespace().for_each(|n| all.add(n));
            out += &match constraints(&Listing::from([(LOCK, lock)]), &all) {
                Ok(found) => format!("{found:?}\n"),
                Err(e) => format!("{e}\n"),
            };
        }
        expect![[r#"
            Some(["fastapi==0.115.6", "numpy==1.24.0 ; python_version < '3.9'", "numpy==2.0.0 ; python_version >= '3.9'"])
            poetry.lock is older than pyproject.toml: `httpx` is not in it
              hint: run `poetry lock`, and deploy again
            poetry.lock cannot be read: invalid type: integer `1`, expected a sequence
              hint: see line 1 of poetry.lock
            poetry.lock is older than pyproject.toml: `fastapi` is not in it
              hint: run `poetry lock`, and deploy again
        "#]].assert_eq(&out);
    }
}
