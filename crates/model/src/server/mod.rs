//! What serves, told by its command line.

mod advice;
mod command;
mod shell;

use serde::{Deserialize, Serialize};

pub use advice::GENERAL;
pub(crate) use command::script;
pub use command::{guess, program};
pub(crate) use shell::commands;
pub use shell::needed_for;

/// A program that serves HTTP, or a library that makes a program of the app's own do so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "they are called what they are called")]
pub enum Server {
    Aiohttp,
    Bottle,
    Chainlit,
    Daphne,
    Dash,
    Django,
    FastApi,
    Flask,
    Gradio,
    Granian,
    Gunicorn,
    Hypercorn,
    HttpServer,
    Jupyter,
    NextJs,
    NiceGui,
    Node,
    Panel,
    Php,
    Puma,
    Rails,
    Rust,
    Sanic,
    Streamlit,
    Tornado,
    Uvicorn,
    Uwsgi,
    Vite,
    Waitress,
    /// One of which nothing more is known.
    Other,
}

/// How it is known what serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The command line says so.
    Command,
    /// The code uses it; it may still not be what listens.
    Code,
}

/// What a command line starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Something that serves HTTP.
    Http(Server),
    /// Something that speaks another protocol.
    Other,
}
