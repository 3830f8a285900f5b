//! Reading `requirements.txt`: which files it includes, which packages it names, what it takes from the source.

use std::collections::{BTreeMap, BTreeSet};

use super::{Listing, Origin, PlanError, name::normalize, project, setup};

/// What a requirements file and its includes say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Requirements {
    /// The file itself and everything it includes, in reading order.
    pub(crate) files: Vec<String>,
    /// What it installs.
    pub(crate) names: Names,
    /// Whether it installs from the source folder, so that the source has to be there first.
    pub(crate) local: bool,
    /// The first line that installs from a Git repository.
    pub(crate) git: Option<Origin>,
}

/// Normalised package names (PEP 503) with the extras asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Names {
    known: BTreeMap<String, BTreeSet<String>>,
    /// What may be installed besides, and is not known: who would say.
    open: Option<&'static str>,
    /// Names that are listed where nothing is installed from, each with where that is.
    elsewhere: BTreeMap<String, String>,
}

impl Names {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// Whether it is installed, as far as anybody can tell.
    pub(crate) fn may_have(&self, name: &str) -> bool {
        self.open.is_some() || self.has(name)
    }

    /// Who alone knows what else is installed, where that is not known.
    pub(crate) fn open(&self) -> Option<&'static str> {
        self.open
    }

    /// Not everything that is installed is known.
    pub(crate) fn leave_open(&mut self, to: &'static str) {
        self.open = self.open.or(Some(to));
    }

    /// Where a package is listed from where nothing is installed.
    pub(crate) fn elsewhere(&self, name: &str) -> Option<&str> {
        self.elsewhere.get(name).map(String::as_str)
    }

    /// Note packages that are listed at a place from where nothing is installed.
    pub(crate) fn listed_elsewhere(&mut self, place: &str, others: &Self) {
        for name in others.iter() {
            self.elsewhere.entry(name.to_owned()).or_insert_with(|| place.to_owned());
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    /// Add all of `others`.
    pub(crate) fn extend(&mut self, others: Self) {
        for (name, extras) in others.known {
            self.known.entry(name).or_default().extend(extras);
        }
        self.open = self.open.or(others.open);
        for (name, place) in others.elsewhere {
            self.elsewhere.entry(name).or_insert(place);
        }
    }

    pub(crate) fn has_extra(&self, name: &str, extra: &str) -> bool {
        self.known.get(name).is_some_and(|extras| extras.contains(extra))
    }

    /// Add a requirement as PEP 508 writes it: `name[extra,other] >= 1; marker`.
    pub(crate) fn add(&mut self, requirement: &str) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let (name, rest) = split(requirement.trim(), |c| !is_name(c));
        if name.is_empty() {
            return;
        }
        let extras = self.known.entry(normalize(name)).or_default();
        if let Some((list, _)) = rest.trim_start().strip_prefix('[').and_then(|r| r.split_once(']')) {
            extras.extend(list.split(',').map(normalize));
        }
    }
}

impl std::fmt::Display for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (name, extras)) in self.known.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
            if !extras.is_empty() {
                write!(f, "[{}]", extras.iter().map(String::as_str).collect::<Vec<_>>().join(","))?;
            }
        }
        Ok(())
    }
}

fn split(text: &str, at: impl FnMut(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(at).unwrap_or(text.len()))
}

/// Read `file` and what it includes.
pub(crate) fn read(listing: &Listing, file: &str) -> Result<Requirements, PlanError> {
    let mut out = Requirements::default();
    include(listing, file, None, false, &mut out)?;
    Ok(out)
}

fn include(
    listing: &Listing,
    file: &str,
    from: Option<&Origin>,
    constraints: bool,
    out: &mut Requirements,
) -> Result<(), PlanError> {
    if out.files.iter().any(|f| f == file) {
        return Ok(());
    }
    let Some(text) = listing.read(file)? else {
        let said = from.map(|o| format!("{o} includes ")).unwrap_or_default();
        let why = format!("{said}`{file}`, which is not in the source folder");
        return Err(PlanError::new(why, "put the file into the source folder"));
    };
    out.files.push(file.to_owned());
    for (number, line) in logical_lines(text) {
        let (option, value) = option(&line);
        // As pip does with what follows an option.
        let is_quoted = option.starts_with('-') && value.starts_with(['"', '\'']);
        let value = if is_quoted { value.trim_matches(['"', '\'']) } else { value };
        let here = || Origin::written(file, number);
        match option {
            // One that is fetched names what nobody knows before.
            _ if value.contains("://") && matches!(option, "-r" | "--requirement") => {
                out.names.leave_open("a file elsewhere");
            }
            "-c" | "--constraint" if value.contains("://") => {}
            "-r" | "--requirement" => {
                include(listing, &beside(file, value), Some(&here()), constraints, out)?;
            }
            "-c" | "--constraint" => include(listing, &beside(file, value), Some(&here()), true, out)?,
            "-e" | "--editable" if is_local(value) => local(listing, value, out)?,
            "-e" | "--editable" => out.names.add(named(value)),
            "" if constraints => {}
            "" if is_local(value) => local(listing, value, out)?,
            "" if !is_requirement(value) => {
                let why = format!("{} is no requirement: `{value}`", here());
                return Err(PlanError::new(why, how(value)));
            }
            "- " | "-\t" => {
                let why = format!("{} is no requirement: `{}`", here(), line);
                return Err(PlanError::new(why, format!("leave out the dash: {value}")));
            }
            "" => out.names.add(named(value)),
            _ => {}
        }
        if matches!(option, "" | "-e" | "--editable") && is_git(value) && out.git.is_none() {
            out.git = Some(here());
        }
        if let Some((name, target)) = value.split_once('@')
            && option.is_empty()
            && !name.contains("://")
        {
            out.local |= is_local(target.trim());
        }
    }
    Ok(())
}

/// A package of the source folder; what it depends on is installed too.
fn local(listing: &Listing, target: &str, out: &mut Requirements) -> Result<(), PlanError> {
    out.local = true;
    let path = split(target, |c: char| c == '[' || c == ';' || c.is_whitespace()).0;
    // As pip does, from where it is run and not from the file.
    let folder = beside("", path);
    if let Some(project) = project::read(listing, &folder)? {
        out.names.extend(project.names);
    }
    if let Some(setup) = setup::read(listing, &folder)? {
        out.names.extend(setup.names);
    }
    Ok(())
}

/// The part of a requirement that begins with its package's name; an address says it at its end, if at all.
fn named(requirement: &str) -> &str {
    let is_address = requirement.split('@').next().is_some_and(|start| start.contains("://"));
    if !is_address {
        return requirement;
    }
    requirement.split_once("egg=").map_or("", |(_, egg)| egg)
}

/// How a requirement compares versions.
const COMPARE: [&str; 8] = ["===", "~=", "==", "!=", "<=", ">=", "<", ">"];

/// Whether a line is what pip and uv read as a requirement: `name[extra] >= 1, < 2; marker --option`, or an address.
fn is_requirement(line: &str) -> bool {
    // Variables of the environment are filled in only when it is installed.
    if line.contains("://") || line.contains("${") {
        return true;
    }
    let line = line.split(" --").next().unwrap_or(line);
    let line = line.split(';').next().unwrap_or(line).trim();
    let (name, rest) = split(line, |c| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    let rest = match rest.trim_start().strip_prefix('[') {
        Some(extras) => extras.split_once(']').map(|(_, rest)| rest),
        None => Some(rest),
    };
    let Some(rest) = rest.map(str::trim) else { return false };
    let rest = rest.strip_prefix('(').and_then(|r| r.strip_suffix(')')).unwrap_or(rest);
    let compares = |part: &str| {
        let part = part.trim();
        let version = COMPARE.iter().find_map(|op| part.strip_prefix(op)).map(str::trim);
        let is_none = |c: char| c.is_whitespace() || "=<>~!".contains(c);
        version.is_some_and(|v| !v.is_empty() && !v.contains(is_none))
    };
    let all = || rest.trim_end_matches(',').split(',').all(compares);
    !name.is_empty() && (rest.is_empty() || rest.starts_with('@') || all())
}

/// What to write in place of a line that is no requirement.
fn how(line: &str) -> String {
    let usual = || "name one package a line, such as flask>=2.0".to_owned();
    let words = line.trim_start_matches(['$', '!', '%', ' ']);
    if let Some((_, rest)) = words.split_once("pip install ").or(words.split_once("uv add ")) {
        let packages: Vec<_> = rest.split_whitespace().filter(|w| !w.starts_with('-')).collect();
        return format!("this file has only what is installed, one package a line: {}", packages.join(", "));
    }
    let unquoted = line.trim_matches(['"', '\'', ',', '[', ']']).trim();
    if unquoted.len() < line.len() && is_requirement(unquoted) {
        return format!("write {unquoted}");
    }
    if let Some((before, comment)) = line.split_once('#')
        && is_requirement(before.trim())
    {
        return format!("a comment needs a space before it: {} #{comment}", before.trim());
    }
    match line.split_once(['=', '^', '@']) {
        Some((name, version)) if is_requirement(name) && is_requirement(&format!("{name}=={version}")) => {
            let operator = if line.contains('^') { ">=" } else { "==" };
            format!("write {name}{operator}{version}")
        }
        Some(_) | None => match line.split(',').map(str::trim).collect::<Vec<_>>().as_slice() {
            all @ [_, _, ..] if all.iter().all(|one| is_requirement(one)) => {
                format!("name one package a line: {}", all.join(", then "))
            }
            _ => usual(),
        },
    }
}

/// Whether a requirement is fetched from a Git repository.
pub(crate) fn is_git(requirement: &str) -> bool {
    requirement.split(['@', ' ']).any(|part| part.starts_with("git+"))
}

/// `name` in a folder; the top is the empty one.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Lines with `\` continuations joined and comments removed, each with the number it begins at.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = vec![(1, String::new())];
    for (i, raw) in text.lines().enumerate() {
        let code = match raw.find(" #").or_else(|| raw.find("\t#")) {
            Some(at) => &raw[..at],
            None if raw.trim_start().starts_with('#') => "",
            None => raw,
        };
        let (code, goes_on) = match code.trim_end().strip_suffix('\\') {
            Some(code) => (code, true),
            None => (code, false),
        };
        if let Some((_, last)) = lines.last_mut() {
            last.push_str(code);
        }
        if !goes_on {
            lines.push((i + 2, String::new()));
        }
    }
    let trimmed = lines.into_iter().map(|(at, line)| (at, line.trim().to_owned()));
    trimmed.filter(|(_, line)| !line.is_empty()).collect()
}

/// `-r x`, `-rx`, `--requirement x`, `--requirement=x`; a plain requirement has an empty option.
fn option(line: &str) -> (&str, &str) {
    if line.starts_with("--") {
        let (name, value) = split(line, |c: char| c == '=' || c.is_whitespace());
        return (name, value.trim_start_matches(['=', ' ', '\t']).trim());
    }
    if line.starts_with('-') && line.is_char_boundary(2) {
        let (name, value) = line.split_at(2);
        return (name, value.trim());
    }
    ("", line)
}

fn is_local(target: &str) -> bool {
    let path = split(target, |c: char| c == '[' || c == ';' || c.is_whitespace()).0;
    path == "."
        || path.starts_with("./")
        || path.starts_with("../")
        || target.starts_with("file:")
        || (!path.contains("://") && path.contains('/'))
        || (!path.contains("://") && [".whl", ".tar.gz", ".zip"].iter().any(|e| path.ends_with(e)))
}

/// `name` as seen from the folder of `file`, without `.` and `..`.
fn beside(file: &str, name: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." if !parts.is_empty() => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn lines_that_are_requirements() {
        for (line, yes) in [
            ("flask", true),
            ("Flask[async, dotenv] >=2, <4 ; python_version < '3.12'", true),
            ("flask==2.*", true),
            ("flask (>=2,<3)", true),
            ("a~=1.0,!=1.3,", true),
            ("a===1.0+local", true),
            ("a==1 --hash=sha256:aa", true),
            ("thing @ https://example.com/a b.whl", true),
            ("git+https://example.com/a.git", true),
            ("thing==${VERSION}", true),
            ("flask >= 2 gunicorn", false),
            ("flask gunicorn", false),
            ("flask=2", false),
            ("flask 2.0", false),
            ("flask>=", false),
            ("flask>=1 <2", false),
            ("flask[async", false),
            ("<<<<<<< HEAD", false),
            ("\"flask\"", false),
        ] {
            assert_eq!(is_requirement(line), yes, "{line}");
        }
    }

    /// Bug: for each of these the hint was the same, and a line of a list was passed over.
    #[test]
    fn what_to_write_instead() {
        let mut out = String::new();
        for line in [
            "fastapi#web",
            "'fastapi>=1'",
            "\"fastapi\",",
            "pip install fastapi 'uvicorn'",
            "$ pip install -U fastapi",
            "fastapi=0.1",
            "fastapi^0.1",
            "fastapi,uvicorn",
            "- uvicorn",
            "flask >= 2 gunicorn",
            "<<<<<<< HEAD",
            "-r \"base.txt\"",
        ] {
            let listing = [("requirements.txt", line), ("base.txt", "flask")].into();
            out += &match read(&listing, "requirements.txt") {
                Ok(r) => format!("{line} -> {}\n", r.names),
                Err(e) => format!("{line} -> {}\n", e.hint),
            };
        }
        expect![[r#"
            fastapi#web -> a comment needs a space before it: fastapi #web
            'fastapi>=1' -> write fastapi>=1
            "fastapi", -> write fastapi
            pip install fastapi 'uvicorn' -> this file has only what is installed, one package a line: fastapi, 'uvicorn'
            $ pip install -U fastapi -> this file has only what is installed, one package a line: fastapi
            fastapi=0.1 -> write fastapi==0.1
            fastapi^0.1 -> write fastapi>=0.1
            fastapi,uvicorn -> name one package a line: fastapi, then uvicorn
            - uvicorn -> leave out the dash: uvicorn
            flask >= 2 gunicorn -> name one package a line, such as flask>=2.0
            <<<<<<< HEAD -> name one package a line, such as flask>=2.0
            -r "base.txt" -> flask
        "#]].assert_eq(&out);
    }

    #[test]
    fn includes_names_and_local_paths() {
        let table: &[(&str, Listing)] = &[
            (
                "plain",
                [(
                    "requirements.txt",
                    "FastAPI[standard,all]>=0.1 # web\n# no\nUvicorn==1 \\\n  --hash=sha256:aa\n",
                )]
                .into(),
            ),
            (
                "includes",
                [
                    (
                        "requirements.txt",
                        "-r reqs/base.txt\n-cconstraints.txt\n--index-url=https://x/simple\nflask",
                    ),
                    ("reqs/base.txt", "-r ../requirements.txt\n--requirement=more.txt\nzope.interface"),
                    ("reqs/more.txt", "Typing_Extensions; python_version < '3.12'"),
                    ("constraints.txt", "numpy<2"),
                ]
                .into(),
            ),
            ("editable", [("requirements.txt", "-e .\nhttpx")].into()),
            ("two on a line", [("requirements.txt", "httpx\n-r b.txt"), ("b.txt", "\nflask >= 2 gunicorn")].into()),
            ("folder", [("requirements.txt", "./libs/common[x]")].into()),
            ("wheel", [("requirements.txt", "thing-1-py3-none-any.whl")].into()),
            ("named folder", [("requirements.txt", "thing @ file:///app/thing")].into()),
            (
                "url",
                [(
                    "requirements.txt",
                    "thing @ https://example.com/thing-1.whl\ngit+https://example.com/a.git\n-e git+https://example.com/b.git@v1#egg=b-lib",
                )]
                .into(),
            ),
            ("missing include", [("requirements.txt", "# a\n-r ../base.txt")].into()),
            ("from the web", [("requirements.txt", "-r https://example.com/reqs.txt\nflask")].into()),
            (
                "itself",
                [
                    ("requirements.txt", "-e .[web]"),
                    ("setup.py", "setup(install_requires=['flask', 'gunicorn'])"),
                ]
                .into(),
            ),
            (
                "a library",
                [("requirements.txt", "./libs/a"), ("libs/a/pyproject.toml", "[project]\ndependencies=['httpx']")].into(),
            ),
            ("not UTF-8", Listing::from([("requirements.txt", "-r b.txt")]).and("b.txt", b"# ok\n\xe9")),
            ("UTF-16", Listing::from([("x", "")]).and("requirements.txt", b"\xFF\xFEa\0\n\0b\0")),
        ];
        let mut out = String::new();
        for (case, listing) in table {
            let line = match read(listing, "requirements.txt") {
                Ok(r) => {
                    let git = r.git.map(|o| format!(" git ({o})")).unwrap_or_default();
                    format!("{:?} {}{}{git}", r.files, r.names, if r.local { " local" } else { "" })
                }
                Err(e) => format!("{}; {}", e.why, e.hint),
            };
            out += &format!("{case}: {line}\n");
        }
        expect![[r#"
            plain: ["requirements.txt"] fastapi[all,standard] uvicorn
            includes: ["requirements.txt", "reqs/base.txt", "reqs/more.txt", "constraints.txt"] flask typing-extensions zope-interface
            editable: ["requirements.txt"] httpx local
            two on a line: b.txt:2 is no requirement: `flask >= 2 gunicorn`; name one package a line, such as flask>=2.0
            folder: ["requirements.txt"]  local
            wheel: ["requirements.txt"]  local
            named folder: ["requirements.txt"] thing local
            url: ["requirements.txt"] b-lib thing git (requirements.txt:2)
            missing include: requirements.txt:2 includes `../base.txt`, which is not in the source folder; put the file into the source folder
            from the web: ["requirements.txt"] flask
            itself: ["requirements.txt"] flask gunicorn local
            a library: ["requirements.txt"] httpx local
            not UTF-8: b.txt cannot be read: line 2 is not text: byte 6 of the file is 0xE9, which is not UTF-8 here; save it as UTF-8; in Latin-1 this byte is `é`
            UTF-16: ["requirements.txt"] a b
        "#]].assert_eq(&out);
    }
}
