//! What lies in a service's source folder and is no part of the service: the folders of other services, and what only
//! says how to deploy.

use std::{collections::BTreeSet, path::Path};

use super::{MANIFESTS, input::ManifestInput, typed::Service};
use crate::source::within;

/// Paths that are left out of the service's image, relative to `source`: those below it, and files of secrets wherever they are,
/// since links lead to them. A folder that the service's own code imports, or its start command or requirements name, is its
/// own too; so is what `include` names.
pub(super) fn left_out<'a>(
    input: &ManifestInput,
    typed: &Service,
    secret: &[&'a str],
    source: &str,
    others: impl Iterator<Item = &'a str>,
    include: &BTreeSet<String>,
) -> BTreeSet<String> {
    let rust = typed.package.is_some() || input.has_file(source, "Cargo.toml");
    let folders: BTreeSet<&str> = others.filter_map(|other| below(other, source)).collect();
    let mut out: BTreeSet<String> = folders
        .into_iter()
        // A workspace is not complete without all of its members.
        .filter(|f| !(rust && input.ending(&join(source, f), "Cargo.toml").next().is_some()))
        .filter(|f| !named(input, typed, source, f) && !imported(input, source, f))
        .map(str::to_owned)
        .collect();
    if source == "." {
        out.extend(MANIFESTS.map(str::to_owned));
    }
    out.extend(secret.iter().filter_map(|path| seen_from(source, path)));
    out.retain(|path| !include.iter().any(|i| path == i || below(path, i).is_some()));
    let all = out.clone();
    out.retain(|path| !all.iter().any(|above| below(path, above).is_some()));
    out
}

/// Files that hold what is often secret: those of variables, which are in the environment, and `secret_files`.
pub(super) fn secret<'a>(all: &'a [Service], secret_files: &'a [String]) -> Vec<&'a str> {
    let variables = all.iter().flat_map(|service| &service.env_files).map(|file| &file.path.value);
    variables.chain(secret_files).map(|path| path.strip_prefix("./").unwrap_or(path)).collect()
}

/// `path` as seen from `folder`, both within the project.
pub(super) fn seen_from(folder: &str, path: &str) -> Option<String> {
    let path = within(Path::new(""), Path::new(path))?;
    let folder = within(Path::new(""), Path::new(folder))?;
    let shared = folder.components().zip(path.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(shared).map(|_| "..");
    let down = path.components().skip(shared).filter_map(|part| part.as_os_str().to_str());
    let way: Vec<_> = up.chain(down).collect();
    (!way.is_empty()).then(|| way.join("/"))
}

/// `path` as seen from `folder`, if it lies strictly below it.
pub(super) fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    match folder {
        "." => (path != ".").then_some(path),
        folder => path.strip_prefix(folder)?.strip_prefix('/'),
    }
}

fn join(source: &str, path: &str) -> String {
    if source == "." { path.to_owned() } else { format!("{source}/{path}") }
}

/// Whether the start command, a Procfile or the requirements name the folder, as a path or as a module.
fn named(input: &ManifestInput, typed: &Service, source: &str, folder: &str) -> bool {
    let module = folder.replace('/', ".");
    let is_word = |c: char| c.is_alphanumeric() || "_-./".contains(c);
    let names = |text: &str| {
        text.split(|c: char| !is_word(c)).any(|word| {
            let word = word.trim_start_matches("./");
            let goes_on = |name: &str| {
                word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
            };
            goes_on(folder) || goes_on(&module)
        })
    };
    let file = |name| input.text_in(source, name).unwrap_or_default();
    let paths = ["requirements.txt", "pyproject.toml"].map(file);
    // There a bare word is the name of a package.
    let as_path = |text: &str| text.contains(&format!("{folder}/")) || text.contains(&format!("./{folder}"));
    let install = typed.install.iter().flat_map(|w| w.value.iter().flatten());
    let paths_of_its_own = typed.requirements.iter().chain(&typed.workdir).map(|w| &w.value);
    typed.start.iter().flatten().chain(install).chain(paths_of_its_own).any(|word| names(word))
        || names(file("Procfile"))
        || paths.iter().any(|text| as_path(text))
}

/// Whether Python code outside the folder imports it.
fn imported(input: &ManifestInput, source: &str, folder: &str) -> bool {
    let module = folder.replace('/', ".");
    let mut own = input.ending(source, ".py").filter(|(path, _)| below(path, folder).is_none());
    own.any(|(_, text)| text.lines().any(|line| imports(line.trim_start(), &module)))
}

/// Whether a line of Python imports a module, or something in it.
fn imports(line: &str, module: &str) -> bool {
    let is = |name: &str| {
        name.trim().strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ' ']))
    };
    if let Some(names) = line.strip_prefix("import ") {
        return names.split(',').any(is);
    }
    let Some((from, names)) = line.strip_prefix("from ").and_then(|rest| rest.split_once(" import ")) else {
        return false;
    };
    is(from)
        || names.split(',').any(|name| is(&format!("{}.{}", from.trim(), name.trim_matches([' ', '(', ')']))))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::{
        super::{
            problem::Place,
            typed::{EnvFile, Written},
        },
        *,
    };

    fn variables(name: &str, path: &str) -> Service {
        let path = Written {
            value: path.to_owned(),
            place: Place {
                file: String::new(),
                line: 1,
                column: 1,
                key: String::new(),
                text: String::new(),
                width: 0,
            },
        };
        let mut service = Service::named(name.to_owned(), None);
        service.env_files.push(EnvFile { path, required: true, raw: false });
        service
    }

    /// What `source` is without, beside services in `frontend` and `tools/admin`.
    fn check(source: &str, start: &str, include: &str, files: &[(&str, &str)], expected: &Expect) {
        let mut input = ManifestInput::new("shop");
        for (path, text) in
            [("frontend/app.py", "import main"), ("tools/admin/app.py", "")].iter().chain(files)
        {
            input.add_file(path, *text);
        }
        let mut typed = Service::named("web".to_owned(), None);
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let include = words(include).into_iter().collect();
        typed.start = (!start.is_empty()).then(|| words(start));
        let others = ["frontend", "tools/admin", source].into_iter();
        let all = [variables("web", "./conf/web.vars"), variables("worker", "tools/worker.vars")];
        let out = left_out(&input, &typed, &secret(&all, &[]), source, others, &include);
        let shown =
            out.iter().map(String::as_str).filter(|p| *p == "dormouse.toml" || !MANIFESTS.contains(p));
        expected.assert_eq(&shown.collect::<Vec<_>>().join(" "));
    }

    #[test]
    fn folders_of_other_services() {
        let all = || expect!["conf/web.vars dormouse.toml frontend tools/admin tools/worker.vars"];
        let no_frontend = || expect!["conf/web.vars dormouse.toml tools/admin tools/worker.vars"];
        check(".", "", "", &[], &all());
        check("tools", "", "", &[], &expect!["../conf/web.vars admin worker.vars"]);
        check("frontend", "", "", &[], &expect!["../conf/web.vars ../tools/worker.vars"]);
        check("front", "", "", &[], &expect!["../conf/web.vars ../tools/worker.vars"]);
        check(".", "", "frontend", &[], &no_frontend());
        check(".", "", "frontend/shared", &[], &all());
        check(".", "", "tools dormouse.toml", &[], &expect!["conf/web.vars frontend"]);
        check(".", "", "", &[("main.py", "from frontend.shared import x")], &no_frontend());
        check(".", "", "", &[("lib/a.py", "def f():\n    import os, frontend as f")], &no_frontend());
        check(
            ".",
            "",
            "",
            &[("main.py", "from tools import (admin)")],
            &expect!["conf/web.vars dormouse.toml frontend tools/worker.vars"],
        );
        check(".", "", "", &[("main.py", "import frontend_kit\nx = 'import frontend'")], &all());
        check(".", "uvicorn frontend.app:app", "", &[], &no_frontend());
        check(".", "python ./frontend/app.py", "", &[], &no_frontend());
        check(".", "python run.py --name=frontends", "", &[], &all());
        check(".", "", "", &[("Procfile", "web: gunicorn frontend.app:app")], &no_frontend());
        check(".", "", "", &[("requirements.txt", "-r frontend/requirements.txt")], &no_frontend());
        check(".", "", "", &[("requirements.txt", "frontend==1.0")], &all());
    }

    #[test]
    fn members_of_a_cargo_workspace_stay() {
        let files = [("Cargo.toml", "[workspace]"), ("tools/admin/Cargo.toml", "[package]")];
        check(".", "", "", &files, &expect!["conf/web.vars dormouse.toml frontend tools/worker.vars"]);
    }
}
