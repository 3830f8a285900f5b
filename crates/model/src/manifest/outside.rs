//! What the manifest's reader asks for: variables and files, and which of them it was not told about.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    code::Languages,
    given::Wanted,
    input::ManifestInput,
    names, path,
    problem::{Place, Report, Source},
};
use crate::{
    ProjectName, ServiceName, Variables, dotenv,
    interpolate::{self, Fault},
};

/// The file of variables beside a manifest.
const DOTENV: &str = ".env";

/// Names told in one warning at most.
const MOST_NAMES: usize = 8;

/// What lies outside the manifest.
pub(super) struct Outside<'a> {
    pub(super) input: &'a ManifestInput,
    pub(super) languages: &'a dyn Languages,
    pub(super) wanted: Wanted,
    /// From `.env`.
    dotenv: Variables,
    /// Whose stored variables fill in what is not part of an environment.
    project: Option<ProjectName>,
    /// Names without a value for which nothing was put in, and where they were first met.
    unset: BTreeMap<String, Place>,
    /// Files of variables of which something was taken, from the manifest's folder.
    taken: BTreeSet<String>,
}

impl<'a> Outside<'a> {
    /// With the variables of `.env`, or of the files named in its place.
    pub(super) fn new(input: &'a ManifestInput, languages: &'a dyn Languages, report: &mut Report) -> Self {
        let (wanted, dotenv) = (Wanted::default(), Variables::new());
        let mut this = Self {
            input,
            languages,
            wanted,
            dotenv,
            project: None,
            unset: BTreeMap::new(),
            taken: BTreeSet::new(),
        };
        match input.given.env_files.as_slice() {
            [] => this.dotenv = this.variables_in(DOTENV, report).unwrap_or_default(),
            files => {
                for file in files {
                    let found = this.variables_in(file, report);
                    if found.is_none() {
                        report.folder(format!("there is no file `{file}`"), "check --env-file");
                    }
                    this.dotenv.extend(found.unwrap_or_default());
                }
            }
        }
        this
    }

    /// Variables of a file; `None` when there is no such file.
    pub(super) fn variables_in(&mut self, file: &str, report: &mut Report) -> Option<Variables> {
        let text = self.text(file)?;
        let found = dotenv::parse(text, &mut |name| self.variable(name));
        Some(found.unwrap_or_else(|e| {
            report.at(hidden_line(file, text, e.line), e.why, None);
            Variables::new()
        }))
    }

    /// The value of a variable, from the shell or from `.env`.
    pub(super) fn variable(&mut self, name: &str) -> Option<String> {
        match self.input.given.variables.get(name) {
            Some(Some(value)) => return Some(value.clone()),
            Some(None) => {}
            None => drop(self.wanted.variables.insert(name.to_owned())),
        }
        let found = self.dotenv.get(name).cloned();
        if found.is_some() {
            self.taken(DOTENV);
        }
        found
    }

    /// Something of a file of variables, named from the manifest's folder, reaches the services.
    pub(super) fn taken(&mut self, file: &str) {
        self.taken.insert(path::join(&self.input.given.base, file));
    }

    /// Whether something of the file at this path does.
    pub(super) fn is_taken(&self, path: &str) -> bool {
        self.taken.contains(path)
    }

    /// Whether somebody asked for a name for the project.
    pub(super) fn is_named(&self) -> bool {
        self.input.project().is_some()
    }

    /// The value of a variable, also one that is stored for the project.
    pub(super) fn value(&mut self, name: &str) -> Option<String> {
        self.variable(name).or_else(|| self.stored(self.project.as_ref()?, None).remove(name))
    }

    /// What a compose file's project is called, given what the file says, when nobody asks for another name.
    pub(super) fn name_project(&mut self, written: Option<&str>) {
        let chosen = self.variable("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty());
        let written =
            written.and_then(|text| interpolate::expand(text, &mut |name| self.variable(name)).ok());
        let name = self.input.project().map(str::to_owned).or(chosen).or(written.map(|e| e.text));
        let name = name.unwrap_or_else(|| self.input.folder().to_owned());
        self.project = names::sanitise(&name, "app").parse().ok();
    }

    /// Also look into other files of variables, or the one in a folder, for as long as what is returned is not
    /// restored. What was known before counts first.
    pub(super) fn with_files(&mut self, files: &[String], folder: &str, report: &mut Report) -> Variables {
        let usual = [path::join(folder, DOTENV)];
        let before = self.dotenv.clone();
        let files = if files.is_empty() { &usual[..] } else { files };
        let mut found = Variables::new();
        for file in files {
            found.extend(self.variables_in(file, report).unwrap_or_default());
        }
        found.extend(before.clone());
        self.dotenv = found;
        before
    }

    /// The counterpart of [`Self::with_files`].
    pub(super) fn restore(&mut self, before: Variables) {
        self.dotenv = before;
    }

    /// What to do about a reference that cannot be filled in.
    pub(super) fn how_to_mend(&self, fault: &Fault) -> String {
        how_to_mend(self.project.as_ref(), fault)
    }

    /// The text of a file, by its path from the manifest's folder; `None` when it is not there.
    pub(super) fn text(&mut self, file: &str) -> Option<&'a str> {
        match self.input.given.files.get(file) {
            Some(text) => text.as_deref(),
            None => {
                self.wanted.files.insert(file.to_owned());
                let below = path::join(&self.input.given.base, file);
                self.input.text(&below)
            }
        }
    }

    /// The text of a file, if it is a script; whatever else it is, nobody is told.
    pub(super) fn script(&mut self, file: &str) -> Option<&'a str> {
        match self.input.given.files.get(file) {
            Some(text) => text.as_deref(),
            None => {
                self.wanted.scripts.insert(file.to_owned());
                self.input.text(&path::join(&self.input.given.base, file))
            }
        }
    }

    /// The text of a manifest, when there is one; one that cannot be read is a problem.
    pub(super) fn manifest(&mut self, name: &str, report: &mut Report) -> Option<&'a str> {
        match self.input.given.files.get(name) {
            Some(Some(text)) => return Some(text),
            Some(None) => {}
            None => drop(self.wanted.files.insert(name.to_owned())),
        }
        self.input.manifest(&path::join(&self.input.given.base, name), report)
    }

    /// Whether there is such a file, readable or not.
    pub(super) fn has(&self, file: &str) -> bool {
        let given = self.input.given.files.get(file).is_some_and(Option::is_some);
        given || self.input.has_file(".", &path::join(&self.input.given.base, file))
    }

    /// Whether there is such a folder.
    pub(super) fn has_folder(&self, folder: &str) -> bool {
        self.input.has_folder(&path::join(&self.input.given.base, folder))
    }

    /// Profiles that are asked for.
    pub(super) fn profiles(&mut self) -> BTreeSet<String> {
        let also = self.variable("COMPOSE_PROFILES").unwrap_or_default();
        let also = also.split(',').map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned);
        self.input.given.profiles.iter().cloned().chain(also).collect()
    }

    /// What is stored for a service, or for every service of the project.
    pub(super) fn stored(&self, project: &ProjectName, service: Option<&ServiceName>) -> Variables {
        self.input.stored.of(project, service).texts()
    }

    /// A name has no value, and nothing was put in its place.
    pub(super) fn left_empty(&mut self, name: &str, place: Place) {
        self.unset.entry(name.to_owned()).or_insert(place);
    }

    /// Tell of them.
    pub(super) fn warn_of_unset(&self, project: Option<&ProjectName>, report: &mut Report) {
        let Some(first) = self.unset.keys().next() else { return };
        let told = self.unset.iter().take(MOST_NAMES);
        let names: Vec<_> = told.map(|(name, at)| format!("`{name}` ({}:{})", at.file, at.line)).collect();
        let more = match self.unset.len().saturating_sub(MOST_NAMES) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let project = project.map_or("PROJECT", ProjectName::as_str);
        report.warn(format!(
            "without a value, because nobody gives one: {}{more}\n  hint: give it when you deploy (`{first}=... dormouse deploy`), in a {DOTENV} beside the file, or for good with `dormouse env set {project} {first}=-`",
            names.join(", "),
        ));
    }
}

/// What to do about a reference of a project's that cannot be filled in.
pub(super) fn how_to_mend(project: Option<&ProjectName>, fault: &Fault) -> String {
    let dollar = "write $$ for a dollar sign";
    match fault {
        Fault::Malformed(_) => dollar.to_owned(),
        Fault::Required { name, .. } => {
            let project = project.map_or("PROJECT", ProjectName::as_str);
            format!(
                "give it when you deploy (`{name}=... dormouse deploy`), in a {DOTENV} beside the file, or for good with `dormouse env set {project} {name}=-`; {dollar}"
            )
        }
    }
}

/// A line of a file of variables. What stands there is not shown: it may be part of a secret.
pub(super) fn hidden_line(file: &str, text: &str, line: usize) -> Place {
    Place { text: String::new(), width: 0, ..place_of_line(file, text, line) }
}

/// The place of a whole line.
pub(super) fn place_of_line(file: &str, text: &str, line: usize) -> Place {
    let source = Source { name: file.to_owned(), text, base: 0 };
    let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let end = text[start..].find('\n').map_or(text.len(), |i| start + i);
    source.place(&(start..end), "")
}
