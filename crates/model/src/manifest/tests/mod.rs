//! Whole folders in, whole results out: those that need no language. The others are in `builder/tests/manifest`.

mod compose_docs;
mod compose_known;
mod docs;
mod schema;

use super::ManifestInput;

/// A folder of files; a name that ends in `/` is a folder.
fn folder(name: &str, files: &[(&str, &str)]) -> ManifestInput {
    let mut input = ManifestInput::new(name);
    for (path, text) in files {
        match path.strip_suffix('/') {
            Some(folder) => input.add_folder(folder),
            None => input.add_file(path, *text),
        }
    }
    input
}
