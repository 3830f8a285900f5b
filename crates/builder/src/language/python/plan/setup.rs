//! Reading `setup.py` and `setup.cfg`, by looking and not by running them.

use super::{
    Listing, Origin, PlanError,
    requirements::{self, Names},
    version::Requires,
};

/// What they say, as far as it can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Setup {
    /// What the package depends on.
    pub(crate) names: Names,
    /// The same as a setup.cfg lists it, one requirement each.
    pub(crate) requirements: Vec<String>,
    /// The file that a setup.cfg leaves it to.
    pub(crate) file: Option<String>,
    pub(crate) requires: Option<Requires>,
}

/// Read those of a folder; the top is the empty one. `None` when there are none.
pub(crate) fn read(listing: &Listing, folder: &str) -> Result<Option<Setup>, PlanError> {
    let path = |name: &str| requirements::join(folder, name);
    let (cfg, py) = (path("setup.cfg"), path("setup.py"));
    let mut setup = Setup::default();
    // A setup.cfg may hold nothing but the settings of tools.
    let described =
        listing.read(&cfg)?.filter(|text| options(text).next().is_some() || text.contains("[metadata]"));
    if let Some(text) = described {
        for (line, key, value) in options(text) {
            match key {
                "install_requires" => {
                    add_file_or_names(listing, folder, value, &mut setup.names);
                    match value.trim().strip_prefix("file:") {
                        Some(files) => {
                            let first = files.split(',').next().unwrap_or_default().trim();
                            setup.file = Some(requirements::join(folder, first));
                        }
                        None => setup.requirements = listed(value).map(str::to_owned).collect(),
                    }
                }
                "python_requires" => setup.requires = requires(value, &cfg, line),
                _ => {}
            }
        }
    }
    let code = listing.read(&py)?;
    if let Some(code) = code {
        if let Some((_, list)) = argument(code, "install_requires") {
            add_list(listing, folder, code, list, &mut setup.names);
        }
        if let Some((line, value)) = argument(code, "python_requires") {
            let found = literals(value).next().and_then(|v| requires(v, &py, line));
            setup.requires = found.or(setup.requires);
        }
    }
    Ok((described.is_some() || code.is_some()).then_some(setup))
}

fn requires(value: &str, file: &str, line: usize) -> Option<Requires> {
    let specifiers = value.trim().to_owned();
    (!specifiers.is_empty()).then(|| Requires { specifiers, origin: Origin::written(file, line) })
}

/// Line, key and value (over several lines) of the `[options]` of a setup.cfg.
fn options(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut start = 0;
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let end = start + line.len();
        if line.starts_with('[') {
            inside = line.trim_end() == "[options]";
        } else if inside && line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            if let Some((key, value)) = line.split_once('=') {
                found.push((i + 1, key.trim(), end - value.len(), end));
            }
        } else if inside && let Some((.., stop)) = found.last_mut() {
            *stop = end;
        }
        start = end;
    }
    found.into_iter().map(|(line, key, from, to)| (line, key, &text[from..to]))
}

/// `file: requirements.txt`, or one name a line.
fn add_file_or_names(listing: &Listing, folder: &str, value: &str, names: &mut Names) {
    match value.trim().strip_prefix("file:") {
        Some(files) => files.split(',').for_each(|f| add_file(listing, folder, f.trim(), names)),
        None => listed(value).for_each(|l| names.add(l)),
    }
}

/// Requirements, one a line.
fn listed(value: &str) -> impl Iterator<Item = &str> {
    let lines = value.lines().map(|l| l.split(" #").next().unwrap_or_default().trim());
    lines.filter(|l| !l.is_empty() && !l.starts_with('#'))
}

fn add_file(listing: &Listing, folder: &str, file: &str, names: &mut Names) {
    if let Ok(found) = requirements::read(listing, &requirements::join(folder, file)) {
        names.extend(found.names);
    }
}

/// Line and text behind `name=` in a call.
fn argument<'c>(code: &'c str, name: &str) -> Option<(usize, &'c str)> {
    code.match_indices(name).find_map(|(at, _)| {
        let value = code[at + name.len()..].trim_start().strip_prefix('=')?;
        let is_whole = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        (is_whole && !value.starts_with('='))
            .then(|| (code[..at].matches('\n').count() + 1, value.trim_start()))
    })
}

/// A list as it stands, one in a variable, or one that is read from a file which the code names.
fn add_list(listing: &Listing, folder: &str, code: &str, value: &str, names: &mut Names) {
    let list = if value.starts_with(['[', '(']) {
        Some(value)
    } else {
        let name = value.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        // The argument itself is no assignment of it.
        let assigned = |line: &&str| line.strip_prefix(name).is_some_and(|r| r.trim_start().starts_with('='));
        code.lines().find(assigned).and_then(|line| {
            let at = line.as_ptr() as usize - code.as_ptr() as usize;
            Some(code[at..].split_once('=')?.1.trim_start()).filter(|l| l.starts_with(['[', '(']))
        })
    };
    match list {
        Some(list) => literals(list).for_each(|l| names.add(l)),
        None => literals_anywhere(code)
            .filter(|l| l.ends_with(".txt"))
            .for_each(|file| add_file(listing, folder, file, names)),
    }
}

/// The strings at the start of a piece of code: one, or those in brackets.
fn literals(code: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    let mut end = code.len();
    let mut quote = None;
    for (at, c) in code.char_indices() {
        match (quote, c) {
            (Some(q), c) if q == c => {
                quote = None;
                if depth == 0 {
                    end = at + 1;
                    break;
                }
            }
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => {
                depth -= 1;
                if depth <= 0 {
                    end = at;
                    break;
                }
            }
            (None, _) => {}
        }
    }
    literals_anywhere(&code[..end])
}

/// Every string in a piece of code.
fn literals_anywhere(code: &str) -> impl Iterator<Item = &str> {
    let mut rest = code;
    std::iter::from_fn(move || {
        let open = rest.find(['"', '\''])?;
        let quote = rest[open..].chars().next()?;
        let text = &rest[open + 1..];
        let close = text.find(quote)?;
        rest = &text[close + 1..];
        Some(&text[..close])
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn what_can_be_seen() {
        let mut out = String::new();
        for (case, listing) in [
            (
                "a list",
                [("setup.py", "from setuptools import setup\nsetup(\n  name='x',\n  python_requires='>=3.10',\n  install_requires=[\n    'flask>=2',\n    \"gunicorn[gevent]\",  # a server\n  ],\n  extras_require={'dev': ['pytest']},\n)\n")].into(),
            ),
            ("a variable", Listing::from([("setup.py", "REQS = ['flask', 'x-y']\nsetup(install_requires=REQS)")])),
            (
                "a file",
                [("setup.py", "with open('reqs.txt') as f:\n  r = f.read().splitlines()\nsetup(install_requires=r)"), ("reqs.txt", "flask\ngunicorn")].into(),
            ),
            (
                "setup.cfg",
                [("setup.cfg", "[metadata]\nname = x\n[options]\npackages = find:\npython_requires = >=3.12\ninstall_requires =\n    flask\n    gunicorn>=20\n[options.extras_require]\ndev = pytest\n"), ("setup.py", "from setuptools import setup\nsetup()\n")].into(),
            ),
            ("its file", [("setup.cfg", "[options]\ninstall_requires = file: reqs.txt\n"), ("reqs.txt", "flask")].into()),
            ("settings of tools", [("setup.cfg", "[flake8]\nmax-line-length = 99\n")].into()),
            ("nothing", [("setup.py", "setup()")].into()),
        ] {
            out += &match read(&listing, "").unwrap() {
                Some(Setup { names, requires, .. }) => {
                    let requires = requires.map(|r| format!(" {} ({})", r.specifiers, r.origin));
                    format!("{case}: {names}{}\n", requires.unwrap_or_default())
                }
                None => format!("{case}: none\n"),
            };
        }
        expect![[r#"
            a list: flask gunicorn[gevent] >=3.10 (setup.py:4)
            a variable: flask x-y
            a file: flask gunicorn
            setup.cfg: flask gunicorn >=3.12 (setup.cfg:5)
            its file: flask
            settings of tools: none
            nothing: 
        "#]]
        .assert_eq(&out);
    }
}
