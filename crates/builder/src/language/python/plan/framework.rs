//! Finding the app in Python files, by reading lines rather than by running them.

/// What serves an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serves {
    /// FastAPI, Starlette and their like.
    Asgi,
    /// Flask and its like.
    Wsgi,
    /// Sanic, which brings its own server.
    Sanic,
}

/// What a server is told of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// The variable that holds it.
    Variable,
    /// The function that makes it.
    Function,
}

/// The constructors whose result is an app, and what serves it.
pub(crate) const APPS: &[(&str, &str, Serves)] = &[
    ("fastapi", "FastAPI", Serves::Asgi),
    ("starlette", "Starlette", Serves::Asgi),
    ("litestar", "Litestar", Serves::Asgi),
    ("quart", "Quart", Serves::Asgi),
    ("fasthtml", "FastHTML", Serves::Asgi),
    ("fasthtml", "fast_app", Serves::Asgi),
    ("flask", "Flask", Serves::Wsgi),
    ("sanic", "Sanic", Serves::Sanic),
    ("dash", "Dash", Serves::Wsgi),
    ("bottle", "Bottle", Serves::Wsgi),
    ("bottle", "default_app", Serves::Wsgi),
    ("falcon.asgi", "App", Serves::Asgi),
    ("falcon", "App", Serves::Wsgi),
    ("falcon", "API", Serves::Wsgi),
    ("shiny", "App", Serves::Asgi),
    ("blacksheep", "Application", Serves::Asgi),
    ("config", "make_wsgi_app", Serves::Wsgi),
];

/// Names that others give to their classes too: they count where they are imported.
const COMMON: [&str; 3] = ["App", "API", "Application"];

/// An app that a module holds or makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct App<'a> {
    /// The variable that holds it, or the function that makes it.
    pub(crate) variable: &'a str,
    /// The package it comes from; empty when others made it.
    pub(crate) package: &'static str,
    pub(crate) serves: Serves,
    pub(crate) made: Made,
    /// Where, from 1.
    pub(crate) line: usize,
}

/// The first `app = FastAPI(` at the top level; `app` itself is preferred over other names.
pub(crate) fn app(text: &str) -> Option<App<'_>> {
    // What Dash makes is no app for a server; it holds one, if somebody takes it out.
    let found =
        || assignments(text).filter_map(|a| if a.package == "dash" { held(text, a) } else { Some(a) });
    found().find(|a| a.variable == "app").or_else(|| found().next())
}

/// What a script serves by itself, when it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Dash,
    Gradio,
}

/// Whether a file serves something when it is run, and the line where it says so.
pub(crate) fn script(text: &str) -> Option<(Script, usize)> {
    let line = |signs: &[&str]| {
        let calls = |l: &str| !l.trim_start().starts_with('#') && signs.iter().any(|sign| l.contains(sign));
        text.lines().position(calls).map(|i| i + 1)
    };
    if imports(text, "gradio") {
        return Some((Script::Gradio, line(&[".launch("])?));
    }
    assignments(text).find(|a| a.package == "dash")?;
    Some((Script::Dash, line(&[".run(", ".run_server("])?))
}

fn assignments(text: &str) -> impl Iterator<Item = App<'_>> {
    let imported = |class: &str, package: &str| {
        let module =
            text.lines().any(|line| line.trim_start().starts_with(&format!("from {package} import")));
        !COMMON.contains(&class) || module
    };
    text.lines()
        .enumerate()
        .filter_map(move |(i, line)| Some(App { line: i + 1, ..assignment(line, &imported)? }))
}

/// `server = app.server`.
fn held<'a>(text: &'a str, dash: App<'a>) -> Option<App<'a>> {
    text.lines().enumerate().find_map(|(i, line)| {
        let (variable, value) = line.split_once('=')?;
        let holder = value.split('#').next()?.trim().strip_suffix(".server")?;
        let variable = variable.trim_end();
        (holder == dash.variable && is_name(variable)).then_some(App { variable, line: i + 1, ..dash })
    })
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Variable and function of `variable = function(` at the top level.
pub(crate) fn assigned(line: &str) -> Option<(&str, &str)> {
    let (left, right) = line.split_once('=')?;
    // The first of several: `app, rt = fast_app(`.
    let variable = left.split([':', ',']).next()?.trim_end();
    // Indented code is inside a function or a condition.
    if !is_name(variable) {
        return None;
    }
    Some((variable, right.trim_start().split_once('(')?.0.trim_end()))
}

fn assignment<'l>(line: &'l str, imported: &dyn Fn(&str, &str) -> bool) -> Option<App<'l>> {
    let (variable, call) = assigned(line)?;
    APPS.iter().find_map(|&(package, class, serves)| {
        let qualified = call.strip_prefix(package).and_then(|r| r.strip_prefix('.'));
        let is_it = match qualified {
            Some(name) => name == class,
            None => call == class && imported(class, package),
        };
        is_it.then_some(App { variable, package, serves, made: Made::Variable, line: 0 })
    })
}

/// Whether a file imports a module, or something out of it.
pub(crate) fn imports(text: &str, module: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| {
        let rest = line.strip_prefix("import ").or_else(|| line.strip_prefix("from "));
        rest.is_some_and(|r| {
            r.split(',').any(|part| {
                let part = part.trim_start();
                let name = part.split(|c: char| !(c.is_alphanumeric() || c == '_')).next();
                name == Some(module)
            })
        })
    })
}

/// Whether a file imports its neighbours relative to a package.
pub(crate) fn imports_relatively(text: &str) -> bool {
    text.lines().any(|l| l.trim_start().starts_with("from ."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps() {
        for (text, variable) in [
            ("app = FastAPI()", Some("app")),
            ("app: FastAPI = FastAPI(title='x')", Some("app")),
            ("api=fastapi.FastAPI(\n", Some("api")),
            ("server = Flask(__name__)\napp = FastAPI()", Some("app")),
            ("    app = FastAPI()", None),
            ("# app = FastAPI()", None),
            ("app = NotFastAPI()", None),
            ("app = router.FastAPI()", None),
            ("x.app = FastAPI()", None),
            ("if app == FastAPI():", None),
            ("from fasthtml.common import *\napp, rt = fast_app(live=True)", Some("app")),
            ("app,rt,todos,Todo=fast_app('db', id=int)", Some("app")),
            ("app = FastHTML()", Some("app")),
            ("app = Dash(__name__)\nserver = app.server  # for gunicorn", Some("server")),
            ("app = dash.Dash(__name__)\nfoo = other.server", None),
            ("app = Dash(__name__)\nif x:\n    server = app.server", None),
            ("server = Flask(__name__)\napp = Dash(server=server)", Some("server")),
            ("import bottle\napp = bottle.default_app()", Some("app")),
            ("from bottle import Bottle, run\napi = Bottle()", Some("api")),
            ("import falcon\napp = falcon.App()", Some("app")),
            ("import falcon.asgi\napp = falcon.asgi.App()", Some("app")),
            ("from falcon import API\napp = API()", Some("app")),
            ("from shiny import App, ui\napp = App(app_ui, server)", Some("app")),
            ("from mylib import App\napp = App()", None),
            ("app = config.make_wsgi_app()", Some("app")),
        ] {
            assert_eq!(app(text).map(|a| a.variable), variable, "{text}");
        }
    }

    #[test]
    fn scripts() {
        for (text, want) in [
            (
                "import gradio as gr\nwith gr.Blocks() as demo:\n    pass\ndemo.launch()",
                Some((Script::Gradio, 4)),
            ),
            ("import gradio as gr\n# demo.launch()", None),
            (
                "app = Dash(__name__)\nif __name__ == '__main__':\n    app.run(debug=True)",
                Some((Script::Dash, 3)),
            ),
            ("app = dash.Dash()\napp.run_server()", Some((Script::Dash, 2))),
            ("app = Flask(__name__)\napp.run()", None),
        ] {
            assert_eq!(script(text), want, "{text}");
        }
    }

    #[test]
    fn imported() {
        for (text, yes) in [
            ("import streamlit as st", true),
            ("import os, streamlit", true),
            ("from streamlit import write", true),
            ("from streamlit.web import cli", true),
            ("import streamlit_extras", false),
            ("# import streamlit", false),
            ("x = 'import streamlit'", false),
        ] {
            assert_eq!(imports(text, "streamlit"), yes, "{text}");
        }
    }
}
