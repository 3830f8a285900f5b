//! What the code itself tells: its framework, and the services of a folder without a manifest.

use std::collections::BTreeSet;

use super::{
    input::{ManifestInput, PYTHON},
    names,
    typed::Service,
};
use crate::{server::Server, source::requirements};

/// What a source folder turned out to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Facts {
    pub(super) fastapi: bool,
    pub(super) streamlit: bool,
    /// Whether it is a Cargo package.
    pub(super) rust: bool,
    /// A health route the code defines.
    pub(super) health: Option<&'static str>,
    /// Whether the code defines a page at `/`.
    pub(super) root: bool,
    /// What the code uses to serve, as far as that can be told.
    pub(super) server: Option<Server>,
}

/// Health routes people write, the likeliest first.
const HEALTH_ROUTES: [&str; 4] = ["/health", "/healthz", "/api/health", "/livez"];

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

/// Folders that hold code which is not a service.
const NOT_SERVICES: [&str; 8] = ["tests", "test", "docs", "doc", "scripts", "venv", "env", "node_modules"];

/// Look at a source folder, or at a Cargo package in it.
pub(super) fn look(
    input: &ManifestInput,
    source: &str,
    left_out: &BTreeSet<String>,
    package: Option<&str>,
) -> Facts {
    let is_python = is_python(input, source);
    if package.is_some() || (input.has_file(source, "Cargo.toml") && !is_python) {
        let health = rust_health(input, source, package);
        return Facts { rust: true, health, server: Some(Server::Rust), ..Facts::default() };
    }
    let mut facts = Facts::default();
    let mut health: Option<usize> = None;
    let mut server: Option<usize> = None;
    let is_own = |path: &str| {
        !left_out.iter().any(|out| path.strip_prefix(out.as_str()).is_some_and(|rest| rest.starts_with('/')))
    };
    for (_, text) in input.ending(source, ".py").filter(|(path, _)| is_own(path)) {
        facts.fastapi |= imports(text, "fastapi");
        facts.streamlit |= imports(text, "streamlit");
        facts.root |= defines(text, "/");
        let found = HEALTH_ROUTES.iter().position(|route| defines(text, route));
        health = [health, found].into_iter().flatten().min();
        let found = SERVERS.iter().position(|(module, _)| imports(text, module));
        server = [server, found].into_iter().flatten().min();
    }
    if !facts.fastapi && !facts.streamlit {
        facts.fastapi = depends(input, source, "fastapi");
        facts.streamlit = depends(input, source, "streamlit");
    }
    facts.health = health.map(|i| HEALTH_ROUTES[i]);
    facts.server = server.map(|i| SERVERS[i].1);
    facts
}

/// A health route that the Rust code of a source folder defines, or that of one package in it.
fn rust_health(input: &ManifestInput, source: &str, package: Option<&str>) -> Option<&'static str> {
    let folder = package.and_then(|package| {
        let named = |(path, text): (&'_ str, &str)| {
            let folder = path.strip_suffix("Cargo.toml")?;
            (folder.is_empty() || folder.ends_with('/')).then_some(())?;
            (package_name(text)? == package).then(|| folder.to_owned())
        };
        input.ending(source, "Cargo.toml").find_map(named)
    });
    let folder = folder.unwrap_or_default();
    let code =
        || input.ending(source, ".rs").filter(|(path, _)| path.starts_with(&folder)).map(|(_, text)| text);
    HEALTH_ROUTES.iter().copied().find(|route| code().any(|text| defines_in_rust(text, route)))
}

/// The name in a `Cargo.toml`'s `[package]` table.
fn package_name(text: &str) -> Option<&str> {
    let table = text.lines().map(str::trim).skip_while(|l| *l != "[package]").skip(1);
    let name = table.take_while(|l| !l.starts_with('[')).find_map(|l| l.strip_prefix("name"))?;
    Some(name.trim_start().strip_prefix('=')?.trim().trim_matches(['"', '\'']))
}

/// Whether Rust code defines a route: `.route("/health"` of axum, `#[get("/health")]` of others.
fn defines_in_rust(text: &str, route: &str) -> bool {
    [".route(", "#[get("].iter().any(|call| {
        text.match_indices(call).any(|(i, _)| {
            let rest = text[i + call.len()..].trim_start();
            rest.strip_prefix('"').and_then(|r| r.strip_prefix(route)).is_some_and(|r| r.starts_with('"'))
        })
    })
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
fn depends(input: &ManifestInput, source: &str, package: &str) -> bool {
    let boundary = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || "-_.".contains(c));
    let named = |line: &str| {
        let line = line.trim_start_matches(|c: char| c.is_whitespace() || "\"'[".contains(c));
        line.get(..package.len()).is_some_and(|start| start.eq_ignore_ascii_case(package))
            && boundary(&line[package.len()..])
    };
    let mut files = ["requirements.txt"].into_iter().chain(requirements::ELSEWHERE);
    let requirements = files.find_map(|file| input.text_in(source, file)).unwrap_or("");
    let pyproject = input.text_in(source, "pyproject.toml").unwrap_or("");
    requirements.lines().any(named) || pyproject.split(['\n', ',', '[']).any(named)
}

/// Whether a source folder says what it depends on in one of Python's ways.
fn is_python(input: &ManifestInput, source: &str) -> bool {
    PYTHON.iter().filter(|f| input.has_file(source, f)).any(|file| {
        // It may hold nothing but the settings of tools.
        let describes = |text: &str| text.contains("[metadata]") || text.contains("[options]");
        *file != "setup.cfg" || input.text_in(source, file).is_some_and(describes)
    }) || requirements::ELSEWHERE.iter().any(|file| input.has_file(source, file))
}

/// Whether a source folder says what it depends on, or is a Cargo package with a program.
fn buildable(input: &ManifestInput, source: &str) -> bool {
    is_python(input, source)
        || input.text_in(source, "Cargo.toml").is_some_and(|text| {
            let is_program = |path: &str| path == "src/main.rs" || path.starts_with("src/bin/");
            text.contains("[[bin]]")
                || text.contains("[workspace]")
                || input.ending(source, ".rs").any(|(path, _)| is_program(path))
        })
}

/// The services of a folder without a manifest: the folder itself, or each folder in it.
pub(super) fn services(input: &ManifestInput) -> Vec<Service> {
    let mut found: Vec<(String, &str)> = input
        .folders()
        .filter(|f| !f.contains('/') && !f.starts_with('.') && !NOT_SERVICES.contains(f))
        .filter(|f| buildable(input, f))
        .map(|f| (names::sanitise(f, "service"), f))
        .collect();
    // What a Cargo workspace holds is one service: nothing says which others of its programs are.
    let root_has_code =
        input.ending(".", ".py").any(|(path, _)| !path.contains('/')) || input.has_file(".", "Cargo.toml");
    // A pyproject.toml above several services often holds only the settings of tools.
    if buildable(input, ".") && (root_has_code || found.len() < 2) {
        let mut web = Service::named("web".to_owned(), None);
        web.found_in = Some(".".to_owned());
        return vec![web];
    }
    found.dedup_by(|a, b| a.0 == b.0);
    let mut services: Vec<Service> = found
        .into_iter()
        .map(|(name, folder)| {
            let mut service = Service::named(name, None);
            service.found_in = Some(folder.to_owned());
            service
        })
        .collect();
    services.sort_by(|a, b| a.name.cmp(&b.name));
    services
}

#[cfg(test)]
mod tests {
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
            let facts = look(&input, ".", &BTreeSet::new(), None);
            let got = (facts.fastapi, facts.streamlit, facts.rust, facts.health);
            assert_eq!(got, (fastapi, is_streamlit, false, health), "{file}: {text}");
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
            let facts = look(&input, ".", &BTreeSet::new(), None);
            assert_eq!((facts.root, facts.server), (root, server), "{text}");
        }
    }

    #[test]
    fn rust_and_its_routes() {
        let mut input = ManifestInput::new("x");
        for (file, text) in [
            ("api/Cargo.toml", "[package]\nname = \"shop-api\"\n[dependencies]\nname = \"no\"\n"),
            ("api/src/routes.rs", "Router::new().route(\n \"/health\", get(ok))"),
            ("page/Cargo.toml", "[dependencies]\n[package]\nname='shop-page'"),
            ("page/src/main.rs", "client.get(\"/health\"); #[get(\"/healthz\")]"),
            ("old/Cargo.toml", ""),
            ("old/pyproject.toml", ""),
        ] {
            input.add_file(file, text);
        }
        for (source, package, rust, health) in [
            ("api", None, true, Some("/health")),
            (".", Some("shop-api"), true, Some("/health")),
            (".", Some("shop-page"), true, Some("/healthz")),
            ("page", None, true, Some("/healthz")),
            ("old", None, false, None),
        ] {
            let facts = look(&input, source, &BTreeSet::new(), package);
            assert_eq!((facts.rust, facts.health), (rust, health), "{source} {package:?}");
        }
    }
}
