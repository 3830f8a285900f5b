//! What a Dockerfile tells of how its service runs. None is executed: what can be had without it is a hint, weaker than
//! anything that is written for us, and the rest is named.

mod copies;
mod pip;
mod stage;
mod start;
mod tolerant;

use std::collections::BTreeMap;

use parse_dockerfile::{Command, Dockerfile, FromInstruction};

use self::{copies::Copies, stage::Stage, tolerant::Tolerant};
use super::{
    outside::{Outside, place_of_line},
    path,
    problem::{Place, Report},
    typed::Written,
};
use crate::{env, interpolate};

/// Variables that are about the making of an image, or that only its own paths make true.
const NOT_TAKEN: [&str; 7] =
    ["PATH", "VIRTUAL_ENV", "HOME", "PYTHONHOME", "DEBIAN_FRONTEND", "PORT", "PYTHONPATH"];

/// The same of tools: how their variables begin.
const TOOLS: [&str; 3] = ["PIP_", "UV_", "POETRY_"];

/// Stages read at most, each as often as it is copied from.
const MOST_STAGES: usize = 256;

/// Where a Dockerfile is, and what a build gives it.
#[derive(Debug, Default)]
pub(super) struct Recipe {
    /// The folder it copies from, relative to the manifest.
    pub(super) context: String,
    /// Its path relative to that, when it is not the usual one.
    pub(super) file: Option<Written<String>>,
    /// Its text, when it is written in the manifest.
    pub(super) inline: Option<Written<String>>,
    pub(super) target: Option<Written<String>>,
    pub(super) args: BTreeMap<String, String>,
    /// The command that the manifest gives in place of the image's own.
    pub(super) command: Option<Vec<String>>,
}

/// What it tells.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// The file.
    pub(super) file: String,
    entrypoint: Option<Hint<Told>>,
    command: Option<Hint<Told>>,
    /// What starts it.
    pub(super) start: Option<Hint<Vec<String>>>,
    /// What the manifest's command comes to, where that is a script which the image has from the source.
    pub(super) own: Option<Hint<Vec<String>>>,
    /// What stands before a command that is given from outside.
    pub(super) before: Option<Hint<Vec<String>>>,
    /// Which commands cannot be run here.
    pub(super) refused: Vec<Hint<String>>,
    /// A folder of the source; `None` when it cannot be told which.
    pub(super) workdir: Option<Hint<Option<String>>>,
    pub(super) env: Vec<Hint<(String, String)>>,
    pub(super) port: Option<Hint<u16>>,
    pub(super) requirements: Option<Hint<String>>,
    pub(super) install: Option<Hint<Vec<Vec<String>>>>,
    /// The words of a check.
    pub(super) check: Option<Hint<String>>,
    /// What is not honoured: how it begins, and where.
    pub(super) unhonoured: Vec<Hint<String>>,
    /// Whether somebody else's command comes before its own.
    pub(super) has_procfile: bool,
}

/// A command.
#[derive(Debug, Clone)]
struct Told {
    /// `None` where it needs a shell.
    words: Option<Vec<String>>,
    /// How it begins.
    text: String,
}

/// A value, and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Hint<T> {
    pub(super) value: T,
    pub(super) place: Place,
    /// How the instruction is called.
    pub(super) by: &'static str,
}

/// What the Dockerfile of a build tells; `None` when there is none, or none that can be read, which is told.
pub(super) fn look(outside: &mut Outside<'_>, recipe: &Recipe, report: &mut Report) -> Option<Hints> {
    let name = recipe.file.as_ref().map_or("Dockerfile", |w| w.value.as_str());
    let file = match &recipe.inline {
        Some(written) => format!("dockerfile_inline of {}", written.place.file),
        None => path::join(&recipe.context, name),
    };
    let text = match (&recipe.inline, &recipe.file) {
        (Some(written), _) => written.value.clone(),
        (None, named) => match (outside.text(&file), named) {
            (Some(text), _) => text.to_owned(),
            (None, None) => return None,
            (None, Some(named)) => {
                let what = format!("there is no file `{file}`, so nothing is known of how it starts");
                report.warn_at(&named.place, what);
                return None;
            }
        },
    };
    let tolerant = Tolerant::of(text);
    let text = &tolerant.text;
    let parsed = match parse_dockerfile::parse(text) {
        Ok(parsed) => parsed,
        Err(e) => {
            report.warn(format!(
                "{file}:{}: this Dockerfile cannot be read, so it tells nothing: {e:#}",
                e.line().max(1)
            ));
            return None;
        }
    };
    if let Some(warning) = tolerant.warning(&file) {
        report.warn(warning);
    }
    let chain = chain(&parsed, recipe, report)?;
    let reader = Reader { outside, recipe, file: &file, text, parsed: &parsed, left: MOST_STAGES };
    Some(reader.hints(&chain))
}

/// The stages that the image is built on, the first first.
fn chain(parsed: &Dockerfile<'_>, recipe: &Recipe, report: &mut Report) -> Option<Vec<usize>> {
    let stages: Vec<_> = parsed.stages().collect();
    let last = match &recipe.target {
        None => stages.len().checked_sub(1)?,
        Some(target) => {
            let found = position(parsed, stages.len(), &target.value);
            if found.is_none() {
                let what = format!("its Dockerfile has no stage `{}`, so it tells nothing", target.value);
                report.warn_at(&target.place, what);
            }
            found?
        }
    };
    Some(ancestry(parsed, recipe, last))
}

/// A stage and those it is built on, the first first.
fn ancestry(parsed: &Dockerfile<'_>, recipe: &Recipe, last: usize) -> Vec<usize> {
    let stages: Vec<_> = parsed.stages().collect();
    let mut chain = vec![last];
    let global = global_args(parsed, recipe);
    while let Some(&at) = chain.first() {
        let Ok(image) = interpolate::expand(&stages[at].from.image.value, &mut |n| global.get(n).cloned())
        else {
            break;
        };
        match position(parsed, at, &image.text) {
            Some(base) => chain.insert(0, base),
            None => break,
        }
    }
    chain
}

/// Which of the first `before` stages is called so.
fn position(parsed: &Dockerfile<'_>, before: usize, name: &str) -> Option<usize> {
    let named = |from: &FromInstruction<'_>| {
        from.as_.as_ref().is_some_and(|(_, n)| n.value.eq_ignore_ascii_case(name))
    };
    let by_name = parsed.stages().take(before).position(|stage| named(stage.from));
    by_name.or_else(|| name.parse().ok().filter(|at| *at < before))
}

/// `ARG`s before the first stage.
fn global_args(parsed: &Dockerfile<'_>, recipe: &Recipe) -> BTreeMap<String, String> {
    let pairs = parsed.global_args().flat_map(|arg| assignments(&arg.arguments.value));
    pairs
        .filter_map(|(name, value)| Some((name.clone(), recipe.args.get(&name).cloned().or(value)?)))
        .collect()
}

/// `NAME=value`s, or `NAME`s.
fn assignments(text: &str) -> Vec<(String, Option<String>)> {
    let words = shell_words::split(text).unwrap_or_default();
    let pair = |word: String| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word, None),
    };
    words.into_iter().map(pair).collect()
}

/// Reads one.
struct Reader<'r, 'o, 't> {
    outside: &'r mut Outside<'o>,
    recipe: &'r Recipe,
    file: &'r str,
    text: &'r str,
    parsed: &'r Dockerfile<'t>,
    /// How many stages may still be read: each may copy from several others.
    left: usize,
}

impl Reader<'_, '_, '_> {
    fn hint<T>(&self, by: &'static str, at: usize, value: T) -> Hint<T> {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        Hint { value, place: place_of_line(self.file, self.text, line), by }
    }

    fn hints(mut self, chain: &[usize]) -> Hints {
        let mut hints = Hints { file: self.file.to_owned(), ..Hints::default() };
        let mut stage = Stage::default();
        for &at in chain {
            self.stage(at, &mut stage, Some(&mut hints));
        }
        let context = &self.recipe.context;
        // Without a `COPY` the sources are mounted there, or the file is not all there is.
        if let Some(cwd_at) = stage.cwd_at.filter(|_| !stage.copies.is_empty()) {
            let found = stage.copies.folder(self.outside, context, &stage.cwd);
            hints.workdir = Some(self.hint("WORKDIR", cwd_at, found));
        }
        self.environment(&stage, &mut hints);
        self.installs(&stage, &mut hints);
        self.start(&stage, &mut hints);
        hints.has_procfile = self.outside.has(&path::join(context, crate::source::procfile::NAME));
        hints
    }

    fn environment(&self, stage: &Stage, hints: &mut Hints) {
        for (name, (value, at)) in &stage.env {
            if name == "PORT" && hints.port.is_none() {
                hints.port = value.parse().ok().filter(|p| *p != 0).map(|p| self.hint("ENV", *at, p));
            }
            let taken = !NOT_TAKEN.contains(&name.as_str()) && !TOOLS.iter().any(|t| name.starts_with(t));
            if taken && env::check(name, value).is_ok() {
                hints.env.push(self.hint("ENV", *at, (name.clone(), value.clone())));
            } else if name == "PYTHONPATH" {
                let folders: Option<Vec<_>> =
                    value.split(':').filter(|f| !f.is_empty()).map(|f| self.folder(stage, f)).collect();
                match folders {
                    Some(folders) => hints.env.push(self.hint("ENV", *at, (name.clone(), folders.join(":")))),
                    None => hints.unhonoured.push(self.hint("ENV", *at, format!("ENV {name}"))),
                }
            }
        }
    }

    /// Where a folder of the container is in an image of ours.
    fn folder(&self, stage: &Stage, folder: &str) -> Option<String> {
        let found =
            stage.copies.folder(self.outside, &self.recipe.context, &copies::within(&stage.cwd, folder))?;
        Some(in_image(&found))
    }

    /// What `RUN pip install` installs, unless that is what is found anyway.
    fn installs(&self, stage: &Stage, hints: &mut Hints) {
        let Some((first, _, _)) = stage.installs.first() else { return };
        let mut commands = Vec::new();
        for (at, install, found) in &stage.installs {
            let mut command = vec!["pip".to_owned(), "install".to_owned()];
            for (file, found) in install.files.iter().zip(found) {
                let Some(found) = found.clone().filter(|_| !install.options) else {
                    let shown = format!("RUN pip install -r {file}");
                    return hints.unhonoured.push(self.hint("RUN", *at, shown));
                };
                command.extend(["-r".to_owned(), found]);
            }
            if install.options {
                return hints.unhonoured.push(self.hint("RUN", *at, "RUN pip install".to_owned()));
            }
            command.extend(install.packages.iter().cloned());
            if command.len() > 2 && !commands.contains(&command) {
                commands.push(command);
            }
        }
        match commands.as_slice() {
            [] => {}
            [only] if only.len() == 4 && only[2] == "-r" => {
                if only[3] != "requirements.txt" {
                    hints.requirements = Some(self.hint("RUN", *first, only[3].clone()));
                }
            }
            [only] if only.len() == 3 && only[2] == "." => {}
            // Where no file lists what is needed, these may be tools that install the rest.
            all if !all.iter().flatten().any(|w| w == "-r") && self.lists_packages() => {
                let shown = format!("RUN {}", all[0].join(" "));
                hints.unhonoured.push(self.hint("RUN", *first, shown));
            }
            _ => hints.install = Some(self.hint("RUN", *first, commands)),
        }
    }

    /// Whether the source says itself what it needs.
    fn lists_packages(&self) -> bool {
        let files = ["requirements.txt", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile"];
        files.iter().any(|file| self.outside.has(&path::join(&self.recipe.context, file)))
    }

    /// What starts it: the entrypoint with the command as its arguments; the command alone where the entrypoint is a
    /// script that prepares its container.
    fn start(&mut self, stage: &Stage, hints: &mut Hints) {
        let (entry, command) = (hints.entrypoint.clone(), hints.command.clone());
        // `tini --` alone is none, and neither is `[]`.
        let is_some = |told: &Hint<Told>| told.value.words.as_ref().is_none_or(|w| !w.is_empty());
        let (entry, command) = (entry.filter(is_some), command.filter(is_some));
        let words = |told: &Option<Hint<Told>>| told.as_ref().and_then(|t| t.value.words.clone());
        let here = |told: &Option<Hint<Told>>, value| told.as_ref().map(|t| t.with(value));
        let unplaced = hints.workdir.as_ref().is_some_and(|w| w.value.is_none());
        let program = words(&entry).filter(|w| start::can_run(w));
        if let Some(own) =
            self.recipe.command.clone().filter(|w| w.first().is_some_and(|w| w.starts_with('/')))
        {
            // Where it is copied to.
            let at = self.text.find(&format!(" {}", own[0])).unwrap_or_default();
            hints.own = self.script(stage, own, hints).map(|words| self.hint("COPY", at, words));
        }
        let needs_shell = command.as_ref().is_some_and(|c| c.value.words.is_none());
        if let Some(words) = &program {
            hints.before = here(&entry, words.clone());
        }
        let refused = |told: &Option<Hint<Told>>| told.as_ref().map(|t| t.with(t.value.text.clone()));
        if unplaced || (program.is_some() && needs_shell) {
            hints.refused.extend([refused(&entry), refused(&command)].into_iter().flatten());
        } else if let Some(mut whole) = program {
            whole.extend(words(&command).into_iter().flatten());
            hints.start = here(&entry, self.settled(stage, whole));
        } else if let Some(words) = words(&command).filter(|w| start::can_run(w)) {
            hints.start = here(&command, self.settled(stage, words));
            hints.refused.extend(refused(&entry));
        } else if let Some(words) =
            // `CMD ["/start"]` behind an entrypoint that prepares its container.
            words(&command)
                .filter(|w| entry.is_some() && w.first().is_some_and(|w| w.contains('/')))
                .and_then(|w| self.script(stage, w, hints))
        {
            hints.start = here(&command, words);
            hints.refused.extend(refused(&entry));
        } else if let Some(words) = words(&entry).and_then(|w| self.script(stage, w, hints)) {
            hints.start = here(&entry, words);
            hints.refused.extend(refused(&command));
        } else if let Some(words) =
            words(&command).filter(|_| entry.is_none()).and_then(|w| self.script(stage, w, hints))
        {
            hints.start = here(&command, words);
        } else {
            hints.refused.extend([refused(&entry), refused(&command)].into_iter().flatten());
        }
    }

    /// A program's command, with paths as they are in an image of ours.
    fn settled(&self, stage: &Stage, words: Vec<String>) -> Vec<String> {
        let context = &self.recipe.context;
        let mut words = start::settled(words);
        for word in words.iter_mut().filter(|w| w.starts_with('/')) {
            let here = copies::within(".", word);
            let found = stage.copies.file(self.outside, context, &here);
            if let Some(found) = found.or_else(|| stage.copies.folder(self.outside, context, &here)) {
                *word = in_image(&found);
            }
        }
        words
    }

    /// A script of the source, run by what its first line names. One whose name does not tell that it is one lies elsewhere
    /// in its container, and so do the programs that it names: of such a one only what it ends in is taken.
    fn script(&mut self, stage: &Stage, mut words: Vec<String>, hints: &mut Hints) -> Option<Vec<String>> {
        let context = &self.recipe.context;
        let script = copies::within(&stage.cwd, words.first()?);
        if script.ends_with(".sh") || script.ends_with(".py") {
            let found = stage.copies.text_file(self.outside, context, &script)?;
            let text = self.outside.text(&path::join(context, &found))?;
            words[0] = in_image(&found);
            words.insert(0, start::interpreter(text)?.to_owned());
            return Some(words);
        }
        let found = stage.copies.script(self.outside, context, &script)?;
        let file = path::join(context, &found);
        let text = self.outside.script(&file)?;
        let interpreter = start::interpreter(text)?;
        match start::last_of(text) {
            Some(start::Script { last, before }) => {
                for (line, command) in before {
                    let place = place_of_line(&file, text, line);
                    hints.unhonoured.push(Hint {
                        value: format!("{command} in {file}"),
                        place,
                        by: "script",
                    });
                }
                Some(self.settled(stage, last))
            }
            None => {
                words[0] = in_image(&found);
                words.insert(0, interpreter.to_owned());
                Some(words)
            }
        }
    }
}

impl<T> Hint<T> {
    /// Another value of the same instruction.
    pub(super) fn with<U>(&self, value: U) -> Hint<U> {
        Hint { value, place: self.place.clone(), by: self.by }
    }
}

/// A path of the source in an image of ours.
fn in_image(path: &str) -> String {
    if path == "." { "/app".to_owned() } else { format!("/app/{path}") }
}

/// A check's words: those of the exec form one after the other.
fn line(command: &Command<'_>) -> String {
    match command {
        Command::Exec(words) => words.value.iter().map(|w| w.value.as_ref()).collect::<Vec<_>>().join(" "),
        Command::Shell(line) => line.value.to_owned(),
        // The parser may come to know more.
        _ => String::new(),
    }
}
