//! The store from outside: keys, images, collection, and what a crash leaves.
#![allow(missing_docs)]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{FileExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use dormouse_images::{CacheKey, Collected, ImageConfig, ImageError, LayerId, Lookup, Soundness, Store};
use dormouse_model::ImageId;

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

fn layer(store: &Store, text: &str, key: Option<&CacheKey>) -> LayerId {
    let draft = store.begin_layer().unwrap();
    fs::write(draft.path().join("file"), text).unwrap();
    draft.commit(key).unwrap()
}

fn image(store: &Store, layer: &LayerId) -> ImageId {
    store.put_image(std::slice::from_ref(layer), ImageConfig::default()).unwrap()
}

#[test]
fn a_key_finds_its_layer_again() {
    let (dir, store) = store();
    let key = CacheKey::new("dependencies").with("lock", "fastapi");
    assert_eq!(store.layer_for_key(&key), Lookup::Missing);
    let id = layer(&store, "a", Some(&key));
    assert_eq!(store.layer_for_key(&key), Lookup::Found(id.clone()));
    assert_eq!(layer(&store, "a", None), id, "the same tree is the same layer");
    assert_eq!(store.layer_bytes(&id).unwrap(), 1);
    let again = Store::open(dir.path()).unwrap();
    assert_eq!(again.layer_for_key(&key), Lookup::Found(id.clone()));
    fs::remove_dir_all(store.layer_path(&id)).unwrap();
    assert_eq!(store.layer_for_key(&key), Lookup::Missing, "a key without its layer is no hit");
}

#[test]
fn images_list_their_layers_top_first() {
    let (_dir, store) = store();
    let (below, above) = (layer(&store, "a", None), layer(&store, "b", None));
    let config = ImageConfig {
        env: [("PATH".to_owned(), "/bin".to_owned()), ("EMPTY".to_owned(), String::new())].into(),
        cmd: vec!["run".to_owned()],
        workdir: "/app".to_owned(),
        port: Some(8000),
    };
    let id = store.put_image(&[below.clone(), above.clone()], config.clone()).unwrap();
    let image = store.image(&id).unwrap();
    assert_eq!(image.layers, [store.layer_path(&above), store.layer_path(&below)]);
    assert_eq!(image.config, config);
    assert_eq!(store.put_image(&[below.clone(), above.clone()], config.clone()).unwrap(), id);
    assert_ne!(store.put_image(&[above, below.clone()], config).unwrap(), id, "order counts");
    fs::remove_dir_all(store.layer_path(&below)).unwrap();
    assert!(matches!(store.image(&id), Err(ImageError::NoSuchLayer(_))));
}

#[test]
fn unknown_hostile_and_damaged_ids() {
    let (dir, store) = store();
    for id in ["sha256:../../../etc/passwd", "", &format!("sha256:{}", "0".repeat(64))] {
        let found = store.image(&ImageId(id.into()));
        assert!(matches!(found, Err(ImageError::NoSuchImage(_))), "{id}: {found:?}");
    }
    let id = image(&store, &layer(&store, "a", None));
    let path = dir.path().join("manifests").join(id.0.trim_start_matches("sha256:"));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"schemaVersion\":2", "\"schemaVersion\":3", 1)).unwrap();
    assert!(matches!(store.image(&id), Err(ImageError::Damaged { .. })));
    let collected = store.collect(&BTreeSet::from([id]), Duration::ZERO);
    assert!(
        matches!(collected, Err(ImageError::Damaged { .. })),
        "its layers cannot be known: {collected:?}"
    );
}

#[test]
fn a_crash_leaves_nothing_and_a_draft_in_progress_stays() {
    let (dir, store) = store();
    let draft = store.begin_layer().unwrap();
    let dropped = store.begin_layer().unwrap().path().to_owned();
    assert!(!dropped.exists());
    let dead = dir.path().join("tmp/draft-1-2-3");
    fs::create_dir_all(dead.join("tree/sub")).unwrap();
    let half = dir.path().join("tmp/.half");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    fs::File::create(&half).unwrap().set_modified(long_ago).unwrap();
    Store::open(dir.path()).unwrap();
    assert!(!dead.exists());
    assert!(!half.exists());
    assert!(draft.path().is_dir(), "somebody works on it");
}

#[test]
fn a_layer_that_a_power_cut_may_have_torn_is_forgotten() {
    let (dir, store) = store();
    let key = CacheKey::new("k");
    let id = layer(&store, "torn", Some(&key));
    let safe = layer(&store, "safe", None);
    // Waits until both are on the disk, so that the marks below are the only ones.
    store.put_image(&[id.clone(), safe.clone()], ImageConfig::default()).unwrap();
    let mark = |id: &LayerId, boot: &str| fs::write(dir.path().join("pending").join(id.hex()), boot).unwrap();
    mark(&id, "another boot");
    mark(&safe, &fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap());
    let again = Store::open(dir.path()).unwrap();
    assert_eq!(again.layer_for_key(&key), Lookup::Missing);
    assert!(!again.layer_path(&id).exists());
    assert!(again.layer_path(&safe).is_dir(), "only the process died, not the machine");
    assert_eq!(layer(&again, "torn", Some(&key)), id, "it can be made again");
}

#[test]
fn a_layer_that_was_changed_is_found_and_made_again() {
    type Change = (&'static str, fn(&Path));
    let changes: &[Change] = &[
        ("a byte", |tree| {
            let file = fs::File::options().write(true).open(tree.join("file")).unwrap();
            file.write_all_at(b"X", 0).unwrap();
        }),
        ("cut off", |tree| fs::File::create(tree.join("file")).map(drop).unwrap()),
        ("gone", |tree| fs::remove_file(tree.join("file")).unwrap()),
        ("more", |tree| fs::write(tree.join("other"), "").unwrap()),
        ("a mode", |tree| fs::set_permissions(tree.join("file"), PermissionsExt::from_mode(0o600)).unwrap()),
    ];
    for (what, change) in changes {
        let (dir, store) = store();
        let key = CacheKey::new("dependencies");
        let id = layer(&store, "content", Some(&key));
        let other = image(&store, &layer(&store, "another", None));
        let live = BTreeSet::from([image(&store, &id)]);
        change(&store.layer_path(&id));
        let both = live.iter().cloned().chain([other]).collect();
        assert_eq!(store.damaged(&both).unwrap(), live, "{what}");
        assert_eq!(store.layer_for_key(&key), Lookup::Damaged(id.clone()), "{what}");
        let again = Store::open(dir.path()).unwrap();
        assert_eq!(again.check_layer(&id).unwrap(), Soundness::Damaged, "{what}: remembered");
        assert!(again.image(live.first().unwrap()).is_ok(), "{what}: it may still do for what runs on it");

        assert_eq!(layer(&again, "content", Some(&key)), id);
        assert_eq!(again.layer_for_key(&key), Lookup::Found(id.clone()), "{what}");
        assert_eq!(fs::read_to_string(again.layer_path(&id).join("file")).unwrap(), "content");
        let replaced = || fs::read_dir(dir.path().join("replaced")).unwrap().count();
        again.collect(&live, Duration::ZERO).unwrap();
        assert_eq!(replaced(), 1, "{what}: somebody may run on the damaged tree");
        again.collect(&BTreeSet::new(), Duration::ZERO).unwrap();
        assert_eq!(replaced(), 0, "{what}");
    }
}

#[test]
fn a_layer_whose_times_alone_are_other_ones_is_sound() {
    let (dir, store) = store();
    let id = layer(&store, "content", None);
    let copied = fs::File::options().append(true).open(store.layer_path(&id).join("file")).unwrap();
    copied.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(store.check_layer(&id).unwrap(), Soundness::Sound, "as after a restored backup");
    // What an older release noted.
    fs::write(dir.path().join("meta").join(id.hex()), r#"{"bytes":7}"#).unwrap();
    assert_eq!(store.check_layer(&id).unwrap(), Soundness::Sound);
    assert_eq!(store.layer_bytes(&id).unwrap(), 7);
    assert!(fs::read_to_string(dir.path().join("meta").join(id.hex())).unwrap().contains("shape"));
}

#[test]
fn what_lives_or_was_used_lately_stays() {
    let (dir, store) = store();
    let key = CacheKey::new("dependencies");
    let (live, keyed, dead) =
        (layer(&store, "live", None), layer(&store, "keyed", Some(&key)), layer(&store, "dead!", None));
    let (kept, gone) = (image(&store, &live), image(&store, &dead));
    let draft = store.begin_layer().unwrap();
    let live_images = BTreeSet::from([kept.clone()]);
    let hour = Duration::from_secs(3600);
    assert_eq!(store.collect(&live_images, hour).unwrap(), Collected::default(), "all is young");

    // Everything is old but the use of the key.
    for room in ["meta", "keys", "manifests", "configs"] {
        for entry in fs::read_dir(dir.path().join(room)).unwrap() {
            let file = fs::File::options().append(true).open(entry.unwrap().path()).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }
    }
    assert_eq!(store.layer_for_key(&key), Lookup::Found(keyed.clone()));
    assert_eq!(store.collect(&live_images, hour).unwrap(), Collected { bytes: 5, layers: 1 });
    assert!(store.image(&kept).is_ok());
    assert!(matches!(store.image(&gone), Err(ImageError::NoSuchImage(_))));
    assert!(!store.layer_path(&dead).exists());
    assert_eq!(store.layer_for_key(&key), Lookup::Found(keyed.clone()));

    assert_eq!(store.collect(&live_images, Duration::ZERO).unwrap(), Collected { bytes: 5, layers: 1 });
    assert!(!store.layer_path(&keyed).exists());
    assert!(store.image(&kept).is_ok());
    assert!(draft.path().is_dir(), "a draft is never collected");
    assert_eq!(draft.commit(None).map(|id| store.layer_path(&id).is_dir()).ok(), Some(true));
}

#[test]
fn what_two_images_share_stays_for_the_other() {
    let (dir, store) = store();
    let dependencies = layer(&store, "dependencies", Some(&CacheKey::new("dependencies")));
    let project = |text: &str| {
        let layers = [dependencies.clone(), layer(&store, text, None)];
        store.put_image(&layers, ImageConfig::default()).unwrap()
    };
    let (gone, stays) = (project("one"), project("two!"));
    let collected = store.collect(&BTreeSet::from([stays.clone()]), Duration::ZERO).unwrap();
    assert_eq!(collected, Collected { bytes: 3, layers: 1 });
    assert!(matches!(store.image(&gone), Err(ImageError::NoSuchImage(_))));
    let shared = store.image(&stays).unwrap().layers[1].join("file");
    assert_eq!(fs::read_to_string(shared).unwrap(), "dependencies");
    drop(dir);
}
