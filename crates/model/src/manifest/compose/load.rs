//! From compose files to one tree: variables filled in, `extends` and `include` followed, and files laid over files.

use std::collections::BTreeMap;

use super::{
    super::{
        node::{Entry, Node, Span, Value},
        outside::Outside,
        path,
        problem::{Place, Report, Sources},
        read::{Reader, join},
        yaml,
    },
    flags,
    keys::{EXTENDS, INCLUDE, Unhonoured, known},
    merge,
};
use crate::{dotenv, interpolate};

/// Files read at most, each as often as it is named.
const MOST_FILES: usize = 64;

/// Values of all services together at most: a few lines of `extends` can stand for billions.
const MOST_NODES: usize = 200_000;

/// Reads files.
pub(super) struct Loader<'a, 'b> {
    pub(super) outside: &'b mut Outside<'a>,
    pub(super) sources: Sources<'a>,
    pub(super) report: &'b mut Report,
    pub(super) unhonoured: Unhonoured,
    files: usize,
    nodes: usize,
    /// Files as they are written, by name and by the folder that their paths are relative to.
    raw: BTreeMap<(String, String), Option<Node>>,
}

impl<'a, 'b> Loader<'a, 'b> {
    pub(super) fn new(outside: &'b mut Outside<'a>, report: &'b mut Report) -> Self {
        Self {
            outside,
            report,
            sources: Sources::default(),
            unhonoured: Unhonoured::default(),
            files: 0,
            nodes: 0,
            raw: BTreeMap::new(),
        }
    }

    /// Files laid over each other, the first at the bottom; all paths in them are relative to `folder`. `None` when
    /// one cannot be read, which is reported.
    pub(super) fn layers(
        &mut self,
        files: &[String],
        folder: &str,
        trail: &mut Vec<String>,
        named: Option<&Place>,
    ) -> Option<Node> {
        let mut whole: Option<Node> = None;
        for file in files {
            let layer = self.one(file, folder, trail, named)?;
            whole = Some(match whole {
                None => layer,
                Some(base) => merge::merge(base, layer, &[]),
            });
        }
        let mut whole = whole?;
        merge::drop_resets(&mut whole);
        Some(whole)
    }

    /// One file, with what it extends and includes.
    fn one(
        &mut self,
        file: &str,
        folder: &str,
        trail: &mut Vec<String>,
        named: Option<&Place>,
    ) -> Option<Node> {
        let mut root = self.raw(file, folder, named)?;
        self.extend(&mut root, file, folder);
        let Value::Table(entries) = &mut root.value else { return Some(root) };
        let include = entries.iter().position(|e| e.key == "include").map(|i| entries.remove(i));
        if let Some(include) = include.filter(|i| i.node.value != Value::Null) {
            trail.push(file.to_owned());
            self.include(&mut root, &include, trail);
            trail.pop();
        }
        Some(root)
    }

    /// One file as it is written, but for variables and for its paths, which are as seen from the manifest's folder.
    fn raw(&mut self, file: &str, folder: &str, named: Option<&Place>) -> Option<Node> {
        let key = (file.to_owned(), folder.to_owned());
        if let Some(known) = self.raw.get(&key) {
            return known.clone();
        }
        self.files += 1;
        if self.files > MOST_FILES {
            self.report.folder(
                format!("more than {MOST_FILES} compose files are read"),
                "check what they include and extend",
            );
            return None;
        }
        let told = self.report.problems();
        let Some(text) = self.outside.manifest(file, self.report) else {
            if self.report.problems() == told {
                let what = format!("there is no file `{file}`");
                match named {
                    Some(place) => self.report.at(place.clone(), what, None),
                    None => self.report.folder(what, "check --file"),
                }
            }
            return None;
        };
        let mut root = yaml::parse(self.sources.add(file, text), self.report);
        if let Some(root) = &mut root {
            if self.files == 1 {
                let name = root.get("name").and_then(|n| n.value.scalar());
                self.outside.name_project(name.as_deref());
            }
            self.fill_in(root);
            flags::settle(root);
            rebase(root, folder);
        }
        self.raw.insert(key, root.clone());
        root
    }

    /// Fill in variables. Environments keep what is filled in later.
    fn fill_in(&mut self, root: &mut Node) {
        let Self { outside, sources, report, .. } = self;
        interpolate(root, &[], &mut |text, path, span| {
            let place = || sources.place(span, &path.join("."));
            let outcome = match path {
                ["services", _, "environment", ..] => {
                    interpolate::expand_partly(text, &mut |name| outside.variable(name))
                }
                _ => {
                    // In a command it is ours to fill in.
                    let in_command =
                        matches!(path, ["services", _, "command" | "entrypoint" | "healthcheck", ..]);
                    let mut value = |name: &str| {
                        let ours = || (in_command && name == "PORT").then(|| "$PORT".to_owned());
                        let value = outside.value(name);
                        // The project's name is no secret, and other names are made of it; nor is what the files
                        // say themselves: another thing may be called so.
                        let telling = |value: &&String| path != ["name"] && !sources.say(value);
                        if let Some(value) = value.as_ref().filter(telling) {
                            report.filled(format!("${{{name}}}"), value);
                        }
                        value.or_else(ours)
                    };
                    interpolate::expand(text, &mut value).map(|e| {
                        e.unset.iter().for_each(|name| outside.left_empty(name, place()));
                        e.text
                    })
                }
            };
            outcome.unwrap_or_else(|fault| {
                let hint = outside.how_to_mend(&fault);
                report.at(place(), dotenv::words(&fault), Some(hint));
                String::new()
            })
        });
    }

    /// Follow `extends` of every service of a file.
    fn extend(&mut self, root: &mut Node, file: &str, folder: &str) {
        let Some(Value::Table(services)) = root.get("services").map(|s| s.value.clone()) else { return };
        for service in services.iter().filter(|s| s.node.get("extends").is_some()) {
            let mut trail = Vec::new();
            let whole = self.whole(root, service, (file, folder), &mut trail);
            if let (Some(whole), Some(node)) =
                (whole, root.get_mut("services").and_then(|s| s.get_mut(&service.key)))
            {
                *node = whole;
            }
        }
    }

    /// A service with what it extends.
    fn whole(
        &mut self,
        root: &Node,
        service: &Entry,
        (file, folder): (&str, &str),
        trail: &mut Vec<(String, String)>,
    ) -> Option<Node> {
        let key = join(&join("services", &service.key), "extends");
        let mut own = service.node.clone();
        self.nodes += own.size();
        if self.nodes > MOST_NODES {
            let place = self.sources.place(&service.key_span, &key);
            self.report.at(place, format!("the services hold more than {MOST_NODES} values"), None);
            return None;
        }
        let Value::Table(entries) = &mut own.value else { return Some(own) };
        let Some(at) = entries.iter().position(|e| e.key == "extends") else { return Some(own) };
        let extends = entries.remove(at);
        let place = self.sources.place(&extends.node.span, &key);
        if trail.iter().any(|(f, s)| f == file && *s == service.key) {
            self.report.at(place, format!("`{}` extends itself", service.key), None);
            return None;
        }
        trail.push((file.to_owned(), service.key.clone()));
        let (name, other) = self.extended(&extends.node, &key)?;
        let (base_root, base_file, base_folder);
        let (root, file, folder) = match &other {
            None => (root, file, folder),
            Some(other) => {
                (base_file, base_folder) = (other.value.clone(), path::join(&other.value, ".."));
                base_root = self.raw(&base_file, &base_folder, Some(&other.place))?;
                (&base_root, base_file.as_str(), base_folder.as_str())
            }
        };
        let Some(base) = root.get("services").and_then(|s| s.entry(&name)) else {
            self.report.at(place, format!("there is no service `{name}` in {file}"), None);
            return None;
        };
        let base = self.whole(root, base, (file, folder), trail)?;
        Some(merge::merge(base, own, &["services", &service.key]))
    }

    /// Which service is extended, and in which other file.
    fn extended(&mut self, node: &Node, key: &str) -> Option<(String, Option<Named>)> {
        let Self { sources, report, unhonoured, .. } = self;
        let mut r = Reader { sources, report };
        if let Value::Text(name) = &node.value {
            return Some((name.clone(), None));
        }
        let (mut service, mut file) = (None, None);
        for e in known(&mut r, unhonoured, node, key, EXTENDS) {
            let at = join(key, &e.key);
            let text = r.text(&e.node, &at);
            match e.key.as_str() {
                "service" => service = text,
                _ => file = text.map(|value| Named { value, place: r.place(&e.node.span, &at) }),
            }
        }
        if service.is_none() {
            r.problem(&node.span, key, "it names no `service`", None);
        }
        Some((service?, file))
    }

    /// Take in what other projects define.
    fn include(&mut self, root: &mut Node, include: &Entry, trail: &mut Vec<String>) {
        let Value::List(items) = &include.node.value else {
            let place = self.sources.place(&include.node.span, "include");
            let what = format!("expected a list, found {}", include.node.value.kind());
            return self.report.at(place, what, None);
        };
        for (i, item) in items.iter().enumerate() {
            let key = format!("include[{i}]");
            let Some(Included { files, folder, env_files, place }) = self.included(item, &key) else {
                continue;
            };
            if let Some(again) = files.iter().find(|f| trail.contains(f)) {
                self.report.at(place, format!("`{again}` includes itself"), None);
                continue;
            }
            let before = self.outside.with_files(&env_files, &folder, self.report);
            let other = self.layers(&files, &folder, trail, Some(&place));
            self.outside.restore(before);
            if let Some(other) = other {
                self.take_in(root, other);
            }
        }
    }

    /// What an entry of `include` names.
    fn included(&mut self, node: &Node, key: &str) -> Option<Included> {
        let Self { sources, report, unhonoured, .. } = self;
        let mut r = Reader { sources, report };
        let place = r.place(&node.span, key);
        let mut out = Included { files: Vec::new(), folder: String::new(), env_files: Vec::new(), place };
        if let Value::Table(_) = &node.value {
            for e in known(&mut r, unhonoured, node, key, INCLUDE) {
                let at = join(key, &e.key);
                match e.key.as_str() {
                    "path" => out.files = one_or_more(&mut r, &e.node, &at),
                    "env_file" => out.env_files = one_or_more(&mut r, &e.node, &at),
                    _ => out.folder = r.text(&e.node, &at).unwrap_or_default(),
                }
            }
        } else {
            out.files = one_or_more(&mut r, node, key);
        }
        if let Some(remote) = out.files.iter().find(|f| f.contains("://")) {
            r.problem(&node.span, key, format!("`{remote}` is not in this folder, and is not fetched"), None);
            return None;
        }
        let first = out.files.first()?;
        if out.folder.is_empty() {
            out.folder = path::join(first, "..");
        }
        Some(out)
    }

    /// Add what another project defines. What both define has to be the same.
    fn take_in(&mut self, root: &mut Node, other: Node) {
        let (Value::Table(own), Value::Table(more)) = (&mut root.value, other.value) else { return };
        for section in more {
            // The other project's name is its own.
            let Value::Table(entries) = section.node.value else { continue };
            let at = own.iter().position(|e| e.key == section.key).unwrap_or_else(|| {
                let node = Node::new(section.node.span.clone(), Value::Table(Vec::new()));
                own.push(Entry { key: section.key.clone(), key_span: section.key_span.clone(), node });
                own.len() - 1
            });
            let Value::Table(into) = &mut own[at].node.value else { continue };
            for entry in entries {
                match into.iter().find(|e| e.key == entry.key) {
                    None => into.push(entry),
                    Some(known) if same(&known.node, &entry.node) => {}
                    Some(known) => {
                        let key = join(&section.key, &entry.key);
                        let place = self.sources.place(&known.key_span, &key);
                        let there = self.sources.place(&entry.key_span, &key);
                        let what = format!("{}:{} defines it too, and differently", there.file, there.line);
                        self.report.at(place, what, Some("give one of them another name".to_owned()));
                    }
                }
            }
        }
    }
}

/// A file as named somewhere.
struct Named {
    value: String,
    place: Place,
}

/// An entry of `include`.
struct Included {
    files: Vec<String>,
    folder: String,
    env_files: Vec<String>,
    place: Place,
}

/// Have every text expanded, told where it stands.
fn interpolate(node: &mut Node, path: &[&str], expand: &mut dyn FnMut(&str, &[&str], &Span) -> String) {
    match &mut node.value {
        Value::Text(text) if text.contains('$') => *text = expand(text, path, &node.span),
        Value::List(items) => items.iter_mut().for_each(|n| interpolate(n, path, expand)),
        Value::Table(entries) => {
            for entry in entries {
                let path = [path, &[entry.key.as_str()]].concat();
                interpolate(&mut entry.node, &path, expand);
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

/// One text, or a list of them.
fn one_or_more(r: &mut Reader<'_>, node: &Node, key: &str) -> Vec<String> {
    match &node.value {
        Value::List(_) => r.texts(node, key).into_iter().map(|w| w.value).collect(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::Table(_) => {
            r.text(node, key).into_iter().collect()
        }
    }
}

/// Whether two values say the same, wherever they stand.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Table(a), Value::Table(b)) => {
            let other = |e: &Entry| b.iter().find(|o| o.key == e.key).is_some_and(|o| same(&e.node, &o.node));
            a.len() == b.len() && a.iter().all(other)
        }
        (a, b) => a == b,
    }
}

/// Make the paths of a file be as seen from the manifest's folder: they are relative to `folder`.
fn rebase(root: &mut Node, folder: &str) {
    if let Some(include) = root.get_mut("include")
        && let Value::List(items) = &mut include.value
    {
        for item in items {
            if let Value::Table(entries) = &mut item.value {
                entries.iter_mut().for_each(|e| move_all(&mut e.node, folder));
            } else {
                move_all(item, folder);
            }
        }
    }
    if let Some(Value::Table(secrets)) = root.get_mut("secrets").map(|s| &mut s.value) {
        secrets.iter_mut().filter_map(|s| s.node.get_mut("file")).for_each(|file| move_all(file, folder));
    }
    let Some(Value::Table(services)) = root.get_mut("services").map(|s| &mut s.value) else { return };
    for service in services {
        if let Some(file) = service.node.get_mut("extends").and_then(|e| e.get_mut("file")) {
            move_all(file, folder);
        }
        if let Some(files) = service.node.get_mut("env_file") {
            move_all(files, folder);
        }
        let Some(build) = service.node.get_mut("build") else { continue };
        *build = merge::build(std::mem::replace(build, Node::new(0..0, Value::Null)));
        if let Value::Table(entries) = &mut build.value
            && !entries.iter().any(|e| e.key == "context")
        {
            let span = build.span.clone();
            let node = Node::new(span.clone(), Value::Text(".".to_owned()));
            entries.push(Entry { key: "context".to_owned(), key_span: span, node });
        }
        if let Some(context) = build.get_mut("context") {
            move_all(context, folder);
        }
    }
}

/// Move a path, each of a list of them, or the `path` of a table.
fn move_all(node: &mut Node, folder: &str) {
    match &mut node.value {
        Value::Text(text) if !text.contains("://") && !text.starts_with("git@") => {
            *text = path::join(folder, text);
        }
        Value::List(items) => items.iter_mut().for_each(|n| move_all(n, folder)),
        Value::Table(entries) => {
            entries.iter_mut().filter(|e| e.key == "path").for_each(|e| move_all(&mut e.node, folder));
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
    }
}
