//! Who has taken the disk of the state folder.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::Path};

use walkdir::WalkDir;

use super::record::Folder;

/// How many are told.
const TOLD: usize = 5;

/// The largest takers of a state folder's disk with their bytes, largest first: each project, with what its instances wrote, its logs and
/// the caches of its builds, and the images of all.
pub(crate) fn takers(state: &Path) -> Vec<(String, u64)> {
    let mut taken = BTreeMap::<String, u64>::new();
    let mut add = |name: String, bytes: u64| *taken.entry(name).or_default() += bytes;
    for dir in children(&state.join("run")) {
        let id = dir.file_name().and_then(|n| n.to_str()?.strip_prefix('i')?.parse().ok());
        let record = id.and_then(|id| Folder::new(state, dormouse_model::InstanceId(id)).load().ok()?);
        if let Some(record) = record {
            add(record.spec.key.project.to_string(), size(&dir));
        }
    }
    let caches = children(&state.join("cache/builds")).into_iter().flat_map(|kind| children(&kind));
    for dir in children(&state.join("logs")).into_iter().filter(|d| !d.ends_with("builds")).chain(caches) {
        if let Some(project) = dir.file_name().and_then(|n| n.to_str()) {
            add(project.to_owned(), size(&dir));
        }
    }
    add("images".to_owned(), size(&state.join("images")));
    let mut all: Vec<_> = taken.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
    all.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    all.truncate(TOLD);
    all
}

/// In words.
pub(crate) fn told(takers: &[(String, u64)]) -> String {
    let each = takers.iter().map(|(name, bytes)| format!("{name} {} MiB", bytes >> 20));
    each.collect::<Vec<_>>().join(", ")
}

fn children(dir: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect()
}

/// What it takes, whatever it says its size is.
fn size(dir: &Path) -> u64 {
    let all = WalkDir::new(dir).same_file_system(true).into_iter().flatten();
    all.filter_map(|e| e.metadata().ok()).map(|m| m.blocks() * 512).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_first() {
        let dir = tempfile::tempdir().unwrap();
        for (file, mib) in [
            ("logs/shop/web/i1.log", 2),
            ("cache/builds/uv/shop/x", 3),
            ("cache/builds/cargo/blog/registry/x", 6),
            ("logs/builds/1.log", 9),
            ("images/layers/1/x", 4),
        ] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![1; mib << 20]).unwrap();
        }
        // A disk that says it is large.
        fs::create_dir_all(dir.path().join("run/i1")).unwrap();
        fs::File::create(dir.path().join("run/i1/disk.img")).unwrap().set_len(1 << 40).unwrap();
        let told = told(&takers(dir.path()));
        assert_eq!(told, "blog 6 MiB, shop 5 MiB, images 4 MiB");
    }
}
