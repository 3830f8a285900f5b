//! Compose files read as a manifest: services that are built from a folder.
//!
//! Files become one tree ([`load`]: variables, `extends`, `include`, files over files), and the tree becomes what a
//! `dormouse.toml` would say. Every key of the Compose Specification is known ([`keys`]): it is read, or so anyway, or
//! named as not honoured.

mod flags;
mod health;
mod hints;
pub(super) mod keys;
mod load;
mod merge;
mod ports;
mod service;
mod services;
mod slips;

use super::{
    environment::Unset,
    names,
    node::{Node, Value},
    outside::Outside,
    problem::Report,
    read::{Reader, join},
    typed::{Project, Written},
};
use keys::Unhonoured;
use load::Loader;

/// What these files say, those to the right laid over those to the left; `None` when there is nothing to read.
pub(super) fn read(files: &[String], outside: &mut Outside<'_>, report: &mut Report) -> Option<Project> {
    let mut loader = Loader::new(outside, report);
    let root = loader.layers(files, ".", &mut Vec::new(), None)?;
    let Loader { outside, sources, report, mut unhonoured, .. } = loader;
    let mut r = Reader { sources: &sources, report };
    let project = project(&mut r, &mut unhonoured, outside, &root);
    unhonoured.warn(report);
    Some(project)
}

fn project(
    r: &mut Reader<'_>,
    unhonoured: &mut Unhonoured,
    outside: &mut Outside<'_>,
    root: &Node,
) -> Project {
    let mut project = Project { unset: Unset::Empty, ..Project::default() };
    let mut written = None;
    let before = r.report.problems();
    for entry in keys::known(r, unhonoured, root, "", keys::TOP) {
        match entry.key.as_str() {
            "name" => {
                let place = r.place(&entry.node.span, "name");
                let text = r.text(&entry.node, "name");
                written.clone_from(&text);
                project.name = text.map(|name| Written { value: names::sanitise(&name, "app"), place });
            }
            "services" => project.services = Some(services::services(r, unhonoured, outside, &entry.node)),
            "networks" => networks(r, unhonoured, &entry.node),
            _ => {}
        }
    }
    project.secret_files = secret_files(root);
    if let Some(name) = outside.variable("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty()) {
        let place = r.place(&(0..0), "name");
        written = Some(name.clone());
        project.name = Some(Written { value: names::sanitise(&name, "app"), place });
    }
    if let (Some(written), Some(name)) = (written, &project.name)
        && written != name.value
        && !outside.is_named()
    {
        let what = format!("`{written}` is no name for a host, so the project is called `{}`", name.value);
        r.report.warn_at(&name.place, what);
    }
    // They may be there under another name, which is told.
    if project.services.is_none() && matches!(root.value, Value::Table(_)) && r.report.problems() == before {
        let place = r.place(&root.span, "");
        r.report.at(place, "there are no `services` in this file", None);
    }
    project
}

/// Where the secrets lie: that they are given to no service makes their files no part of an image.
fn secret_files(root: &Node) -> Vec<String> {
    let Some(Value::Table(secrets)) = root.get("secrets").map(|s| &s.value) else { return Vec::new() };
    secrets.iter().filter_map(|secret| secret.node.get("file")?.value.scalar()).collect()
}

/// All services share one network, and reach what the host reaches.
fn networks(r: &mut Reader<'_>, unhonoured: &mut Unhonoured, node: &Node) {
    if node.value == Value::Null {
        return;
    }
    let all = r.table(node, "networks");
    if let [_, second, ..] = all {
        unhonoured.add("networks", r.place(&second.key_span, "networks"));
    }
    for entry in all.iter().filter(|e| e.node.value != Value::Null) {
        keys::known(r, unhonoured, &entry.node, &join("networks", &entry.key), keys::TOP_NETWORK);
    }
}
