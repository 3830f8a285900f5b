//! Laying one compose file over another.

use super::super::node::{Entry, Node, Tag, Value};

/// How two values of one key become one.
enum Rule {
    /// Tables are merged, lists joined, and anything else replaced.
    Plain,
    /// The later one counts.
    Replace,
    /// A list of names is a table of names.
    Names,
    /// A list of `NAME=value` is a table.
    Pairs,
    /// One is a list of one.
    List,
    /// A text is the `context` of a build.
    Build,
}

fn rule(path: &[&str]) -> Rule {
    match path {
        ["services", _, "command" | "entrypoint"] | ["services", _, "healthcheck", "test"] => Rule::Replace,
        ["services", _, "build"] => Rule::Build,
        ["services", _, "depends_on" | "networks" | "models"] => Rule::Names,
        ["services", _, "environment" | "labels" | "annotations" | "sysctls" | "extra_hosts"]
        | ["services", _, "build", "args" | "labels" | "additional_contexts" | "extra_hosts"]
        | ["services", _, "deploy", "labels"]
        | ["networks" | "volumes", _, "labels"] => Rule::Pairs,
        ["services", _, "env_file" | "dns" | "dns_search" | "dns_opt" | "tmpfs" | "label_file"] => Rule::List,
        _ => Rule::Plain,
    }
}

/// `base` with `over` on top.
pub(super) fn merge(base: Node, over: Node, path: &[&str]) -> Node {
    if over.tag == Tag::Override {
        return Node { tag: Tag::None, ..over };
    }
    let convert: fn(Node) -> Node = match rule(path) {
        Rule::Replace => return if over.value == Value::Null { base } else { over },
        Rule::Plain => |node| node,
        Rule::Names => |node| table(node, |text| (text, Value::Null)),
        Rule::Pairs => |node| {
            table(node, |text| match text.split_once('=') {
                Some((name, value)) => (name.to_owned(), Value::Text(value.to_owned())),
                None => (text, Value::Null),
            })
        },
        Rule::List => list,
        Rule::Build => build,
    };
    let (base, over) = (convert(base), convert(over));
    let (span, base_span) = (over.span.clone(), base.span.clone());
    match (base.value, over.value) {
        // What was begun below stays there: only what it holds may come from above.
        (Value::Table(base), Value::Table(over)) => {
            Node::new(base_span, Value::Table(tables(base, over, path)))
        }
        (Value::List(mut items), Value::List(more)) => {
            for item in more {
                if !items.iter().any(|i| i.value == item.value) {
                    items.push(item);
                }
            }
            Node::new(span, Value::List(items))
        }
        // Nothing is said on top; `!reset` is how a value is taken away.
        (base, Value::Null) => Node::new(base_span, base),
        (_, over) => Node::new(span, over),
    }
}

fn tables(mut base: Vec<Entry>, over: Vec<Entry>, path: &[&str]) -> Vec<Entry> {
    for entry in over {
        let at = base.iter().position(|e| e.key == entry.key);
        match (at, entry.node.tag) {
            (Some(at), Tag::Reset) => drop(base.remove(at)),
            (None, Tag::Reset) => {}
            (None, Tag::None | Tag::Override) => base.push(entry),
            (Some(at), Tag::None | Tag::Override) => {
                let old = base.remove(at);
                let path = [path, &[entry.key.as_str()]].concat();
                let base_span = old.node.span.clone();
                let node = merge(old.node, entry.node, &path);
                let key_span = if node.span == base_span { old.key_span } else { entry.key_span };
                base.insert(at, Entry { key: entry.key.clone(), key_span, node });
            }
        }
    }
    base
}

/// What is left to take away although nothing is below it, is not there.
pub(super) fn drop_resets(node: &mut Node) {
    match &mut node.value {
        Value::Table(entries) => {
            entries.retain(|e| e.node.tag != Tag::Reset);
            entries.iter_mut().for_each(|e| drop_resets(&mut e.node));
        }
        Value::List(items) => {
            items.retain(|n| n.tag != Tag::Reset);
            items.iter_mut().for_each(drop_resets);
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

/// A list of texts as a table.
fn table(node: Node, entry: fn(String) -> (String, Value)) -> Node {
    let Value::List(items) = &node.value else { return node };
    let Some(texts) = items.iter().map(|i| i.value.scalar()).collect::<Option<Vec<_>>>() else { return node };
    let mut entries: Vec<Entry> = Vec::new();
    for (item, text) in items.iter().zip(texts) {
        let (key, value) = entry(text);
        entries.retain(|e| e.key != key);
        let key_span = item.span.clone();
        entries.push(Entry { key, key_span: key_span.clone(), node: Node::new(key_span, value) });
    }
    Node { value: Value::Table(entries), ..node }
}

/// One value as a list of it.
fn list(node: Node) -> Node {
    match &node.value {
        Value::List(_) | Value::Null => node,
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::Table(_) => {
            Node { span: node.span.clone(), tag: node.tag, value: Value::List(vec![node]) }
        }
    }
}

/// A build as a table.
pub(super) fn build(node: Node) -> Node {
    let Value::Text(_) = &node.value else { return node };
    let (span, tag) = (node.span.clone(), node.tag);
    let entry = Entry {
        key: "context".to_owned(),
        key_span: span.clone(),
        node: Node::new(span.clone(), node.value),
    };
    Node { span, tag, value: Value::Table(vec![entry]) }
}
