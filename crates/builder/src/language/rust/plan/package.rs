//! Which package of a source folder is the service.

use super::{
    Listing, PlanError, binary,
    cargo::{self, Manifest},
    is_named,
};

/// A package that was found.
pub(super) struct Found {
    pub(super) folder: String,
    pub(super) manifest: Manifest,
}

impl Found {
    fn name(&self) -> &str {
        self.manifest.package.as_ref().map_or("", |p| p.name.as_str())
    }
}

/// The package called `wanted`; without, the one at the top, or the only one that has something to start.
pub(super) fn find(
    listing: &Listing,
    wanted: Option<&str>,
    start: Option<&[String]>,
) -> Result<Found, PlanError> {
    let mut all = Vec::new();
    for path in listing.paths().filter(|p| is_named(p, "Cargo.toml") && !is_aside(p)) {
        let folder = path.strip_suffix("Cargo.toml").unwrap_or(path).trim_end_matches('/').to_owned();
        if let Some(manifest) = cargo::read(listing, &folder)? {
            all.push(Found { folder, manifest });
        }
    }
    match wanted {
        Some(wanted) => called(all, wanted),
        None => only(listing, all, start),
    }
}

/// Copies of other people's packages, and what cargo itself left.
fn is_aside(path: &str) -> bool {
    path.split('/').any(|p| matches!(p, "vendor" | "target"))
}

fn called(all: Vec<Found>, wanted: &str) -> Result<Found, PlanError> {
    let mut names: Vec<String> = all.iter().map(|f| f.name().to_owned()).filter(|n| !n.is_empty()).collect();
    names.sort();
    let mut named: Vec<Found> = all.into_iter().filter(|f| f.name() == wanted).collect();
    match named.len() {
        1 => Ok(named.remove(0)),
        0 => Err(PlanError::new(
            format!("it has no Cargo package `{wanted}`"),
            if names.is_empty() {
                "there is no Cargo.toml in its source folder: check `source` and `package` in dormouse.toml"
                    .to_owned()
            } else {
                format!("its packages are: {}", names.join(", "))
            },
        )),
        _ => {
            let folders: Vec<&str> = named.iter().map(|f| f.folder.as_str()).collect();
            Err(PlanError::new(
                format!("several folders hold a Cargo package `{wanted}`: {}", folders.join(", ")),
                "point `source` in dormouse.toml at the right one",
            ))
        }
    }
}

fn only(listing: &Listing, mut all: Vec<Found>, start: Option<&[String]>) -> Result<Found, PlanError> {
    let programs = |f: &Found| binary::all(listing, &f.folder, &f.manifest);
    let top = all.iter().position(|f| f.folder.is_empty());
    if let Some(at) = top.filter(|at| !programs(&all[*at]).is_empty()) {
        return Ok(all.swap_remove(at));
    }
    let defaults = top.and_then(|at| all[at].manifest.workspace.as_ref()).map(|w| w.default_members.clone());
    let is_default = |f: &Found| {
        defaults.as_ref().is_none_or(|d| {
            d.is_empty() || d.iter().any(|d| d.contains('*') || d.trim_start_matches("./") == f.folder)
        })
    };
    let is_started = |f: &Found| match start.and_then(|s| s.first()) {
        Some(first) => programs(f).iter().any(|p| first.rsplit('/').next() == Some(p)),
        None => false,
    };
    let mut runnable: Vec<usize> = (0..all.len()).filter(|at| !programs(&all[*at]).is_empty()).collect();
    for narrow in [&is_default as &dyn Fn(&Found) -> bool, &is_started] {
        let some: Vec<usize> = runnable.iter().copied().filter(|at| narrow(&all[*at])).collect();
        if !some.is_empty() {
            runnable = some;
        }
    }
    match runnable[..] {
        [at] => Ok(all.swap_remove(at)),
        [] if top.is_some() && all.len() == 1 && all[0].manifest.package.is_some() => Ok(all.swap_remove(0)),
        [] => Err(PlanError::new(
            "none of its Cargo packages has a program to start",
            "add a src/main.rs to one of them",
        )),
        [first, ..] => {
            let names: Vec<&str> = runnable.iter().map(|at| all[*at].name()).collect();
            Err(PlanError::new(
                format!("several of its Cargo packages have a program: {}", names.join(", ")),
                format!("name one in dormouse.toml, such as package = \"{}\"", all[first].name()),
            ))
        }
    }
}
