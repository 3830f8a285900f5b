//! Which file of a crate imports which, read from its source.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{Attribute, Item, UseTree};

use crate::Imports;

type Name = Vec<String>;

/// A module: where it stands, what stands in it, and what its other names lead to.
#[derive(Default)]
struct Module {
    file: String,
    items: BTreeSet<String>,
    uses: BTreeMap<String, Name>,
    globs: Vec<Name>,
    /// All that is written out as `a::b`.
    paths: BTreeSet<Name>,
}

/// All modules of a crate, by their paths.
type Modules = BTreeMap<Name, Module>;

/// What each file below `src` imports of the others.
pub(crate) fn imports(src: &Path) -> Imports {
    let mut imports = Imports::new();
    for root in ["lib.rs", "main.rs"] {
        if src.join(root).exists() {
            let mut modules = Modules::new();
            read_file(src, root.to_owned(), String::new(), Vec::new(), &mut modules);
            for (at, module) in &modules {
                let to = imports.entry(module.file.clone()).or_default();
                let used = module.uses.values().chain(&module.globs).chain(&module.paths);
                let used = used.filter(|path| !is_own_child(at, path, &modules));
                let led = used.filter_map(|path| Some(modules[&walk(at, path, &modules, 0)?].file.clone()));
                to.extend(led.filter(|to| *to != module.file));
            }
        }
    }
    imports
}

/// Read module `at`, which is `file`; its children lie in `folder`.
fn read_file(src: &Path, file: String, folder: String, at: Name, modules: &mut Modules) {
    let text = fs::read_to_string(src.join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
    read_items(src, &file, &folder, at, parsed.items, modules);
}

fn read_items(src: &Path, file: &str, folder: &str, at: Name, items: Vec<Item>, modules: &mut Modules) {
    let mut module = Module { file: file.to_owned(), ..Module::default() };
    for item in items {
        match item {
            Item::Mod(inner) if is_test(&inner.attrs) => {}
            Item::Mod(inner) => {
                let name = inner.ident.to_string();
                let child = [at.as_slice(), std::slice::from_ref(&name)].concat();
                let below = format!("{folder}{name}/");
                match inner.content {
                    Some((_, items)) => read_items(src, file, &below, child, items, modules),
                    None => {
                        let flat = format!("{folder}{name}.rs");
                        let file = if src.join(&flat).exists() { flat } else { format!("{below}mod.rs") };
                        read_file(src, file, below, child, modules);
                    }
                }
            }
            Item::Use(item) if is_test(&item.attrs) => {}
            Item::Use(item) => read_use(&item.tree, Vec::new(), &mut module),
            other => {
                let tokens = other.to_token_stream();
                if !tokens.to_string().starts_with("# [cfg (test)]") {
                    module.items.extend(name(&other));
                    read_tokens(tokens, &mut module);
                }
            }
        }
    }
    modules.insert(at, module);
}

fn is_test(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|a| a.path().is_ident("cfg") && a.to_token_stream().to_string().contains("test"))
}

fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(i) => &i.ident,
        Item::Enum(i) => &i.ident,
        Item::Fn(i) => &i.sig.ident,
        Item::Macro(i) => i.ident.as_ref()?,
        Item::Static(i) => &i.ident,
        Item::Struct(i) => &i.ident,
        Item::Trait(i) => &i.ident,
        Item::TraitAlias(i) => &i.ident,
        Item::Type(i) => &i.ident,
        Item::Union(i) => &i.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn read_use(tree: &UseTree, before: Name, module: &mut Module) {
    let with = |ident: &syn::Ident| [before.as_slice(), &[ident.to_string()]].concat();
    match tree {
        UseTree::Path(path) => read_use(&path.tree, with(&path.ident), module),
        // `use super::a::{self, ...}`
        UseTree::Name(last) if last.ident == "self" => {
            if let Some(name) = before.last() {
                module.uses.insert(name.clone(), before.clone());
            }
        }
        UseTree::Name(last) => {
            module.uses.insert(last.ident.to_string(), with(&last.ident));
        }
        UseTree::Rename(last) => {
            // Several may be called `_`.
            let name =
                if last.rename == "_" { with(&last.ident).join("::") } else { last.rename.to_string() };
            module.uses.insert(name, with(&last.ident));
        }
        UseTree::Glob(_) => module.globs.push(before),
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| read_use(tree, before.clone(), module));
        }
    }
}

/// Every `a::b::c` in it, in macros too; `use` in a function stands for what it names.
fn read_tokens(tokens: TokenStream, module: &mut Module) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let colon = |i: usize| matches!(tokens.get(i), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    let mut i = 0;
    while i < tokens.len() {
        match &tokens[i] {
            TokenTree::Group(group) => read_tokens(group.stream(), module),
            TokenTree::Ident(first) => {
                let mut path = vec![first.to_string()];
                while colon(i + 1) && colon(i + 2) {
                    let Some(TokenTree::Ident(next)) = tokens.get(i + 3) else { break };
                    path.push(next.to_string());
                    i += 3;
                }
                if path.len() > 1 {
                    module.paths.insert(path);
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        i += 1;
    }
}

/// The module in which what `path` means stands, seen from module `at`; none for what is another crate's.
fn walk(at: &[String], path: &[String], modules: &Modules, depth: usize) -> Option<Name> {
    // Two modules may export all of each other.
    if depth > 8 {
        return None;
    }
    let mut here = at.to_vec();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => (here, rest) = (Vec::new(), &path[1..]),
        "self" => rest = &path[1..],
        "super" => {}
        first => {
            let module = &modules[at];
            let foreign = !modules.contains_key(&below(at, first))
                && !module.items.contains(first)
                // `use serde::Serialize` and the like: what begins with its own name.
                && module.uses.get(first).is_none_or(|used| used[0] == first);
            if foreign {
                return None;
            }
        }
    }
    while let Some((next, after)) = rest.split_first() {
        let module = modules.get(&here)?;
        rest = after;
        if next == "super" {
            here.pop()?;
        } else if modules.contains_key(&below(&here, next)) {
            here = below(&here, next);
        } else if module.items.contains(next) {
            return Some(here);
        } else if let Some(used) = module.uses.get(next).filter(|used| used[0] != *next) {
            let found = walk(&here, used, modules, depth + 1)?;
            // What was imported is the module itself, or something in it.
            if found.last() != used.last() {
                return Some(found);
            }
            here = found;
        } else {
            let in_a_glob = |glob: &Name| {
                let of = walk(&here, glob, modules, depth + 1).filter(|of| *of != here)?;
                let full = [&["self".to_owned(), next.clone()], rest].concat();
                walk(&of, &full, modules, depth + 1)
                    .filter(|found| *found != of || modules[&of].items.contains(next))
            };
            return module.globs.iter().find_map(in_a_glob).or(Some(here));
        }
    }
    Some(here)
}

/// Whether this begins with a child of module `at`.
fn is_own_child(at: &[String], path: &[String], modules: &Modules) -> bool {
    let first = path.iter().find(|name| *name != "self");
    first.is_some_and(|first| modules.contains_key(&below(at, first)))
}

fn below(at: &[String], name: &str) -> Name {
    [at, &[name.to_owned()]].concat()
}
