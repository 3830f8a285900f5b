//! What Python code tells: its framework, and how it is asked.

use dormouse_model::{
    manifest::{Code, Facts},
    server::Server,
};

use super::{PYTHON, elsewhere, listens};
use crate::language::HEALTH_ROUTES;

/// What Python code serves with, by the module it imports; those built on top of others come first.
const SERVERS: [(&str, Server); 15] = [
    ("gradio", Server::Gradio),
    ("nicegui", Server::NiceGui),
    ("chainlit", Server::Chainlit),
    ("dash", Server::Dash),
    ("panel", Server::Panel),
    ("streamlit", Server::Streamlit),
    ("waitress", Server::Waitress),
    ("hypercorn", Server::Hypercorn),
    ("flask", Server::Flask),
    ("fastapi", Server::Uvicorn),
    ("uvicorn", Server::Uvicorn),
    ("sanic", Server::Sanic),
    ("bottle", Server::Bottle),
    ("tornado", Server::Tornado),
    ("django", Server::Django),
];

/// Look at the code of a service.
pub(super) fn look(code: &Code<'_>) -> Facts {
    let (mut fastapi, mut streamlit, mut root) = (false, false, false);
    let mut health: Option<usize> = None;
    let mut server: Option<usize> = None;
    for (_, text) in code.own(".py") {
        fastapi |= imports(text, "fastapi");
        streamlit |= imports(text, "streamlit");
        root |= defines(text, "/");
        let found = HEALTH_ROUTES.iter().position(|route| defines(text, route));
        health = [health, found].into_iter().flatten().min();
        let found = SERVERS.iter().position(|(module, _)| imports(text, module));
        server = [server, found].into_iter().flatten().min();
    }
    if !fastapi && !streamlit {
        fastapi = depends(code, "fastapi");
        streamlit = depends(code, "streamlit");
    }
    Facts {
        health: health.map(|i| HEALTH_ROUTES[i]),
        // FastAPI always has its documentation; nothing else is sure to have anything.
        page: (fastapi && !root).then_some("/docs"),
        server: server.map(|i| SERVERS[i].1),
        port: None,
        has_pages: streamlit,
        listens: fastapi || streamlit || server.is_some() || listens::may(code),
    }
}

/// Whether a folder says what it depends on in one of Python's ways.
pub(super) fn is_python(code: &Code<'_>) -> bool {
    PYTHON.iter().filter(|f| code.has(f)).any(|file| {
        // It may hold nothing but the settings of tools.
        let describes = |text: &str| text.contains("[metadata]") || text.contains("[options]");
        *file != "setup.cfg" || code.text(file).is_some_and(describes)
    }) || elsewhere::ELSEWHERE.iter().any(|file| code.has(file))
}

/// Whether Python code imports a module.
fn imports(text: &str, module: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split([' ', '\t', '.', ',']).filter(|w| !w.is_empty());
        matches!(words.next(), Some("import" | "from")) && words.next() == Some(module)
    })
}

/// Whether Python code defines a GET route: `.get("/health"`, however it is quoted.
fn defines(text: &str, route: &str) -> bool {
    [".get(", ".route(", ".api_route("].iter().any(|call| {
        text.match_indices(call).any(|(i, _)| {
            let rest = text[i + call.len()..].trim_start();
            let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else { return false };
            rest[1..].strip_prefix(route).is_some_and(|r| r.starts_with(quote))
        })
    })
}

/// Whether requirements.txt or pyproject.toml name a package.
fn depends(code: &Code<'_>, package: &str) -> bool {
    let boundary = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || "-_.".contains(c));
    let named = |line: &str| {
        let line = line.trim_start_matches(|c: char| c.is_whitespace() || "\"'[".contains(c));
        line.get(..package.len()).is_some_and(|start| start.eq_ignore_ascii_case(package))
            && boundary(&line[package.len()..])
    };
    let mut files = ["requirements.txt"].into_iter().chain(elsewhere::ELSEWHERE);
    let requirements = files.find_map(|file| code.text(file)).unwrap_or("");
    let pyproject = code.text("pyproject.toml").unwrap_or("");
    requirements.lines().any(named) || pyproject.split(['\n', ',', '[']).any(named)
}

#[cfg(test)]
mod tests {
    use dormouse_model::manifest::ManifestInput;

    use super::*;

    #[test]
    fn frameworks_and_routes() {
        for (file, text, fastapi, is_streamlit, health) in [
            ("main.py", "from fastapi import FastAPI\n@app.get(\"/health\")", true, false, Some("/health")),
            ("main.py", "import fastapi\n@app.get(\n    '/healthz')", true, false, Some("/healthz")),
            ("main.py", "from fastapi import FastAPI\n@app.get('/healthy')", true, false, None),
            ("pkg/page.py", "import streamlit as st", false, true, None),
            ("main.py", "import streamlit_authenticator", false, false, None),
            ("main.py", "import fastapi\nimport streamlit\n@app.get('/health')", true, true, Some("/health")),
            ("requirements.txt", "# c\nFastAPI[standard]==0.1\n", true, false, None),
            ("requirements.txt", "fastapi-users\n", false, false, None),
            ("requirements/base.txt", "fastapi\n", true, false, None),
            ("pyproject.toml", "dependencies = [\"streamlit>=1\"]", false, true, None),
            ("main.py", "requests.get(\"/health\")\n.get(é", false, false, Some("/health")),
        ] {
            let mut input = ManifestInput::new("x");
            input.add_file(file, text);
            let facts = look(&Code::new(&input, "."));
            let got = (facts.page.is_some(), facts.has_pages, facts.health);
            assert_eq!(got, (fastapi, is_streamlit, health), "{file}: {text}");
        }
    }

    #[test]
    fn pages_and_servers() {
        for (text, root, server) in [
            ("import flask\n@app.route('/')", true, Some(Server::Flask)),
            ("from fastapi import FastAPI\n@app.get(\"/items\")", false, Some(Server::Uvicorn)),
            ("import gradio as gr\nfrom fastapi import FastAPI", false, Some(Server::Gradio)),
            ("from dash import Dash\nimport flask", false, Some(Server::Dash)),
            ("import os", false, None),
        ] {
            let mut input = ManifestInput::new("x");
            input.add_file("main.py", text);
            let code = Code::new(&input, ".");
            let defines = code.ending(".py").any(|(_, text)| defines(text, "/"));
            assert_eq!((defines, look(&code).server), (root, server), "{text}");
        }
    }
}
