//! TOML text to nodes.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    node::{Entry, Node, Value},
    problem::{Report, Sources},
};

/// Syntax errors shown at most: the later ones are mostly echoes.
const MAX_ERRORS: usize = 3;

/// The file's root table, or `None` with the syntax errors reported.
pub(super) fn parse(sources: &Sources<'_>, text: &str, report: &mut Report) -> Option<Node> {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(MAX_ERRORS) {
        let place = sources.place(&error.span().unwrap_or(0..0), "");
        // The parser may say several things on several lines; the first is what happened.
        let message = error.message().lines().next().unwrap_or("syntax error").to_owned();
        report.at(place, format!("not valid TOML: {message}"), None);
    }
    errors.is_empty().then(|| Node::new(root.span(), Value::Table(entries(root.into_inner()))))
}

fn entries(table: DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<_> = table
        .into_iter()
        .map(|(key, value)| Entry {
            key_span: key.span(),
            key: key.into_inner().into_owned(),
            node: node(value),
        })
        .collect();
    entries.sort_by_key(|e| e.key_span.start);
    entries
}

fn node(value: Spanned<DeValue<'_>>) -> Node {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::String(s) => Value::Text(s.into_owned()),
        DeValue::Integer(i) => match i64::from_str_radix(i.as_str(), i.radix()) {
            Ok(n) => Value::Int(n),
            // Out of range: as a float it is still compared correctly with any bound.
            Err(_) => Value::Float(i.as_str().parse().unwrap_or(f64::INFINITY)),
        },
        DeValue::Float(f) => Value::Float(f.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(b) => Value::Bool(b),
        DeValue::Datetime(d) => Value::Text(d.to_string()),
        DeValue::Array(a) => Value::List(a.into_iter().map(node).collect()),
        DeValue::Table(t) => Value::Table(entries(t)),
    };
    Node::new(span, value)
}
