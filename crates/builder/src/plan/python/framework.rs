//! Finding the app in Python files, by reading lines rather than by running them.

/// What serves an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serves {
    /// FastAPI, Starlette and their like.
    Asgi,
    /// Flask and its like.
    Wsgi,
}

/// The constructors whose result is an app, and what serves it.
const APPS: &[(&str, &str, Serves)] = &[
    ("fastapi", "FastAPI", Serves::Asgi),
    ("starlette", "Starlette", Serves::Asgi),
    ("litestar", "Litestar", Serves::Asgi),
    ("quart", "Quart", Serves::Asgi),
    ("flask", "Flask", Serves::Wsgi),
];

/// An app made at the top level of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct App<'a> {
    /// The variable that holds it.
    pub(crate) variable: &'a str,
    /// The package it comes from.
    pub(crate) package: &'static str,
    pub(crate) serves: Serves,
}

/// The first `app = FastAPI(` at the top level; `app` itself is preferred over other names.
pub(crate) fn app(text: &str) -> Option<App<'_>> {
    let found = || text.lines().filter_map(assignment);
    found().find(|a| a.variable == "app").or_else(|| found().next())
}

fn assignment(line: &str) -> Option<App<'_>> {
    let (left, right) = line.split_once('=')?;
    let variable = left.split(':').next()?.trim_end();
    let is_ident = !variable.is_empty() && variable.chars().all(|c| c.is_alphanumeric() || c == '_');
    // Indented code is inside a function or a condition.
    if !is_ident
        || variable.starts_with(|c: char| c.is_ascii_digit())
        || line.starts_with(char::is_whitespace)
    {
        return None;
    }
    let call = right.trim_start().split_once('(')?.0.trim_end();
    APPS.iter().find_map(|&(package, class, serves)| {
        let qualified = call.strip_prefix(package).and_then(|r| r.strip_prefix('.'));
        (qualified.unwrap_or(call) == class).then_some(App { variable, package, serves })
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
        ] {
            assert_eq!(app(text).map(|a| a.variable), variable, "{text}");
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
