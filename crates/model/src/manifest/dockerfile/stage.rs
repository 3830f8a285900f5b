//! The instructions of a stage, one after the other.

use std::collections::BTreeMap;

use parse_dockerfile::{Flag, HealthcheckArguments, Instruction, Source};

use super::{
    Copies, Hints, Reader, Told, ancestry, assignments, copies, global_args, line, pip, position, start,
};
use crate::interpolate;

/// Characters of an instruction that are shown.
const SHOWN: usize = 60;

/// What is known when a stage ends.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) cwd: String,
    /// Where that was said.
    pub(super) cwd_at: Option<usize>,
    pub(super) copies: Copies,
    pub(super) env: BTreeMap<String, (String, usize)>,
    /// Each with where it stands, and its files in the source.
    pub(super) installs: Vec<(usize, pip::Install, Vec<Option<String>>)>,
    args: BTreeMap<String, String>,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            cwd: ".".to_owned(),
            cwd_at: None,
            copies: Copies::default(),
            env: BTreeMap::new(),
            installs: Vec::new(),
            args: BTreeMap::new(),
        }
    }
}

impl Stage {
    /// A text with variables filled in; as it is where that is not possible.
    fn fill(&self, text: &str) -> String {
        let value =
            |name: &str| self.env.get(name).map(|(v, _)| v.clone()).or_else(|| self.args.get(name).cloned());
        interpolate::expand(text, &mut { value }).map_or_else(|_| text.to_owned(), |e| e.text)
    }
}

impl Reader<'_, '_, '_> {
    /// Read the stage at `at` on top of the one it is built on. Only those of the image itself give `hints`.
    pub(super) fn stage(&mut self, at: usize, stage: &mut Stage, mut hints: Option<&mut Hints>) {
        let parsed = self.parsed;
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        let Some(read) = parsed.stages().nth(at) else { return };
        // Arguments end with the stage that names them.
        stage.args = BTreeMap::new();
        for instruction in read.instructions {
            match instruction {
                Instruction::Arg(i) => {
                    let global = global_args(parsed, self.recipe);
                    for (name, default) in assignments(&i.arguments.value) {
                        let value = self.recipe.args.get(&name).cloned();
                        let value = value.or_else(|| default.map(|d| stage.fill(&d)));
                        if let Some(value) = value.or_else(|| global.get(&name).cloned()) {
                            stage.args.insert(name, value);
                        }
                    }
                }
                Instruction::Env(i) => {
                    let text = i.arguments.value.trim();
                    let pairs = match text.split_once(char::is_whitespace) {
                        Some((name, value)) if !name.contains('=') => {
                            vec![(name.to_owned(), Some(value.trim().to_owned()))]
                        }
                        _ => assignments(text),
                    };
                    let before = stage.clone();
                    for (name, value) in pairs {
                        let value = before.fill(&value.unwrap_or_default());
                        stage.env.insert(name, (value, i.env.span.start));
                    }
                }
                Instruction::Workdir(i) => {
                    stage.cwd = copies::within(&stage.cwd, &stage.fill(&i.arguments.value));
                    stage.cwd_at = Some(i.workdir.span.start);
                }
                Instruction::Copy(i) => self.copy(at, stage, &i.options, &i.src, &i.dest.value),
                Instruction::Add(i) => self.copy(at, stage, &i.options, &i.src, &i.dest.value),
                Instruction::Run(i) => {
                    let found = pip::installs(&stage.fill(&line(&i.arguments)));
                    let nothing = found.is_empty();
                    let at = i.run.span.start;
                    for install in found {
                        let source = |file: &String| {
                            let file = copies::within(&stage.cwd, file);
                            stage.copies.text_file(self.outside, &self.recipe.context, &file)
                        };
                        let files = install.files.iter().map(source).collect();
                        stage.installs.push((at, install, files));
                    }
                    if let Some(hints) = hints.as_deref_mut().filter(|_| nothing) {
                        hints.unhonoured.push(self.hint("RUN", at, shown("RUN", &line(&i.arguments))));
                    }
                }
                Instruction::Cmd(i) => {
                    if let Some(hints) = hints.as_deref_mut() {
                        let text = shown("CMD", &line(&i.arguments));
                        let told = Told { words: start::words(&i.arguments), text };
                        hints.command = Some(self.hint("CMD", i.cmd.span.start, told));
                    }
                }
                Instruction::Entrypoint(i) => {
                    if let Some(hints) = hints.as_deref_mut() {
                        let at = i.entrypoint.span.start;
                        let text = shown("ENTRYPOINT", &line(&i.arguments));
                        let told = Told { words: start::words(&i.arguments), text };
                        hints.entrypoint = Some(self.hint("ENTRYPOINT", at, told));
                        // That of the stage below is for the entrypoint of the stage below.
                        let begins = self.hint("FROM", read.from.from.span.start, ()).place.line;
                        hints.command = hints.command.take().filter(|c| c.place.line > begins);
                    }
                }
                Instruction::Expose(i) => {
                    let ports = i.arguments.iter().filter_map(|port| {
                        let port = stage.fill(&port.value);
                        let (port, protocol) = port.split_once('/').unwrap_or((&port, "tcp"));
                        port.parse::<u16>().ok().filter(|p| *p != 0 && protocol == "tcp")
                    });
                    if let Some(hints) = hints.as_deref_mut()
                        && let Some(port) = ports.into_iter().next()
                    {
                        hints.port = Some(self.hint("EXPOSE", i.expose.span.start, port));
                    }
                }
                Instruction::Healthcheck(i) => {
                    if let Some(hints) = hints.as_deref_mut() {
                        let at = i.healthcheck.span.start;
                        hints.check = match &i.arguments {
                            HealthcheckArguments::Cmd { arguments, .. } => {
                                Some(self.hint("HEALTHCHECK", at, stage.fill(&line(arguments))))
                            }
                            HealthcheckArguments::None { .. } => None,
                            // The parser may come to know more.
                            _ => None,
                        };
                    }
                }
                Instruction::User(i) => {
                    if let Some(hints) = hints.as_deref_mut() {
                        let text = shown("USER", &i.arguments.value);
                        hints.unhonoured.push(self.hint("USER", i.user.span.start, text));
                    }
                }
                Instruction::Volume(i) => {
                    if let Some(hints) = hints.as_deref_mut() {
                        hints.unhonoured.push(self.hint("VOLUME", i.volume.span.start, "VOLUME".to_owned()));
                    }
                }
                // Of these nothing depends here.
                Instruction::From(_)
                | Instruction::Label(_)
                | Instruction::Maintainer(_)
                | Instruction::Onbuild(_)
                | Instruction::Shell(_)
                | Instruction::Stopsignal(_) => {}
                // The parser may come to know more.
                _ => {}
            }
        }
    }

    fn copy(
        &mut self,
        at: usize,
        stage: &mut Stage,
        options: &[Flag<'_>],
        sources: &[Source<'_>],
        target: &str,
    ) {
        let path = |source: &Source<'_>| match source {
            Source::Path(path) => Some(stage.fill(&path.value)),
            Source::HereDoc(_) => None,
            // The parser may come to know more.
            _ => None,
        };
        let sources: Vec<String> = sources.iter().filter_map(path).collect();
        let target = stage.fill(target);
        let from = options.iter().find(|o| o.name.value == "from").and_then(|o| o.value.as_ref());
        let Some(from) = from else {
            return stage.copies.add(self.outside, &self.recipe.context, &sources, &target, &stage.cwd);
        };
        // Another image has none of our sources.
        let Some(other) = position(self.parsed, at, &from.value) else { return };
        let mut there = Stage::default();
        for below in ancestry(self.parsed, self.recipe, other) {
            self.stage(below, &mut there, None);
        }
        stage.copies.add_from(&there.copies, &sources, &target, &stage.cwd);
        for install in there.installs {
            if !stage.installs.iter().any(|known| known.0 == install.0) {
                stage.installs.push(install);
            }
        }
    }
}

/// The beginning of an instruction.
fn shown(name: &str, arguments: &str) -> String {
    let words = arguments.split_whitespace().filter(|w| *w != "\\").collect::<Vec<_>>().join(" ");
    let mut text: String = format!("{name} {words}").chars().take(SHOWN).collect();
    if words.chars().count() + name.len() + 1 > SHOWN {
        text.push('…');
    }
    text
}
