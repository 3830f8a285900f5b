//! What lies in a service's source folder and is no part of the service: the folders of other services, and what only
//! says how to deploy.

use std::{collections::BTreeSet, path::Path};

use super::{
    MANIFESTS,
    code::{Code, Languages},
    typed::Service,
};
use crate::source::{procfile, within};

/// Paths that are left out of the service's image, relative to `source`: those below it, and files of secrets wherever they are,
/// since links lead to them. A folder that the service's own code imports, or its start command or requirements name, is its
/// own too; so is what `include` names.
pub(super) fn left_out<'a>(
    code: Code<'_>,
    languages: &dyn Languages,
    typed: &Service,
    secret: &[&'a str],
    source: &str,
    others: impl Iterator<Item = &'a str>,
    include: &BTreeSet<String>,
) -> BTreeSet<String> {
    let folders: BTreeSet<&str> = others.filter_map(|other| below(other, source)).collect();
    let mut out: BTreeSet<String> = folders
        .into_iter()
        .filter(|f| !named(code, typed, f) && !languages.needs(&code, f))
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

/// Whether the service's keys or a Procfile name the folder, as a path or as a module.
fn named(code: Code<'_>, typed: &Service, folder: &str) -> bool {
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
    let install = typed.install.iter().flat_map(|w| w.value.iter().flatten());
    let paths_of_its_own = typed.requirements.iter().chain(&typed.workdir).map(|w| &w.value);
    typed.start.iter().flatten().chain(install).chain(paths_of_its_own).any(|word| names(word))
        || names(code.text(procfile::NAME).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::{
        super::{
            ManifestInput, NoLanguages,
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
        let code = Code::new(&input, source);
        let out = left_out(code, &NoLanguages, &typed, &secret(&all, &[]), source, others, &include);
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
        check(".", "uvicorn frontend.app:app", "", &[], &no_frontend());
        check(".", "python ./frontend/app.py", "", &[], &no_frontend());
        check(".", "python run.py --name=frontends", "", &[], &all());
        check(".", "", "", &[("Procfile", "web: gunicorn frontend.app:app")], &no_frontend());
    }
}
