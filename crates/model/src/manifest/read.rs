//! Nodes to the manifest as typed: the shape of `dormouse.toml`.

use std::time::Duration;

use super::{
    keys::{self, Key},
    names,
    node::{Entry, Node, Span, Value},
    problem::{Place, Report, Sources},
    service,
    typed::{EnvFile, Project, Variable, Written},
    value,
};

/// What `dormouse.toml` says.
pub(super) fn project(sources: &Sources<'_>, root: &Node, report: &mut Report) -> Project {
    let mut r = Reader { sources, report };
    let mut project = Project::default();
    for entry in r.table(root, "") {
        match entry.key.as_str() {
            "name" => {
                project.name = r
                    .text(&entry.node, "name")
                    .map(|value| Written { value, place: r.place(&entry.node.span, "name") });
            }
            "services" => {
                let services = r.table(&entry.node, "services");
                project.services =
                    Some(services.iter().filter_map(|e| service::service(&mut r, e)).collect());
            }
            other => {
                // A service's key at the top is the likeliest slip.
                if service::is_key(other) {
                    let place = r.place(&entry.key_span, other);
                    let hint = "put it under its service: [services.web]".to_owned();
                    r.report.at(place, "this key belongs to a service", Some(hint));
                } else {
                    r.unknown_key(entry, "", keys::FILE);
                }
            }
        }
    }
    project
}

/// Reads values, and reports those that are not what they should be.
pub(super) struct Reader<'a> {
    pub(super) sources: &'a Sources<'a>,
    pub(super) report: &'a mut Report,
}

impl Reader<'_> {
    pub(super) fn place(&self, span: &Span, key: &str) -> Place {
        self.sources.place(span, key)
    }

    pub(super) fn problem(&mut self, span: &Span, key: &str, message: impl Into<String>, hint: Option<&str>) {
        let place = self.place(span, key);
        self.report.at(place, message, hint.map(str::to_owned));
    }

    /// Say that a value has the wrong kind.
    pub(super) fn wrong(&mut self, node: &Node, key: &str, want: &str) {
        self.problem(&node.span, key, format!("expected {want}, found {}", node.value.kind()), None);
    }

    pub(super) fn unknown_key(&mut self, entry: &Entry, path: &str, keys: &'static [Key]) {
        let place = self.place(&entry.key_span, &join(path, &entry.key));
        let hint = names::did_you_mean(&entry.key, keys::names(keys));
        self.report.at(place, format!("unknown key `{}`", entry.key), hint);
    }

    pub(super) fn table<'n>(&mut self, node: &'n Node, key: &str) -> &'n [Entry] {
        if let Value::Table(entries) = &node.value {
            return entries;
        }
        self.wrong(node, key, "a table");
        &[]
    }

    pub(super) fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        if let Value::Text(text) = &node.value {
            if !text.contains('\0') {
                return Some(text.clone());
            }
            self.problem(&node.span, key, "text must not contain a NUL character", None);
        } else {
            self.wrong(node, key, "text");
        }
        None
    }

    pub(super) fn bool(&mut self, node: &Node, key: &str) -> Option<bool> {
        if let Value::Bool(b) = node.value {
            return Some(b);
        }
        self.wrong(node, key, "true or false");
        None
    }

    /// A whole number within bounds.
    pub(super) fn number(
        &mut self,
        node: &Node,
        key: &str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        let (low, high) = (*range.start(), *range.end());
        if let Value::Int(i) = node.value
            && let Some(n) = u32::try_from(i).ok().filter(|n| range.contains(n))
        {
            return Some(n);
        }
        let found = match &node.value {
            Value::Int(i) => i.to_string(),
            Value::Float(f) => f.to_string(),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Table(_) => {
                node.value.kind().to_owned()
            }
        };
        let unquoted = match &node.value {
            Value::Text(text) => text.trim().parse::<u32>().ok().filter(|n| range.contains(n)),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::List(_)
            | Value::Table(_) => None,
        };
        let hint = unquoted.map(|n| format!("write {n} without quotes"));
        let message = format!("expected a whole number from {low} to {high}, found {found}");
        self.problem(&node.span, key, message, hint.as_deref());
        None
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, key: &str) -> &'n [Node] {
        if let Value::List(items) = &node.value {
            return items;
        }
        self.wrong(node, key, "a list");
        &[]
    }

    pub(super) fn texts(&mut self, node: &Node, key: &str) -> Vec<Written<String>> {
        let mut texts = Vec::new();
        for (i, item) in self.list(node, key).iter().enumerate() {
            let key = format!("{key}[{i}]");
            if let Some(value) = self.text(item, &key) {
                texts.push(Written { value, place: self.place(&item.span, &key) });
            }
        }
        texts
    }

    /// A result with its reason reported.
    pub(super) fn ok<T>(&mut self, node: &Node, key: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|why| self.problem(&node.span, key, why, None)).ok()
    }

    pub(super) fn size(&mut self, node: &Node, key: &str) -> Option<u64> {
        let Some(text) = (match &node.value {
            Value::Int(i) => Some(i.to_string()),
            Value::Text(t) => Some(t.clone()),
            Value::Null | Value::Bool(_) | Value::Float(_) | Value::List(_) | Value::Table(_) => None,
        }) else {
            self.wrong(node, key, "a size such as \"512MiB\"");
            return None;
        };
        self.ok(node, key, value::memory(&text))
    }

    pub(super) fn cpu(&mut self, node: &Node, key: &str) -> Option<u32> {
        let cores = match &node.value {
            #[allow(clippy::cast_precision_loss)]
            Value::Int(i) => *i as f64,
            Value::Float(f) => *f,
            Value::Text(t) => match t.trim().parse() {
                Ok(cores) => cores,
                Err(_) => {
                    self.wrong(node, key, "a number of cores such as 0.5");
                    return None;
                }
            },
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Table(_) => {
                self.wrong(node, key, "a number of cores such as 0.5");
                return None;
            }
        };
        self.ok(node, key, value::cpu(cores))
    }

    /// A time as text, or a number of seconds.
    pub(super) fn duration(&mut self, node: &Node, key: &str) -> Option<Duration> {
        let seconds = match &node.value {
            #[allow(clippy::cast_precision_loss)]
            Value::Int(i) => *i as f64,
            Value::Float(f) => *f,
            Value::Text(t) => return self.ok(node, key, value::duration(t)),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Table(_) => {
                self.wrong(node, key, "a time such as \"5m\"");
                return None;
            }
        };
        let result = value::seconds(seconds).ok_or_else(|| format!("{seconds} is not a number of seconds"));
        self.ok(node, key, result)
    }

    /// Name and value of environment variables.
    pub(super) fn env(&mut self, node: &Node, key: &str) -> Vec<Variable> {
        let mut env = Vec::new();
        for entry in self.table(node, key) {
            let key = join(key, &entry.key);
            match entry.node.value.scalar() {
                Some(_) if entry.key == "PORT" => {
                    let hint = Some("set the service's `port` instead");
                    let why = "PORT is always the port the service is expected to listen on";
                    self.problem(&entry.key_span, &key, why, hint);
                }
                Some(value) => env.extend(self.variable(&entry.node.span, &key, &entry.key, Some(value))),
                None => self.wrong(&entry.node, &key, "text"),
            }
        }
        env
    }

    /// Check one variable's name.
    pub(super) fn variable(
        &mut self,
        span: &Span,
        key: &str,
        name: &str,
        value: Option<String>,
    ) -> Option<Variable> {
        if name.is_empty() || name.contains(['=', '\0']) || value.as_ref().is_some_and(|v| v.contains('\0')) {
            let why = "an environment variable needs a name without `=`, and no NUL character";
            self.problem(span, key, why, None);
            return None;
        }
        Some(Variable { name: name.to_owned(), value, place: self.place(span, key) })
    }

    /// Files of environment variables: a path, a list of paths, or of tables with a `path`.
    pub(super) fn env_files(&mut self, node: &Node, key: &str) -> Vec<EnvFile> {
        match &node.value {
            Value::List(items) => {
                let each = |(i, item)| self.env_file(item, &format!("{key}[{i}]"));
                items.iter().enumerate().filter_map(each).collect()
            }
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Table(_) => self.env_file(node, key).into_iter().collect(),
        }
    }

    fn env_file(&mut self, node: &Node, key: &str) -> Option<EnvFile> {
        let Value::Table(entries) = &node.value else {
            return self.text(node, key).map(|path| EnvFile::at(&path, self.place(&node.span, key)));
        };
        let (mut path, mut required, mut raw) = (None, true, false);
        for e in entries {
            let at = join(key, &e.key);
            match e.key.as_str() {
                "path" => path = self.text(&e.node, &at).map(|p| (p, self.place(&e.node.span, &at))),
                "required" => required = self.bool(&e.node, &at).unwrap_or(true),
                "format" => raw = self.text(&e.node, &at).is_some_and(|format| format == "raw"),
                _ => self.unknown_key(e, key, keys::ENV_FILE),
            }
        }
        let Some((path, place)) = path else {
            self.problem(&node.span, key, "it has no `path`", None);
            return None;
        };
        Some(EnvFile { required, raw, ..EnvFile::at(&path, place) })
    }
}

/// A dotted key.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
