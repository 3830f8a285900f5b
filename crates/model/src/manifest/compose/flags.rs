//! Words for true and false: what a variable fills in, and what stands in quotes, is text, also where the specification
//! has a truth value.

use super::super::node::{Node, Value};

/// Turn texts into truth values where such are expected; other texts stay, to be reported where they are read.
pub(super) fn settle(root: &mut Node) {
    let Some(Value::Table(services)) = root.get_mut("services").map(|s| &mut s.value) else { return };
    for service in services {
        let service = &mut service.node;
        if let Some(disable) = service.get_mut("healthcheck").and_then(|h| h.get_mut("disable")) {
            flag(disable);
        }
        if let Some(Value::Table(dependencies)) = service.get_mut("depends_on").map(|d| &mut d.value) {
            dependencies.iter_mut().filter_map(|d| d.node.get_mut("required")).for_each(flag);
        }
        match service.get_mut("env_file") {
            Some(Node { value: Value::List(files), .. }) => {
                files.iter_mut().filter_map(|f| f.get_mut("required")).for_each(flag);
            }
            Some(file) => file.get_mut("required").into_iter().for_each(flag),
            None => {}
        }
    }
}

fn flag(node: &mut Node) {
    let Value::Text(text) = &node.value else { return };
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => node.value = Value::Bool(true),
        "false" | "f" | "no" | "n" | "off" | "0" => node.value = Value::Bool(false),
        // Left to a variable that nobody gave.
        "" => node.value = Value::Null,
        _ => {}
    }
}
