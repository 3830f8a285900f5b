//! Files that import each other in a circle can only be read together, so no circle may be longer than four files. CI runs
//! this: `cargo run --manifest-path scripts/circles/Cargo.toml`.
//!
//! A file imports another when one of its paths (`use`, or written out) leads to something that stands there; what is exported
//! again on the way is followed to where it stands. That a module calls its own children, or exports what is theirs, is what
//! it is for, and no import. Code of tests does not count: it may know everything.
//!
//! Of crates that lie in layers it also tells what is imported from above.
#![forbid(unsafe_code)]

mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::ExitCode,
};

/// How many files a circle may have.
const MOST: usize = 4;

/// Crates whose folders (and files at the top) lie in layers, from below: none imports what is above it.
const LAYERS: &[(&str, &[&str])] = &[(
    "edge",
    &["cidr", "settings", "net", "ctx", "pick", "pages", "tunnel", "http1", "private", "worker", "run"],
)];

/// From each file to those that it imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn reached<'a>(from: &'a str, imports: &'a Imports) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(file) = next.pop() {
        for to in imports.get(file).into_iter().flatten() {
            if reached.insert(to.as_str()) {
                next.push(to);
            }
        }
    }
    reached
}

/// Each circle once, the longest first.
fn circles(imports: &Imports) -> Vec<Vec<&str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|file| (file.as_str(), reached(file, imports))).collect();
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for (file, to) in &reached {
        let circle: Vec<&str> =
            to.iter().copied().filter(|other| reached.get(other).is_some_and(|r| r.contains(file))).collect();
        if circle.len() > 1 && seen.insert(circle.clone()) {
            circles.push(circle);
        }
    }
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    circles
}

fn told(circle: &[&str], imports: &Imports) -> String {
    let line = |file: &&str| {
        let to: Vec<&str> = imports[*file]
            .iter()
            .map(String::as_str)
            .filter(|to| circle.contains(to) && to != file)
            .collect();
        format!("  {file} -> {}\n", to.join(", "))
    };
    circle.iter().map(line).collect()
}

/// What each file imports that lies above it.
fn upwards(layers: &[&str], imports: &Imports) -> String {
    let layer = |file: &str| {
        let first = file.split('/').next().unwrap_or(file).trim_end_matches(".rs");
        layers.iter().position(|layer| *layer == first)
    };
    let lines = imports.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
    lines
        .filter(|(from, to)| layer(from).zip(layer(to)).is_some_and(|(from, to)| from < to))
        .map(|(from, to)| format!("  {from} -> {to}\n"))
        .collect()
}

/// What is wrong with the circles and layers of this crate, if anything.
fn wrong(name: &str, src: &Path) -> String {
    let imports = source::imports(src);
    let circles = circles(&imports);
    let too_long = circles.iter().filter(|circle| circle.len() > MOST);
    let mut wrong: String = too_long
        .map(|circle| {
            let told = told(circle, &imports);
            format!("{name} has a circle of {} files, and may have {MOST}:\n{told}", circle.len())
        })
        .collect();
    let layers = LAYERS.iter().find(|(of, _)| *of == name).map(|(_, layers)| *layers);
    let upwards = upwards(layers.unwrap_or_default(), &imports);
    if !upwards.is_empty() {
        wrong +=
            &format!("{name} imports what is above ({}):\n{upwards}", layers.unwrap_or_default().join(" < "));
    }
    wrong
}

fn main() -> ExitCode {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates");
    let entries = std::fs::read_dir(&crates).expect("the crates are beside the scripts");
    let mut names: Vec<_> =
        entries.map(|e| e.expect("a folder can be read").file_name().display().to_string()).collect();
    names.sort();
    let wrong: String = names.iter().map(|name| wrong(name, &crates.join(name).join("src"))).collect();
    if wrong.is_empty() {
        println!("circles: none is longer than it may be");
        return ExitCode::SUCCESS;
    }
    eprint!("{wrong}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_followed_to_where_it_stands() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            ("lib.rs", "mod a; mod b; mod c; pub use a::Thing; struct Root;"),
            // What is exported again is the other file's; what is only in a test is nobody's.
            ("a.rs", "pub struct Thing; #[cfg(test)] mod tests { use crate::b::helps; }"),
            ("b/mod.rs", "mod inner; pub use inner::*; pub fn helps() { crate::c::calls(); }"),
            ("b/inner.rs", "use super::helps; pub fn deep() {}"),
            // In a macro, by an alias, by a glob, by a module that was imported.
            (
                "c.rs",
                "use crate::{b, Thing as Other}; pub fn calls() { println!(\"{}\", super::Root::new()); b::deep(); }",
            ),
        ];
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let imports = source::imports(dir.path());
        let of = |from: &str| Vec::from_iter(imports[from].iter().map(String::as_str));
        assert_eq!(of("lib.rs"), [""; 0], "its own children");
        assert_eq!(of("a.rs"), [""; 0], "a test's");
        assert_eq!(of("b/mod.rs"), ["c.rs"]);
        assert_eq!(of("b/inner.rs"), ["b/mod.rs"]);
        assert_eq!(
            of("c.rs"),
            ["a.rs", "b/inner.rs", "b/mod.rs", "lib.rs"],
            "where it stands, not where it passed"
        );
        assert_eq!(circles(&imports), [vec!["b/inner.rs", "b/mod.rs", "c.rs"]]);
    }

    #[test]
    fn nothing_imports_what_is_above_it() {
        let to = |files: &[&str]| files.iter().map(|file| (*file).to_owned()).collect();
        let imports: Imports = [
            ("top.rs", &["middle/mod.rs", "low/inner.rs"][..]),
            ("middle/mod.rs", &["low/mod.rs", "middle/inner.rs"]),
            ("low/inner.rs", &["low/mod.rs", "middle/inner.rs", "elsewhere.rs"]),
            ("elsewhere.rs", &["top.rs"]),
        ]
        .map(|(from, files)| (from.to_owned(), to(files)))
        .into();
        assert_eq!(upwards(&["low", "middle", "top"], &imports), "  low/inner.rs -> middle/inner.rs\n");
        assert_eq!(upwards(&[], &imports), "");
    }
}
