//! docs/dormouse.schema.json, for editors: made from the reader's keys, and never stricter than the reader.

use std::{cell::RefCell, collections::BTreeMap};

use expect_test::expect_file;
use regex::Regex;
use serde_json::{Value, json};

use super::folder;
use crate::manifest::{
    NoLanguages,
    keys::{self, Key, Shape},
    resolve,
};

const SCHEMA: &str = include_str!("../../../../../docs/dormouse.schema.json");

fn any(of: &[Value]) -> Value {
    json!({ "anyOf": of })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn list(of: &Value, least: usize) -> Value {
    json!({ "type": "array", "items": of, "minItems": least })
}

fn time() -> Value {
    let unit = "(ns|us|\u{3bc}s|\u{b5}s|ms|s|sec|m|min|h|d)";
    let pattern = format!(r"^\s*(0|([0-9.]+\s*{unit}\s*)+)\s*$");
    any(&[json!({ "type": "number", "minimum": 0 }), json!({ "type": "string", "pattern": pattern })])
}

fn table(of: &[Key]) -> Value {
    let properties = of.iter().map(|key| {
        let mut value = value(&key.shape);
        value["description"] = plain(key.meaning).into();
        (key.name.to_owned(), value)
    });
    json!({ "type": "object", "additionalProperties": false, "properties": Value::Object(properties.collect()) })
}

/// Without the links, which lead nowhere from an editor.
fn plain(meaning: &str) -> String {
    let mut plain = meaning.to_owned();
    while let Some(start) = plain.find(" ([") {
        let end = plain[start..].find("))").expect("a link ends");
        plain.replace_range(start..start + end + 2, "");
    }
    plain
}

/// What a value may be, as JSON Schema (draft 7) says it.
fn value(shape: &Shape) -> Value {
    let command = || any(&[json!({ "type": "string", "minLength": 1 }), list(&text(), 1)]);
    match shape {
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Command => command(),
        Shape::Commands => any(&[text(), list(&command(), 0)]),
        Shape::Cores => any(&[json!({ "type": "number", "minimum": 0.01, "maximum": 1024 }), text()]),
        Shape::Files => {
            let mut file = table(keys::ENV_FILE);
            file["required"] = json!(["path"]);
            any(&[text(), file.clone(), list(&any(&[text(), file]), 0)])
        }
        Shape::Health => any(&[value(&Shape::Probe), table(keys::HEALTH)]),
        Shape::Idle => {
            let never = json!({ "enum": [false, true, "never", "off"] });
            any(&[never, time()])
        }
        Shape::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::OneOf(words) => json!({ "enum": words }),
        Shape::Probe => {
            any(&[json!({ "enum": [false, "tcp"] }), json!({ "type": "string", "pattern": "^/" })])
        }
        Shape::Services => json!({ "type": "object", "additionalProperties": table(keys::SERVICE) }),
        Shape::Size => {
            let number = json!({ "type": "integer", "minimum": 16 << 20 });
            let pattern = r"^\s*[0-9.]+\s*([bB]|[kKmMgGtT]([iI]?[bB]?))?\s*$";
            any(&[number, json!({ "type": "string", "pattern": pattern })])
        }
        Shape::Sleep => any(&[value(&Shape::Idle), table(keys::SLEEP)]),
        Shape::Text => text(),
        Shape::Texts => list(&text(), 0),
        Shape::Time => time(),
        Shape::Variables => {
            json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } })
        }
    }
}

fn schema() -> Value {
    let mut schema = table(keys::FILE);
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "dormouse.toml".into();
    schema["description"] = "What a project of Dormouse consists of. Everything has a default.".into();
    schema
}

/// Compiled once: that takes longer than all that is asked of them.
fn matches(pattern: &str, text: &str) -> bool {
    thread_local!(static COMPILED: RefCell<BTreeMap<String, Regex>> = RefCell::default());
    COMPILED.with_borrow_mut(|compiled| {
        let regex = compiled.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).unwrap());
        regex.is_match(text)
    })
}

/// Whether a value is as the schema says: of JSON Schema, what is used above. What is not used is refused, so that no rule is
/// passed over.
fn fits(value: &Value, schema: &Value) -> bool {
    let is = |kind: &str| match kind {
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        "string" => value.is_string(),
        other => panic!("{other}"),
    };
    schema.as_object().unwrap().iter().all(|(rule, says)| match rule.as_str() {
        "$schema" | "title" | "description" => true,
        "type" => {
            let one = |kind: &Value| is(kind.as_str().unwrap());
            says.as_array().map_or_else(|| one(says), |kinds| kinds.iter().any(one))
        }
        "enum" => says.as_array().unwrap().contains(value),
        "anyOf" => says.as_array().unwrap().iter().any(|one| fits(value, one)),
        "minimum" => value.as_f64().is_none_or(|n| n >= says.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|n| n <= says.as_f64().unwrap()),
        "minLength" => value.as_str().is_none_or(|t| t.len() as u64 >= says.as_u64().unwrap()),
        "minItems" => value.as_array().is_none_or(|l| l.len() as u64 >= says.as_u64().unwrap()),
        "pattern" => value.as_str().is_none_or(|t| matches(says.as_str().unwrap(), t)),
        "items" => value.as_array().is_none_or(|l| l.iter().all(|item| fits(item, says))),
        "required" => value
            .as_object()
            .is_none_or(|o| says.as_array().unwrap().iter().all(|key| o.contains_key(key.as_str().unwrap()))),
        "properties" => value.as_object().is_none_or(|o| {
            says.as_object().unwrap().iter().all(|(key, of)| o.get(key).is_none_or(|v| fits(v, of)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|o| {
            let known = |key: &str| schema.get("properties").is_some_and(|known| known.get(key).is_some());
            o.iter().filter(|(key, _)| !known(key)).all(|(_, v)| says != &json!(false) && fits(v, says))
        }),
        other => panic!("a rule that is not checked: {other}"),
    })
}

fn allows(manifest: &str) -> bool {
    fits(&toml::from_str(manifest).unwrap(), &schema())
}

fn reads(manifest: &str) -> Result<(), String> {
    let files = [("dormouse.toml", manifest), ("requirements.txt", "fastapi"), ("src/main.py", "")];
    resolve(&folder("shop", &files), &NoLanguages).map(drop).map_err(|e| e.to_string())
}

#[test]
fn the_file_is_the_reader_s() {
    let written: Value = serde_json::from_str(SCHEMA).unwrap_or_default();
    // As values: in which order keys are written depends on who else is built.
    if written != schema() {
        expect_file!["../../../../../docs/dormouse.schema.json"]
            .assert_eq(&format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap()));
    }
}

#[test]
fn what_is_shown_is_allowed() {
    for manifest in [
        include_str!("../../../../../examples/fastapi-streamlit/dormouse.toml"),
        include_str!("../../../../../apps/finrag/dormouse.toml"),
        include_str!("../../../../../bench/apps/chaos/dormouse.toml"),
    ] {
        assert!(allows(manifest), "{manifest}");
    }
    for (before, keys) in [("", keys::FILE), ("[services.web]\n", keys::SERVICE)] {
        for key in keys {
            assert!(allows(&format!("{before}{}", key.example)), "{}", key.example);
        }
    }
    for (of, keys) in [("health", keys::HEALTH), ("sleep", keys::SLEEP)] {
        for key in keys {
            let manifest = format!("[services.web.{of}]\n{}", key.example);
            assert!(allows(&manifest), "{manifest}");
        }
    }
}

/// What the schema refuses the reader refuses, and what the reader takes the schema allows.
#[test]
fn it_is_never_stricter_than_the_reader() {
    let values: [&str; 61] = [
        "true",
        "false",
        "0",
        "1",
        "2",
        "-1",
        "0.5",
        "0.01",
        "0.001",
        "1024",
        "1025",
        "65535",
        "65536",
        "4000000",
        "4000001",
        "16777215",
        "16777216",
        "1001",
        "1000",
        "nan",
        "inf",
        "[]",
        "[[]]",
        "[\"\"]",
        "[\"a\", \"b\"]",
        "[1]",
        "[\"a\", [\"b\", \"c\"]]",
        "{}",
        "{ A = 1 }",
        "{ A = \"x\" }",
        "{ A = true }",
        "{ A = [] }",
        "{ path = \"/\" }",
        "{ path = \"a.env\", required = false }",
        "{ required = true }",
        "[{ path = \"a.env\", required = false }, \"b\"]",
        "{ after = \"never\" }",
        "{ after = 5, depth = \"frozen\" }",
        "{ depth = \"deep\" }",
        "{ timeout = \"1s\" }",
        "{ failures = 0 }",
        "\"\"",
        "\" \"",
        "\"a\"",
        "\"a b\"",
        "\"0\"",
        "\"2\"",
        "\"0.5\"",
        "\"5m\"",
        "\"1h 30m\"",
        "\" 5 min \"",
        "\"5M\"",
        "\"never\"",
        "\"off\"",
        "\"tcp\"",
        "\"/\"",
        "\"web\"",
        "\"Web\"",
        "\"512MiB\"",
        "\"1 gb\"",
        "\"1q\"",
    ];
    let schema = schema();
    let (mut both, mut neither) = (0, 0);
    for key in keys::names(keys::SERVICE).chain(["unknown"]) {
        for value in values {
            let manifest = format!("[services.web]\n{key} = {value}\n");
            let Ok(typed) = toml::from_str::<Value>(&manifest) else { continue };
            match (fits(&typed, &schema), reads(&manifest)) {
                (true, Ok(())) => both += 1,
                (false, Err(_)) => neither += 1,
                // A name that there is not, a word that is no command: rules that no schema has.
                (true, Err(_)) => {}
                (false, Ok(())) => panic!("the reader takes what the schema refuses:\n{manifest}"),
            }
        }
    }
    // So that the rows above say something of both.
    assert!(both > 150 && neither > 700, "{both} {neither}");
}
