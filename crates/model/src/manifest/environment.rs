//! A service's environment: what its files of variables say, what the manifest says on top, and references filled in.

use super::{
    outside::{Outside, hidden_line, how_to_mend},
    problem::{Place, Report},
    typed::{EnvFile, Service, Variable},
};
use crate::{
    Env, EnvValue, ProjectName, ServiceName, Variables, dotenv, env,
    interpolate::{self, Fault},
};

/// What a reference to nothing means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Unset {
    /// A mistake.
    #[default]
    Refused,
    /// Nothing, as compose has it, which warns.
    Empty,
}

/// Whose environment it is.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) project: Option<&'a ProjectName>,
    pub(super) service: Option<&'a ServiceName>,
}

/// The environment as it is meant.
pub(super) fn settle(
    outside: &mut Outside<'_>,
    owner: Owner<'_>,
    typed: &Service,
    port: Option<u16>,
    unset: Unset,
    report: &mut Report,
) -> Env {
    let stored = owner.project.map(|p| outside.stored(p, owner.service)).unwrap_or_default();
    let mut env = Env::default();
    for (name, value) in &typed.env_hints {
        env.insert(name, EnvValue::Text(value.clone()));
    }
    for file in &typed.env_files {
        for (name, value) in read(outside, file, typed.guess, report) {
            if name == "PORT" {
                // A compose file's is read with its ports.
                if !typed.guess && port.is_some_and(|port| value.trim() != port.to_string()) {
                    let what = format!(
                        "PORT of `{}` is not used: it is always the service's `port`",
                        file.path.value
                    );
                    report.warn_at(&file.path.place, what);
                }
                continue;
            }
            if fits(&file.path.place, &name, &value, report) {
                env.insert(name, EnvValue::Text(value));
            }
        }
    }
    for variable in &typed.env {
        if let Some(value) = one(outside, owner, variable, &stored, unset, report) {
            env.insert(&variable.name, value);
        }
    }
    env
}

/// The port that files of variables name; the last one that does so counts.
pub(super) fn port(outside: &mut Outside<'_>, files: &[EnvFile], report: &mut Report) -> Option<Variable> {
    let mut found = None;
    for file in files {
        let value = read(outside, file, true, report).remove("PORT");
        let name = "PORT".to_owned();
        found = value.map(|v| Variable { name, value: Some(v), place: file.path.place.clone() }).or(found);
    }
    found
}

/// What a file of variables says.
fn read(outside: &mut Outside<'_>, file: &EnvFile, compose: bool, report: &mut Report) -> Variables {
    let path = &file.path.value;
    outside.taken(path);
    let Some(text) = outside.text(path) else {
        if file.required {
            let optional =
                if compose { "{path: ..., required: false}" } else { "{ path = ..., required = false }" };
            let hint = format!("add it, or write {optional} if the service can do without it");
            report.at(file.path.place.clone(), format!("there is no file `{path}`"), Some(hint));
        }
        return Variables::new();
    };
    let found = if file.raw {
        dotenv::parse_raw(text)
    } else {
        dotenv::parse(text, &mut |name| outside.variable(name))
    };
    found.unwrap_or_else(|e| {
        report.at(hidden_line(path, text, e.line), e.why, None);
        Variables::new()
    })
}

fn one(
    outside: &mut Outside<'_>,
    owner: Owner<'_>,
    variable: &Variable,
    stored: &Variables,
    unset: Unset,
    report: &mut Report,
) -> Option<EnvValue> {
    let Variable { name, value, place } = variable;
    let Some(written) = value else {
        let given = outside.variable(name);
        if given.is_none() && !stored.contains_key(name) {
            outside.left_empty(name, place.clone());
        }
        return given.filter(|value| fits(place, name, value, report)).map(EnvValue::Text);
    };
    let mut fail = |fault: &Fault| {
        report.at(place.clone(), dotenv::words(fault), Some(how_to_mend(owner.project, fault)));
        None
    };
    let template = match interpolate::expand_partly(written, &mut |name| outside.variable(name)) {
        Ok(template) => template,
        Err(fault) => return fail(&fault),
    };
    let refers = !interpolate::names(&template).is_empty();
    let expanded = match interpolate::expand(&template, &mut |name| stored.get(name).cloned()) {
        Ok(expanded) => expanded,
        Err(fault) => return fail(&fault),
    };
    match (expanded.unset.first(), unset) {
        (Some(missing), Unset::Refused) => {
            return fail(&Fault::Required { name: missing.clone(), why: String::new() });
        }
        (Some(_), Unset::Empty) => {
            expanded.unset.iter().for_each(|name| outside.left_empty(name, place.clone()));
        }
        (None, _) => {}
    }
    if !fits(place, name, &expanded.text, report) {
        return None;
    }
    Some(if refers { EnvValue::Template { template } } else { EnvValue::Text(expanded.text) })
}

/// Whether a process can be given the variable.
fn fits(place: &Place, name: &str, value: &str, report: &mut Report) -> bool {
    let checked = env::check(name, value);
    if let Err(why) = &checked {
        let hint = "put a long value into a file that the service reads".to_owned();
        report.at(place.clone(), why, Some(hint).filter(|_| value.len() > 1000));
    }
    checked.is_ok()
}
