//! The rooms and the only arrows between them, checked against what cargo sees.
#![allow(missing_docs, reason = "a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

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

/// Languages, and what installs their packages. Who knows one of them has to change when another comes.
const LANGUAGES: [&str; 13] = [
    "cargo", "deno", "elixir", "golang", "nodejs", "npm", "php", "pip", "poetry", "python", "ruby", "rust",
    "uv",
];

/// Files outside of `builder` that name some, and why. This list only becomes shorter.
const THAT_NAME_LANGUAGES: &[(&str, &str)] = &[
    ("control/src/store/frozen.rs", "a specification of an older release, as it was"),
    ("model/src/manifest/dockerfile/mod.rs", "reads what Dockerfiles install with pip"),
    ("model/src/manifest/dockerfile/pip.rs", "reads what Dockerfiles install with pip"),
    ("model/src/manifest/dockerfile/stage.rs", "reads what Dockerfiles install with pip"),
    ("model/src/manifest/dockerfile/start.rs", "tells which programs an image of ours may have"),
    ("model/src/manifest/keys.rs", "says what each key of the manifest is for"),
    ("model/src/manifest/service.rs", "says what each key of the manifest is for"),
    ("model/src/server/advice.rs", "servers, told by their command lines"),
    ("model/src/server/command.rs", "servers, told by their command lines"),
    ("model/src/server/mod.rs", "servers, told by their command lines"),
    ("model/src/source/procfile.rs", "programs that run others"),
    ("model/src/source/secret/content.rs", "files of credentials"),
    ("model/src/source/secret/mod.rs", "files of credentials"),
];

/// A new language is a folder in `builder`, and nothing else has to know it.
#[test]
fn only_the_builder_knows_languages() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of crates");
    let mut found = BTreeSet::new();
    let mut folders = vec![crates.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(crates).expect("below it").to_string_lossy().into_owned();
            let is_ours =
                name.starts_with("builder") || name.contains("/tests") || name.ends_with("tests.rs");
            if path.is_dir() && !is_ours {
                folders.push(path);
            } else if name.contains("/src/") && name.ends_with(".rs") && !is_ours {
                let text = fs::read_to_string(&path).expect("a file");
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                let code =
                    code.lines().map(|line| line.split("//").next().unwrap_or_default().to_lowercase());
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                if code.into_iter().any(|l| l.split(|c| !is_word(c)).any(|word| LANGUAGES.contains(&word))) {
                    found.insert(name);
                }
            }
        }
    }
    let known: BTreeSet<String> = THAT_NAME_LANGUAGES.iter().map(|(file, _)| (*file).to_owned()).collect();
    let new: Vec<_> = found.difference(&known).collect();
    assert!(new.is_empty(), "they name languages, which only the builder knows: {new:?}");
    let old: Vec<_> = known.difference(&found).collect();
    assert!(old.is_empty(), "they name none any more; take them out of the list: {old:?}");
}
