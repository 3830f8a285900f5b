//! What docs/server.md says is what is read.

use std::path::Path;

use super::Typed;

const DOCS: &str = include_str!("../../../../docs/server.md");

/// The keys that a table takes, as the reader itself lists them for who has written another one.
fn keys(table: &str) -> Vec<String> {
    let error = Typed::parse(&format!("{table}\nno-such-key = 1\n")).unwrap_err().to_string();
    let (_, expected) = error.split_once("expected ").unwrap_or_else(|| panic!("{table}: {error}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Key and example of each row below a heading.
fn rows(section: &'static str) -> Vec<(&'static str, &'static str)> {
    let row = |line: &'static str| {
        let cells: Vec<_> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, key, default, example, meaning, _] = cells[..] else { panic!("{line}") };
        assert!(!default.is_empty() && !meaning.is_empty(), "{line}");
        (key, example)
    };
    section.lines().filter(|line| line.starts_with("| `")).map(row).collect()
}

#[test]
fn every_key_is_there_and_every_example_is_understood() {
    let mut tables = Vec::new();
    let mut sections = DOCS.split("\n## ").skip(1);
    let top = rows(sections.next().unwrap());
    for section in sections {
        let table = section.lines().next().unwrap().trim_matches('`');
        tables.push(table.trim_matches(['[', ']']).to_owned());
        let rows = rows(section);
        let mut said: Vec<_> = rows.iter().map(|(key, _)| (*key).to_owned()).collect();
        let mut read = keys(table);
        said.sort();
        read.sort();
        assert_eq!(said, read, "{table}");
        let examples: String = rows.iter().map(|(_, example)| format!("{example}\n")).collect();
        understood(&format!("{table}\n{examples}"));
    }
    let examples: String = top.iter().map(|(_, example)| format!("{example}\n")).collect();
    understood(&examples);
    let mut said: Vec<_> = top.into_iter().map(|(key, _)| key.to_owned()).chain(tables).collect();
    let mut read = keys("");
    said.sort();
    read.sort();
    assert_eq!(said, read, "tables and keys of the file");
}

/// Read, and meant: what it comes to is not what is so anyhow.
fn understood(text: &str) {
    let resolve = |text: &str| {
        let listen = "127.0.0.1:8080".parse().unwrap();
        Typed::parse(text).and_then(|typed| typed.resolve(listen, Path::new("/")))
    };
    let settings = resolve(text).unwrap_or_else(|e| panic!("{text}: {e:#}"));
    assert_ne!(settings, resolve("").unwrap(), "{text}");
}
