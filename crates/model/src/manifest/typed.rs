//! The manifest as typed by the user: everything optional, nothing checked against anything else.

use std::{collections::BTreeMap, time::Duration};

use super::{environment::Unset, node::Node, path, problem::Place, read::Reader};
use crate::{Depth, ServiceKind, Streams};

/// A project as typed.
#[derive(Debug, Default)]
pub(super) struct Project {
    pub(super) name: Option<Written<String>>,
    /// `None` when the file has no services, which then are found in the code.
    pub(super) services: Option<Vec<Service>>,
    /// Files that hold the secrets of the file's `secrets`.
    pub(super) secret_files: Vec<String>,
    /// What its environments mean by a name that nobody gives.
    pub(super) unset: Unset,
}

/// A variable as typed.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) name: String,
    /// By the rules of [`crate::interpolate`]; `None` for what is to be taken from outside.
    pub(super) value: Option<String>,
    pub(super) place: Place,
}

impl EnvFile {
    /// One that is a mere path, which has to be there.
    pub(super) fn at(path: &str, place: Place) -> Self {
        Self { path: Written { value: path::join(".", path), place }, required: true, raw: false }
    }
}

/// A file of variables as typed.
#[derive(Debug, Clone)]
pub(super) struct EnvFile {
    /// Relative to the manifest's folder.
    pub(super) path: Written<String>,
    pub(super) required: bool,
    /// Whether its values are to be taken as they are.
    pub(super) raw: bool,
}

/// A value with the place to point at.
#[derive(Debug, Clone)]
pub(super) struct Written<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// A service as typed.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    /// Where the name was written; `None` when it was found in the code.
    pub(super) place: Option<Place>,
    pub(super) source: Option<Written<String>>,
    /// Source folder when the service was found in the code.
    pub(super) found_in: Option<String>,
    pub(super) kind: Option<ServiceKind>,
    pub(super) start: Option<Vec<String>>,
    /// Where that was written.
    pub(super) start_at: Option<Place>,
    pub(super) requirements: Option<Written<String>>,
    pub(super) install: Option<Written<Vec<Vec<String>>>>,
    pub(super) workdir: Option<Written<String>>,
    pub(super) package: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) health: Health,
    pub(super) needs: Vec<Written<String>>,
    pub(super) after: Vec<Written<String>>,
    pub(super) replicas: Option<Written<u32>>,
    pub(super) memory: Option<u64>,
    pub(super) cpu_milli: Option<u32>,
    pub(super) pids: Option<u32>,
    pub(super) disk: Option<u64>,
    /// How its limits were written, by the names of [`crate::bounds::TooMuch`].
    pub(super) asked: BTreeMap<&'static str, Written<String>>,
    pub(super) env: Vec<Variable>,
    pub(super) env_files: Vec<EnvFile>,
    /// Variables of its Dockerfile, which all others come before.
    pub(super) env_hints: Vec<(String, String)>,
    pub(super) public: Option<Written<bool>>,
    pub(super) sleep: Sleep,
    pub(super) stop_grace: Option<Duration>,
    pub(super) packages: Vec<String>,
    /// Further names on the private network.
    pub(super) aliases: Vec<String>,
    /// Whether the code is to tell what kind of process it is, when nothing else does.
    pub(super) guess: bool,
    pub(super) include: Vec<Written<String>>,
}

impl Service {
    /// A service of which nothing but its name is known.
    pub(super) fn named(name: String, place: Option<Place>) -> Self {
        Self {
            name,
            place,
            source: None,
            found_in: None,
            kind: None,
            start: None,
            start_at: None,
            requirements: None,
            install: None,
            workdir: None,
            package: None,
            port: None,
            health: Health::default(),
            needs: Vec::new(),
            after: Vec::new(),
            replicas: None,
            memory: None,
            cpu_milli: None,
            pids: None,
            disk: None,
            asked: BTreeMap::new(),
            env: Vec::new(),
            env_files: Vec::new(),
            env_hints: Vec::new(),
            public: None,
            sleep: Sleep::default(),
            stop_grace: None,
            packages: Vec::new(),
            aliases: Vec::new(),
            guess: false,
            include: Vec::new(),
        }
    }
}

impl Service {
    /// Remember how one of its limits was written.
    pub(super) fn asks(&mut self, what: &'static str, r: &Reader<'_>, node: &Node, key: &str) {
        let value = node.value.scalar().unwrap_or_default();
        self.asked.insert(what, Written { value, place: r.place(&node.span, key) });
    }
}

/// Health as typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Health {
    pub(super) probe: Option<ProbeKind>,
    pub(super) interval: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) start_timeout: Option<Duration>,
    pub(super) hang_timeout: Option<Duration>,
    pub(super) failures: Option<u32>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProbeKind {
    /// A connection is enough.
    Tcp,
    /// This path.
    Http(String),
}

/// Sleep as typed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sleep {
    /// `Some(None)` is never.
    pub(super) after: Option<Option<Duration>>,
    pub(super) depth: Option<Depth>,
    pub(super) streams: Option<Streams>,
    pub(super) patience: Option<Duration>,
}
