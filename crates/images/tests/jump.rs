//! A wall clock that was put a year ahead, or a year back, since the server was first started. A process has one time, so each
//! direction has a process of its own.
#![allow(missing_docs, reason = "a test")]

use std::{
    collections::BTreeSet,
    env,
    fs::File,
    path::Path,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use dormouse_images::{LayerId, Store};
use dormouse_model::{
    Time,
    clock::{self, Reading},
};

const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
const DIRECTION: &str = "DORMOUSE_TEST_DIRECTION";

/// Bug: what a build under way had made was taken for unused for a year, and removed; in the other direction nothing was ever
/// removed.
#[test]
fn what_was_just_made_is_young_and_what_nobody_used_is_old() {
    let Ok(direction) = env::var(DIRECTION) else {
        for direction in ["ahead", "back"] {
            let this = env::current_exe().unwrap();
            let out = Command::new(this).args(["--nocapture"]).env(DIRECTION, direction).output().unwrap();
            assert!(out.status.success(), "{direction}: {}", String::from_utf8_lossy(&out.stderr));
        }
        return;
    };
    let boot = Reading::now().boot();
    assert!(clock::begin(if direction == "ahead" { boot.before(YEAR) } else { boot.after(YEAR) }));
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let made = layer(&store, "made");
    // Marked as used by our time, a minute and a day and a half ago.
    let (recent, unused) = (layer(&store, "recent"), layer(&store, "unused"));
    used_at(dir.path(), &recent, clock::now().before(Duration::from_secs(60)));
    used_at(dir.path(), &unused, clock::now().before(DAY * 3 / 2));
    let done = store.collect(&BTreeSet::new(), DAY).unwrap();
    assert_eq!(done.layers, 1);
    for (layer, stays) in [(made, true), (recent, true), (unused, false)] {
        assert_eq!(store.layer_path(&layer).is_dir(), stays);
    }
}

fn layer(store: &Store, name: &str) -> LayerId {
    let draft = store.begin_layer().unwrap();
    std::fs::write(draft.path().join(name), name).unwrap();
    draft.commit(None).unwrap()
}

fn used_at(dir: &Path, layer: &LayerId, at: Time) {
    let file = File::options().append(true).open(dir.join("meta").join(layer.hex())).unwrap();
    let at: SystemTime = UNIX_EPOCH + Duration::from_millis(at.0);
    file.set_modified(at).unwrap();
}
