//! Reading `requirements.txt`: which files it includes, which packages it names, what it takes from the source.

use std::collections::{BTreeMap, BTreeSet};

use super::{Listing, PlanError};

/// What a requirements file and its includes say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Requirements {
    /// The file itself and everything it includes, in reading order.
    pub(crate) files: Vec<String>,
    /// What it installs.
    pub(crate) names: Names,
    /// Whether it installs from the source folder, so that the source has to be there first.
    pub(crate) local: bool,
}

/// Normalised package names (PEP 503) with the extras asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Names(BTreeMap<String, BTreeSet<String>>);

impl Names {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn has_extra(&self, name: &str, extra: &str) -> bool {
        self.0.get(name).is_some_and(|extras| extras.contains(extra))
    }

    /// Add a requirement as PEP 508 writes it: `name[extra,other] >= 1; marker`.
    pub(crate) fn add(&mut self, requirement: &str) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let (name, rest) = split(requirement.trim(), |c| !is_name(c));
        if name.is_empty() {
            return;
        }
        let extras = self.0.entry(normalize(name)).or_default();
        if let Some((list, _)) = rest.trim_start().strip_prefix('[').and_then(|r| r.split_once(']')) {
            extras.extend(list.split(',').map(normalize));
        }
    }
}

fn split(text: &str, at: impl FnMut(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(at).unwrap_or(text.len()))
}

/// Lower case, and every run of `-`, `_` and `.` one `-`.
pub(crate) fn normalize(name: &str) -> String {
    let mut out = String::new();
    for c in name.trim().chars() {
        match c {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            c => out.push(c.to_ascii_lowercase()),
        }
    }
    out
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
    from: Option<&str>,
    constraints: bool,
    out: &mut Requirements,
) -> Result<(), PlanError> {
    if out.files.iter().any(|f| f == file) {
        return Ok(());
    }
    let Some(text) = listing.text(file) else {
        let said = from.map(|f| format!("`{f}` includes ")).unwrap_or_default();
        let why = format!("{said}`{file}`, which is not a text file in the source folder");
        return Err(PlanError::new(why, "put the file into the source folder; links are not followed"));
    };
    out.files.push(file.to_owned());
    for line in logical_lines(text) {
        let (option, value) = option(&line);
        match option {
            "-r" | "--requirement" => include(listing, &beside(file, value), Some(file), constraints, out)?,
            "-c" | "--constraint" => include(listing, &beside(file, value), Some(file), true, out)?,
            "-e" | "--editable" => out.local |= is_local(value),
            "" if constraints => {}
            "" if is_local(value) => out.local = true,
            "" => out.names.add(value),
            _ => {}
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

/// Lines with `\` continuations joined and comments removed.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for raw in text.trim_start_matches('\u{feff}').lines() {
        let code = match raw.find(" #").or_else(|| raw.find("\t#")) {
            Some(at) => &raw[..at],
            None if raw.trim_start().starts_with('#') => "",
            None => raw,
        };
        let (code, goes_on) = match code.trim_end().strip_suffix('\\') {
            Some(code) => (code, true),
            None => (code, false),
        };
        if let Some(last) = lines.last_mut() {
            last.push_str(code);
        }
        if !goes_on {
            lines.push(String::new());
        }
    }
    lines.into_iter().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty()).collect()
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
            ("folder", [("requirements.txt", "./libs/common[x]")].into()),
            ("wheel", [("requirements.txt", "thing-1-py3-none-any.whl")].into()),
            ("named folder", [("requirements.txt", "thing @ file:///app/thing")].into()),
            (
                "url",
                [(
                    "requirements.txt",
                    "thing @ https://example.com/thing-1.whl\ngit+https://example.com/a.git",
                )]
                .into(),
            ),
            ("missing include", [("requirements.txt", "-r ../base.txt")].into()),
        ];
        let mut out = String::new();
        for (case, listing) in table {
            let line = match read(listing, "requirements.txt") {
                Ok(r) => format!("{:?} {:?}{}", r.files, r.names.0, if r.local { " local" } else { "" }),
                Err(e) => format!("{}; {}", e.why, e.hint),
            };
            out += &format!("{case}: {line}\n");
        }
        expect![[r#"
            plain: ["requirements.txt"] {"fastapi": {"all", "standard"}, "uvicorn": {}}
            includes: ["requirements.txt", "reqs/base.txt", "reqs/more.txt", "constraints.txt"] {"flask": {}, "typing-extensions": {}, "zope-interface": {}}
            editable: ["requirements.txt"] {"httpx": {}} local
            folder: ["requirements.txt"] {} local
            wheel: ["requirements.txt"] {} local
            named folder: ["requirements.txt"] {"thing": {}} local
            url: ["requirements.txt"] {"git": {}, "thing": {}}
            missing include: `requirements.txt` includes `../base.txt`, which is not a text file in the source folder; put the file into the source folder; links are not followed
        "#]].assert_eq(&out);
    }
}
