//! The manifest as typed by the user: everything optional, nothing checked against anything else.

use std::{collections::BTreeMap, time::Duration};

use super::problem::Place;
use crate::{Depth, ServiceKind, Streams};

/// A project as typed.
#[derive(Debug, Default)]
pub(super) struct Project {
    pub(super) name: Option<Written<String>>,
    /// `None` when the file has no services, which then are found in the code.
    pub(super) services: Option<Vec<Service>>,
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
    pub(super) package: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) health: Health,
    pub(super) needs: Vec<Written<String>>,
    pub(super) memory: Option<u64>,
    pub(super) cpu_milli: Option<u32>,
    pub(super) pids: Option<u32>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) public: Option<Written<bool>>,
    pub(super) sleep: Sleep,
    pub(super) stop_grace: Option<Duration>,
    pub(super) packages: Vec<String>,
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
            package: None,
            port: None,
            health: Health::default(),
            needs: Vec::new(),
            memory: None,
            cpu_milli: None,
            pids: None,
            env: BTreeMap::new(),
            public: None,
            sleep: Sleep::default(),
            stop_grace: None,
            packages: Vec::new(),
            include: Vec::new(),
        }
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
