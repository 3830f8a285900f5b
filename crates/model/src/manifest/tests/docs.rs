//! What docs/manifest.md says is what is read.

use expect_test::expect_file;

use super::folder;
use crate::{
    ServiceSpec,
    manifest::{
        Given, NoLanguages,
        keys::{self, Key},
        resolve,
    },
};

const DOCS: &str = include_str!("../../../../../docs/manifest.md");

/// A row of a table of keys.
struct Row {
    key: String,
    default: String,
    example: String,
}

/// The rows below a heading.
fn rows(heading: &str) -> Vec<Row> {
    let (_, below) = DOCS.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let section = below.split("\n#").next().unwrap_or_default();
    let row = |line: &str| {
        // A bar within a cell would have to be escaped.
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, key, default, example, meaning, _] = cells[..] else { panic!("{line}") };
        assert!(!meaning.is_empty(), "{line}");
        let code = |cell: &str| cell.trim_matches('`').to_owned();
        Row { key: code(key), default: default.to_owned(), example: code(example) }
    };
    section.lines().filter(|l| l.starts_with("| `")).map(row).collect()
}

/// The service of a manifest that says `line` of it, or why there is none.
fn web(line: &str) -> Result<ServiceSpec, String> {
    let text = format!(
        "[services.web]\n{line}\n[services.backend]\npublic = false\n[services.migrate]\nkind = \"job\"\n"
    );
    let files = [
        ("dormouse.toml", text.as_str()),
        ("requirements.txt", "fastapi"),
        ("conf/server.txt", "fastapi"),
        ("src/main.py", ""),
        ("apps/api/main.py", ""),
        ("frontend/a.py", ""),
    ];
    let mut input = folder("shop", &files);
    let mut given = Given::default();
    given.files.insert("web.env".to_owned(), Some("A=1".to_owned()));
    input.give(given);
    let resolved = resolve(&input, &NoLanguages).map_err(|e| e.to_string())?;
    Ok(ServiceSpec::clone(&resolved.0.services[&"web".parse().unwrap()]))
}

/// The tables of the page, each below its heading.
const TABLES: [(&str, &[Key]); 5] = [
    ("## The file", keys::FILE),
    ("## A service", keys::SERVICE),
    ("### `health` as a table", keys::HEALTH),
    ("### `env_file` as a table", keys::ENV_FILE),
    ("### `sleep` as a table", keys::SLEEP),
];

#[test]
fn the_tables_are_the_reader_s() {
    let mut page = DOCS.to_owned();
    for (heading, keys) in TABLES {
        let at = page.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
        let start = at + page[at..].find("\n| `").unwrap() + 1;
        let length = page[start..].find("\n\n").map_or(page.len() - start, |end| end + 1);
        let row = |key: &Key| {
            format!("| `{}` | {} | `{}` | {} |\n", key.name, key.default, key.example, key.meaning)
        };
        page.replace_range(start..start + length, &keys.iter().map(row).collect::<String>());
    }
    expect_file!["../../../../../docs/manifest.md"].assert_eq(&page);
}

#[test]
fn every_example_is_understood_and_says_something() {
    let plain = web("").unwrap();
    for (heading, of) in
        [("## A service", ""), ("### `health` as a table", "health"), ("### `sleep` as a table", "sleep")]
    {
        for Row { key, default, example } in rows(heading) {
            let line =
                |text: &str| if of.is_empty() { text.to_owned() } else { format!("{of} = {{ {text} }}") };
            assert!(example.starts_with(&format!("{key} = ")), "{example}");
            let read = web(&line(&example)).unwrap_or_else(|e| panic!("{example}: {e}"));
            if key != "package" && key != "public" {
                assert_ne!(read, plain, "{example} says what is so anyhow");
            }
            // A default that is a value is the default.
            if let Some(value) =
                default.split_once(';').map_or(&*default, |(value, _)| value).strip_prefix('`')
            {
                let value = value.trim_end_matches('`');
                assert_eq!(web(&line(&format!("{key} = {value}"))).as_ref(), Ok(&plain), "{key}");
            }
        }
    }
    let table: Vec<_> = rows("### `env_file` as a table").into_iter().map(|row| row.example).collect();
    assert_ne!(web(&format!("env_file = {{ {} }}", table.join(", "))).as_ref(), Ok(&plain));
    let file: String = rows("## The file").into_iter().map(|row| row.example + "\n").collect();
    let spec =
        resolve(&folder("x", &[("dormouse.toml", &file), ("requirements.txt", "")]), &NoLanguages).unwrap().0;
    assert_eq!((spec.name.as_str(), spec.services.len()), ("shop", 1));
    // The one at the top of the page, too.
    let whole = DOCS.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let files =
        [("dormouse.toml", whole), ("frontend/requirements.txt", ""), ("backend/requirements.txt", "")];
    assert_eq!(
        resolve(&folder("x", &files), &NoLanguages)
            .map(|(spec, _)| spec.services.len())
            .map_err(|e| e.to_string()),
        Ok(2)
    );
}
