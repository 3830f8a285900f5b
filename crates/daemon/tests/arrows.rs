//! The rooms and the only arrows between them, checked against what cargo sees.
#![allow(missing_docs, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Who may depend on whom. Every change here is a change of the architecture and of docs/architecture.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("api", &[]),
    ("cli", &["model", "api"]),
    ("planner", &["model"]),
    ("backend", &["model"]),
    ("images", &["model"]),
    ("edge", &["model"]),
    ("dns", &["model"]),
    ("runtime", &["model", "backend", "images"]),
    ("builder", &["model", "backend", "images", "runtime"]),
    ("control", &["model", "backend", "planner", "images"]),
    ("web", &["model", "api", "control", "backend"]),
    (
        "daemon",
        &[
            "api", "backend", "builder", "cli", "control", "dns", "edge", "images", "model", "planner",
            "runtime", "web",
        ],
    ),
];

#[test]
fn no_other_arrow() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        ARROWS.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    let room = |package: &str| package.strip_prefix("dormouse-").map(str::to_owned);
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for package in &metadata.packages {
        let Some(from) = room(&package.name) else { continue };
        if !package.manifest_path.components().any(|c| c.as_str() == "crates") {
            continue;
        }
        let Some(allowed) = allowed.get(from.as_str()) else {
            wrong.push(format!("{from} is not a room in ARROWS"));
            continue;
        };
        seen.insert(from.clone());
        // Tests may reach for the simulator; what ships may not.
        for dep in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            if let Some(to) = room(&dep.name)
                && !allowed.contains(to.as_str())
            {
                wrong.push(format!("{from} -> {to}"));
            }
        }
    }
    for (from, _) in ARROWS {
        if !seen.contains(*from) {
            wrong.push(format!("{from} is in ARROWS and has no crate"));
        }
    }
    assert!(wrong.is_empty(), "arrows that the architecture does not have:\n{}", wrong.join("\n"));
}
