//! Keys that the Compose Specification does not have: which one was meant.

use super::{
    super::{
        names,
        node::{Entry, Node},
        read::{Reader, join},
        service,
    },
    keys::{self, Keys},
};

/// What other tools, and our own manifest, call a service's keys.
const OTHER_WORDS: [(&str, &str); 21] = [
    ("after", "depends_on"),
    ("cmd", "command"),
    ("cpu", "cpus"),
    ("env", "environment"),
    ("envs", "environment"),
    ("health", "healthcheck"),
    ("limits", "deploy"),
    ("memory", "mem_limit"),
    ("needs", "depends_on"),
    ("path", "build"),
    ("pids", "pids_limit"),
    ("public", "ports"),
    ("requires", "depends_on"),
    ("run", "command"),
    ("script", "command"),
    ("source", "build"),
    ("start", "command"),
    ("stop_grace", "stop_grace_period"),
    ("vars", "environment"),
    ("variables", "environment"),
    ("workdir", "working_dir"),
];

/// Tables, each with its keys.
const WITHIN: [(&str, Keys); 5] = [
    ("build", keys::BUILD),
    ("deploy", keys::DEPLOY),
    ("healthcheck", keys::HEALTHCHECK),
    ("resources", keys::RESOURCES),
    ("limits", keys::LIMITS),
];

/// What says how a service comes to be.
const MAKES_IT: [&str; 4] = ["build", "image", "extends", "provider"];

/// Say that a table has no such key, and what may have been meant.
pub(super) fn tell(r: &mut Reader<'_>, entry: &Entry, path: &str, keys: Keys) {
    let place = r.place(&entry.key_span, &join(path, &entry.key));
    r.report.at(place, format!("unknown key `{}`", entry.key), hint(entry, keys));
}

/// Tell the slips in a service that is left out. What else it says does not matter.
pub(super) fn in_left_out(r: &mut Reader<'_>, service: &Entry) {
    let path = join("services", &service.key);
    let slips = unknown(&service.node).filter(|e| hint(e, keys::SERVICE).is_some());
    slips.for_each(|e| tell(r, e, &path, keys::SERVICE));
}

/// Whether a key that is none stands where something would say how the service comes to be.
pub(super) fn hides_its_making(service: &Node) -> bool {
    unknown(service).filter_map(|e| near(&e.key, keys::SERVICE)).any(|key| MAKES_IT.contains(&key))
}

fn unknown(service: &Node) -> impl Iterator<Item = &Entry> {
    service.entries().iter().filter(|e| !e.key.starts_with("x-") && !has(keys::SERVICE, &e.key))
}

fn has(keys: Keys, key: &str) -> bool {
    keys.iter().any(|(k, _)| *k == key)
}

/// The key of a service or of another table that was meant.
fn near(key: &str, keys: Keys) -> Option<&'static str> {
    let other = OTHER_WORDS.iter().find(|(word, meant)| *word == key && has(keys, meant));
    let inner = || WITHIN.iter().find(|(table, inner)| has(keys, table) && has(inner, key));
    let meant = other.map(|(_, meant)| *meant).or_else(|| inner().map(|(table, _)| *table));
    meant.or_else(|| names::nearest(key, keys.iter().map(|(k, _)| *k)))
}

fn hint(entry: &Entry, keys: Keys) -> Option<String> {
    let key = entry.key.as_str();
    let is_file = has(keys, "services");
    if is_file && (entry.node.get("build").is_some() || entry.node.get("image").is_some()) {
        return Some("a service stands under `services`".to_owned());
    }
    // Tables that are named by nothing else than their place.
    if !has(keys, "depends_on") && has(keys::SERVICE, key) && key != "networks" {
        return Some(match is_file {
            true => "this key belongs to a service".to_owned(),
            false => "this key belongs to the service itself".to_owned(),
        });
    }
    if let Some(meant) = near(key, keys) {
        let within = WITHIN.iter().find(|(table, inner)| *table == meant && has(inner, key));
        return Some(match within {
            Some((table, _)) => format!("write it under `{table}`: {table}: {{{key}: ...}}"),
            None => format!("did you mean `{meant}`?"),
        });
    }
    if has(keys, "depends_on") && service::is_key(key) {
        return Some("this is a key of dormouse.toml, which is read instead of a compose file".to_owned());
    }
    // All of many are no hint.
    (keys.len() < 12).then(|| {
        let all: Vec<_> = keys.iter().map(|(k, _)| format!("`{k}`")).collect();
        format!("known here: {}", all.join(", "))
    })
}
