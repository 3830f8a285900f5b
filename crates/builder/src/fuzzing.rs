//! What reads strangers' bytes, given what is nearly as it should be.

use std::collections::BTreeMap;

use dormouse_model::{
    manifest::{ManifestInput, Role, is_relevant, resolve},
    source::Links,
};

pub use crate::base::fuzzing::{deb, index, unpack};
use crate::{
    language::{LANGUAGES, plan, reads},
    plan::{Content, Listing, Wishes},
};

/// A project's files, each behind a line `=== path`: what its manifest means, and how each of its services is built.
pub fn project(bytes: &[u8]) {
    let mut input = ManifestInput::new("shop");
    let mut files = BTreeMap::new();
    for (path, text) in files_in(bytes) {
        if is_relevant(&path, LANGUAGES) {
            match LANGUAGES.role(&path) {
                Some(Role::Code) => input.add_code(&path, text),
                Some(Role::Recipe | Role::Beside) | None => input.add_bytes(&path, text),
            }
        }
        let content = reads(path.as_ref()).map_or(Content::Other, |reads| Content::of(reads, text));
        files.insert(path, content);
    }
    let listing = Listing::new(files, Links::default());
    let in_base = [("python", "3.11.2".to_owned())].into();
    let Ok((project, _)) = resolve(&input, LANGUAGES) else { return };
    for spec in project.services.values() {
        let below;
        let source = match spec.source.as_str() {
            "." => &listing,
            folder => {
                below = listing.below(folder);
                &below
            }
        };
        plan(source, &Wishes::of(spec, &in_base)).ok();
    }
}

/// Paths and bytes of the files in one text.
fn files_in(bytes: &[u8]) -> impl Iterator<Item = (String, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        rest = rest.strip_prefix(b"=== ")?;
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let path = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = rest.get(end + 1..).unwrap_or_default();
        let next = rest.windows(5).position(|w| w == b"\n=== ").map_or(rest.len(), |at| at + 1);
        let (text, after) = rest.split_at(next);
        rest = after;
        Some((path, text))
    })
    // As the names in an archive are.
    .filter(|(path, _)| !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | "..")))
}

#[cfg(test)]
mod tests {
    use dormouse_trials::nearly;

    use super::*;

    #[test]
    fn projects() {
        let seeds: [&[u8]; 4] = [
            include_bytes!("../../../fuzz/seeds/project/manifest"),
            include_bytes!("../../../fuzz/seeds/project/compose"),
            include_bytes!("../../../fuzz/seeds/project/code"),
            include_bytes!("../../../fuzz/seeds/project/packages"),
        ];
        nearly(&seeds, project);
    }

    #[test]
    fn packages() {
        let seeds: [&[u8]; 2] =
            [include_bytes!("../../../fuzz/seeds/deb/gz"), include_bytes!("../../../fuzz/seeds/deb/xz")];
        assert!(seeds.iter().all(|seed| crate::base::fuzzing::is_package(seed)), "the seeds are some");
        nearly(&seeds, deb);
    }

    #[test]
    fn indexes() {
        nearly(
            &[
                include_bytes!("../../../fuzz/seeds/index/packages"),
                include_bytes!("../../../fuzz/seeds/index/release"),
            ],
            index,
        );
    }

    #[test]
    fn files_of_packages() {
        let dir = tempfile::tempdir().unwrap();
        nearly(&[include_bytes!("../../../fuzz/seeds/unpack/package")], |bytes| {
            let root = dir.path().join("root");
            std::fs::create_dir(&root).unwrap();
            unpack(bytes, &root);
            std::fs::remove_dir_all(&root).unwrap();
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "it wrote beside its root");
        });
    }
}
