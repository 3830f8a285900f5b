//! YAML text to nodes: the first document, anchors and merge keys resolved, within bounds.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span as Marks};

use super::{
    node::{Entry, Node, Span, Tag, Value},
    problem::{Report, Source},
};

/// Most values of one file, aliases counted as often as they are used: a few lines of aliases can stand for billions.
const MAX_NODES: usize = 50_000;

/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// The file's root, or `None` with the problem reported.
pub(super) fn parse(source: &Source<'_>, report: &mut Report) -> Option<Node> {
    let mut loader = Loader {
        offsets: source.text.char_indices().map(|(i, _)| i).chain([source.text.len()]).collect(),
        base: source.base,
        stack: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
    };
    match loader.run(source.text) {
        Ok(Some(root)) => Some(root),
        Ok(None) => Some(Node::new(source.base..source.base, Value::Table(Vec::new()))),
        Err((span, why)) => {
            report.at(source.place(&span, ""), format!("not valid YAML: {why}"), None);
            None
        }
    }
}

type Failure = (Span, String);

struct Loader {
    /// Byte offset of each character.
    offsets: Vec<usize>,
    /// Where the file's spans begin.
    base: usize,
    stack: Vec<Open>,
    /// Finished anchored values and how many values each holds.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

/// A list or table still being read.
struct Open {
    start: Span,
    anchor: usize,
    tag: Tag,
    nodes_before: usize,
    what: Collection,
}

enum Collection {
    List(Vec<Node>),
    Table { entries: Vec<Entry>, key: Option<(String, Span)> },
}

impl Loader {
    fn run(&mut self, text: &str) -> Result<Option<Node>, Failure> {
        for event in Parser::new_from_str(text) {
            let (event, marks) = event.map_err(|e| {
                let at = self.byte(e.marker());
                (at..at, e.info().to_owned())
            })?;
            let span = self.span(&marks);
            let done = match event {
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => None,
                Event::StreamEnd | Event::DocumentEnd => return Ok(None),
                Event::Alias(id) => {
                    let Some((node, size)) = self.anchors.get(&id) else {
                        return Err((span, "an alias of something that is not complete yet".to_owned()));
                    };
                    let (node, size) = (Node::new(span.clone(), node.value.clone()), *size);
                    self.count(size, &span)?;
                    self.push(node)?
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.count(1, &span)?;
                    let suffix = tag.as_ref().map(|t| t.suffix.as_str());
                    let is_text = style != ScalarStyle::Plain || suffix == Some("str");
                    let value = if is_text { Value::Text(text.into_owned()) } else { plain(&text) };
                    let node = Node { span, value, tag: kind(suffix) };
                    self.remember(anchor, &node, 1);
                    self.push(node)?
                }
                Event::SequenceStart(anchor, tag) => {
                    let tag = kind(tag.as_ref().map(|t| t.suffix.as_str()));
                    self.open(span, anchor, tag, Collection::List(Vec::new()))?;
                    None
                }
                Event::MappingStart(anchor, tag) => {
                    let tag = kind(tag.as_ref().map(|t| t.suffix.as_str()));
                    self.open(span, anchor, tag, Collection::Table { entries: Vec::new(), key: None })?;
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(&span)?,
            };
            if done.is_some() {
                return Ok(done);
            }
        }
        Ok(None)
    }

    fn byte(&self, mark: &Marker) -> usize {
        self.base + self.offsets.get(mark.index()).or(self.offsets.last()).copied().unwrap_or(0)
    }

    fn span(&self, marks: &Marks) -> Span {
        self.byte(&marks.start)..self.byte(&marks.end)
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<(), Failure> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err((span.clone(), format!("more than {MAX_NODES} values")));
        }
        Ok(())
    }

    fn remember(&mut self, anchor: usize, node: &Node, size: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
    }

    fn open(&mut self, start: Span, anchor: usize, tag: Tag, what: Collection) -> Result<(), Failure> {
        if self.stack.len() >= MAX_DEPTH {
            return Err((start, format!("nested more than {MAX_DEPTH} deep")));
        }
        let nodes_before = self.nodes;
        self.count(1, &start)?;
        self.stack.push(Open { start, anchor, tag, nodes_before, what });
        Ok(())
    }

    fn close(&mut self, end: &Span) -> Result<Option<Node>, Failure> {
        let Some(open) = self.stack.pop() else { return Ok(None) };
        let value = match open.what {
            Collection::List(items) => Value::List(items),
            Collection::Table { entries, .. } => Value::Table(merge(entries)),
        };
        let node = Node { span: open.start.start..end.end.max(open.start.start), value, tag: open.tag };
        self.remember(open.anchor, &node, self.nodes - open.nodes_before);
        self.push(node)
    }

    /// Put a finished value where it belongs; the outermost one is the result.
    fn push(&mut self, node: Node) -> Result<Option<Node>, Failure> {
        let Some(open) = self.stack.last_mut() else { return Ok(Some(node)) };
        match &mut open.what {
            Collection::List(items) => items.push(node),
            Collection::Table { entries, key } => match key.take() {
                Some((key, key_span)) => {
                    if entries.iter().any(|e| e.key == key) {
                        return Err((key_span, format!("`{key}` is there twice")));
                    }
                    entries.push(Entry { key, key_span, node });
                }
                None => match node.value.scalar() {
                    Some(text) => *key = Some((text, node.span)),
                    None => return Err((node.span, format!("a key cannot be {}", node.value.kind()))),
                },
            },
        }
        Ok(None)
    }
}

/// What a tag of ours means; others say nothing here.
fn kind(suffix: Option<&str>) -> Tag {
    match suffix {
        Some("reset") => Tag::Reset,
        Some("override") => Tag::Override,
        Some(_) | None => Tag::None,
    }
}

/// Resolve `<<`: its tables give what the table itself does not say, and come first, so that what stands there wins.
fn merge(mut entries: Vec<Entry>) -> Vec<Entry> {
    let Some(i) = entries.iter().position(|e| e.key == "<<") else { return entries };
    let tables = match entries.remove(i).node.value {
        Value::List(items) => items.into_iter().map(|n| n.value).collect(),
        one @ (Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Table(_)) => {
            vec![one]
        }
    };
    let mut merged: Vec<Entry> = Vec::new();
    for table in tables {
        if let Value::Table(more) = table {
            for entry in more {
                if entries.iter().chain(&merged).all(|e| e.key != entry.key) {
                    merged.push(entry);
                }
            }
        }
    }
    merged.append(&mut entries);
    merged
}

/// A whole number, in the bases that Compose's reader knows: `0755` and `0o755` are octal.
fn whole(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let based = [("0x", 16), ("0o", 8), ("0b", 2), ("0", 8)].into_iter().find_map(|(prefix, base)| {
        let digits =
            digits.strip_prefix(prefix).filter(|d| d.starts_with(|c: char| c.is_ascii_hexdigit()))?;
        i64::from_str_radix(digits, base).ok()
    });
    based.map(|n| sign * n).or_else(|| text.parse().ok())
}

/// A plain scalar by the core schema (YAML 1.2.2 §10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Some(i) = whole(text) {
        return Value::Int(i);
    }
    // More digits than a number holds here: an identifier, whose digits are what it is.
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Value::Text(text.to_owned());
    }
    // `nan` and `inf` are words in YAML, unlike in Rust.
    if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.contains(|c: char| c.is_ascii_digit())
        && let Ok(f) = text.parse::<f64>()
    {
        return Value::Float(f);
    }
    Value::Text(text.to_owned())
}
