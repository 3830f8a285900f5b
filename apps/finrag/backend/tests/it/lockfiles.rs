//! Each service is built alone, with a lock file of its own beside its manifest. It must lock what the repository locks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Name and version of every package in a lock file.
fn packages(path: &Path) -> BTreeSet<(String, String)> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let value = |line: &str, key: &str| line.strip_prefix(key).map(|rest| rest.trim_matches('"').to_owned());
    let mut found = BTreeSet::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(given) = value(line, "name = ") {
            name = given;
        } else if let Some(version) = value(line, "version = ").filter(|_| !name.is_empty()) {
            found.insert((std::mem::take(&mut name), version));
        }
    }
    found
}

#[test]
fn lock_files_beside_manifests_are_in_step_with_the_repositorys() {
    let apps = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = apps.join("../../Cargo.lock");
    if !root.exists() {
        // Built alone, as the platform does: the lock file at hand is the one in use.
        return;
    }
    let root = packages(&root);
    let mut checked = 0;
    for service in ["backend", "frontend"] {
        let lock = apps.join(service).join("Cargo.lock");
        if !apps.join(service).join("Cargo.toml").exists() {
            continue;
        }
        let own = packages(&lock);
        let strangers: Vec<_> = own.difference(&root).collect();
        assert!(strangers.is_empty(), "{service} locks {strangers:?}\nhint: run apps/finrag/relock");
        assert!(own.len() > 20 && own.iter().any(|(name, _)| *name == format!("finrag-{service}")));
        checked += 1;
    }
    assert!(checked > 0);
}
