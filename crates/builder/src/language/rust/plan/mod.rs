//! Planning Rust services.

mod binary;
mod cargo;
mod package;
#[cfg(test)]
mod tests;
mod version;

use std::collections::BTreeMap;

use dormouse_model::Origin;

use crate::plan::{Decision, Listing, Plan, PlanError, Wishes, is_named, see};
use cargo::{Manifest, Workspace, within};
pub(crate) use version::RustVersion;

/// A program of a Cargo package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crate {
    /// Folder of the package below the source folder; empty for the top.
    pub folder: String,
    /// Name of the package.
    pub package: String,
    /// Name of the program.
    pub binary: String,
    /// The oldest Rust that will do, as far as its files say.
    pub needs: RustVersion,
    /// What a `rust-toolchain` file asks for.
    pub channel: Option<String>,
}

/// Decide how to build a Rust service.
pub(super) fn plan(listing: &Listing, wishes: &Wishes<'_>) -> Result<Plan, PlanError> {
    let found = package::find(listing, wishes.package, wishes.start)?;
    let names = binary::all(listing, &found.folder, &found.manifest);
    let Some(package) = &found.manifest.package else {
        return Err(PlanError::new("its Cargo.toml names no package", "add a [package] table"));
    };
    let binary = binary::choose(package, &names, wishes.start)?;
    let workspace = workspace(listing, &found.folder)?;
    let lock_folder = workspace.as_ref().map_or(found.folder.as_str(), |(folder, _)| folder.as_str());
    let lock = within(lock_folder, "Cargo.lock");
    if !listing.has(&lock) {
        return Err(PlanError::new(
            format!("there is no {lock}, so nobody knows which versions it was tried with"),
            "run `cargo generate-lockfile` there, make sure no ignore file leaves Cargo.lock out, and deploy again",
        ));
    }
    let text = listing.read(&lock)?.unwrap_or_default();
    let needs = needs(&found.manifest, workspace.as_ref().map(|(_, w)| w), text);
    let start = binary::start(&binary, wishes.start);
    let channel = channel(listing, &found.folder)?;
    let origin = match wishes.start {
        Some(_) => wishes.start_origin.cloned(),
        None => Some(Origin::found(within(&found.folder, "Cargo.toml"), None)),
    };
    let decisions = vec![Decision { about: "start", value: start.join(" "), origin }];
    let recipe =
        Box::new(Crate { package: package.name.clone(), folder: found.folder, binary, needs, channel });
    Ok(Plan { recipe, start, env: BTreeMap::new(), decisions, notes: Vec::new() })
}

/// The workspace that a package belongs to, and its folder: the nearest one at or above it, as cargo finds it.
fn workspace(listing: &Listing, folder: &str) -> Result<Option<(String, Workspace)>, PlanError> {
    for above in above(folder) {
        let Some(workspace) = cargo::read(listing, above)?.and_then(|m| m.workspace) else { continue };
        let inside = folder.strip_prefix(above).unwrap_or(folder).trim_start_matches('/');
        if above != folder && workspace.excludes(inside) {
            return Ok(None);
        }
        return Ok(Some((above.to_owned(), workspace)));
    }
    Ok(None)
}

/// A folder and those above it, the nearest first.
fn above(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |f| {
        (!f.is_empty()).then(|| f.rsplit_once('/').map_or("", |(up, _)| up))
    })
}

fn needs(manifest: &Manifest, workspace: Option<&Workspace>, lock: &str) -> RustVersion {
    let (edition, version) = manifest.wants(workspace);
    [
        edition.and_then(|e| RustVersion::of_edition(&e)),
        version.and_then(|v| v.parse().ok()),
        RustVersion::of_lock(lock),
    ]
    .into_iter()
    .flatten()
    .max()
    .unwrap_or(RustVersion::one(0))
}

/// What the nearest `rust-toolchain` file asks for.
fn channel(listing: &Listing, folder: &str) -> Result<Option<String>, PlanError> {
    for above in above(folder) {
        let text = match listing.read(&within(above, "rust-toolchain.toml"))? {
            Some(text) => Some(text),
            None => listing.read(&within(above, "rust-toolchain"))?,
        };
        let Some(text) = text else { continue };
        let named = match text.parse::<toml::Table>() {
            Ok(file) => file.get("toolchain").and_then(|t| Some(t.get("channel")?.as_str()?.to_owned())),
            // The older form is nothing but the name.
            Err(_) => {
                Some(text.trim().to_owned()).filter(|t| !t.is_empty() && !t.contains(char::is_whitespace))
            }
        };
        if named.is_some() {
            return Ok(named);
        }
    }
    Ok(None)
}
