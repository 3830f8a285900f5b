//! Whether a service of a compose file listens, when the file does not say: one without a port is a worker, unless its
//! command, its code or those who call it tell otherwise.

use super::{
    code::{Code, Facts, Languages, Role},
    input::ManifestInput,
    port,
    typed::Service,
};
use crate::server::{self, Program};

/// Whether the service listens, and on which port where that can be told.
pub(super) fn listens(
    input: &ManifestInput,
    code: Code<'_>,
    languages: &dyn Languages,
    typed: &Service,
    facts: Facts,
    all: &[Service],
) -> Option<Option<u16>> {
    let start = typed.start.as_deref();
    if let Some(port) = port::of(typed) {
        return Some(Some(port));
    }
    if let Some(port) = called(input, languages, typed, all) {
        return Some(Some(port));
    }
    match start {
        Some(start) => {
            match server::program(start) {
                Some(Program::Http(server)) => return Some(server.default_port()),
                Some(Program::Other) | None => {}
            }
            languages.script(&code, start)
        }
        None => facts.listens.then_some(None),
    }
}

/// The port at which another service calls this one: `http://name:8000` in its environment.
fn called(input: &ManifestInput, languages: &dyn Languages, typed: &Service, all: &[Service]) -> Option<u16> {
    let names = || typed.aliases.iter().map(String::as_str).chain([typed.name.as_str()]);
    let port = |text: &str| {
        names().find_map(|name| {
            text.match_indices(name).find_map(|(at, _)| {
                let before = text[..at].chars().next_back();
                let starts = before.is_none_or(|c| !(c.is_alphanumeric() || "-_.".contains(c)));
                leading_port(text[at + name.len()..].strip_prefix(':').filter(|_| starts)?)
            })
        })
    };
    let others = || all.iter().filter(|other| other.name != typed.name);
    let in_env = others().flat_map(|o| &o.env).filter_map(|v| v.value.as_deref()).find_map(port);
    in_env.or_else(|| {
        // In code only as an address: the name may be any word.
        let code = input.texts().filter(|(path, _)| languages.role(path) == Some(Role::Code));
        code.into_iter()
            .find_map(|(_, text)| names().find_map(|name| port_after(text, &format!("://{name}:"))))
    })
}

/// The number after a piece of text.
fn port_after(text: &str, piece: &str) -> Option<u16> {
    leading_port(text[text.find(piece)? + piece.len()..].trim_start())
}

/// The port that a text begins with.
fn leading_port(text: &str) -> Option<u16> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok().filter(|p| *p != 0)
}
