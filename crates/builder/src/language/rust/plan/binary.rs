//! Which program of a package is started.

use super::{
    Listing, PlanError,
    cargo::{Manifest, Package, within},
};

/// The names of the programs that cargo builds of a package, sorted.
pub(super) fn all(listing: &Listing, folder: &str, manifest: &Manifest) -> Vec<String> {
    let Some(package) = &manifest.package else { return Vec::new() };
    let mut names: Vec<String> = manifest.bin.iter().filter_map(|b| b.name.clone()).collect();
    let is_named = |path: &str| manifest.bin.iter().any(|b| b.path.as_deref() == Some(path));
    if package.autobins != Some(false) {
        let main = "src/main.rs";
        if listing.has(&within(folder, main)) && !is_named(main) {
            names.push(package.name.clone());
        }
        let bins = within(folder, "src/bin/");
        for path in listing.paths().filter_map(|p| p.strip_prefix(bins.as_str())) {
            let name = path.strip_suffix("/main.rs").or_else(|| path.strip_suffix(".rs"));
            if let Some(name) = name.filter(|n| !n.contains('/') && !is_named(&format!("src/bin/{path}"))) {
                names.push(name.to_owned());
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The one to start: the one that the start command names, else the package's default, else its only one.
pub(super) fn choose(
    package: &Package,
    names: &[String],
    start: Option<&[String]>,
) -> Result<String, PlanError> {
    let named = start.and_then(|s| s.first()).map(|first| base(first));
    if let Some(name) = names.iter().find(|n| Some(n.as_str()) == named) {
        return Ok(name.clone());
    }
    match (&package.default_run, names) {
        (Some(name), _) if names.contains(name) => Ok(name.clone()),
        (Some(name), _) => Err(PlanError::new(
            format!(
                "the package `{}` has default-run = \"{name}\", which is none of its programs",
                package.name
            ),
            if names.is_empty() {
                "it has none".to_owned()
            } else {
                format!("its programs are: {}", names.join(", "))
            },
        )),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(PlanError::new(
            format!("the package `{}` is a library: it has nothing to start", package.name),
            "add a src/main.rs, or name another package as `package` in dormouse.toml",
        )),
        (None, [first, ..]) => Err(PlanError::new(
            format!("the package `{}` has several programs: {}", package.name, names.join(", ")),
            format!(
                "name the one to start as `start` in dormouse.toml, such as start = \"{first}\", or as default-run in \
                 its Cargo.toml"
            ),
        )),
    }
}

/// What is started: the program lies in the search path, wherever cargo would have put it.
pub(super) fn start(binary: &str, wished: Option<&[String]>) -> Vec<String> {
    match wished {
        None => vec![binary.to_owned()],
        Some([first, rest @ ..]) if first.contains('/') && base(first) == binary => {
            std::iter::once(binary.to_owned()).chain(rest.iter().cloned()).collect()
        }
        Some(as_told) => as_told.to_vec(),
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
