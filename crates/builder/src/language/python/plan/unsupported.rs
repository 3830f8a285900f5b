//! What cannot be built, and what to do then.

use dormouse_model::manifest::Sign;

use super::{Listing, PlanError, Wishes, is_named};
use crate::language;

/// Files that say how a folder is built.
const MANIFESTS: [&str; 4] = ["requirements.txt", "pyproject.toml", "setup.py", "Cargo.toml"];

/// Without dependencies a start command is enough, as long as it can be found in the image.
pub(super) fn check(listing: &Listing, wishes: &Wishes<'_>) -> Result<(), PlanError> {
    for name in MANIFESTS {
        if let Some(near) = listing.misspelt(name, language::names()) {
            return Err(PlanError::new(
                format!("it has no {name}, but there is `{near}`"),
                format!("rename it to {name}"),
            ));
        }
    }
    let told = wishes.start.is_some() || listing.has("Procfile");
    for Sign { file, what, hint } in language::signs().iter().filter(|sign| listing.has(sign.file)) {
        let foreign = !matches!(*file, "Dockerfile" | "index.html");
        if (foreign && wishes.packages.is_empty()) || !told {
            return Err(PlanError::new(format!("{what} (found {file})"), *hint));
        }
    }
    if told {
        return Ok(());
    }
    if listing.has("pyproject.toml") {
        return Err(PlanError::new(
            "its pyproject.toml says nothing of what the app needs: it has neither a [project] nor a [build-system] table",
            "list its packages under [project] dependencies, or in a requirements.txt, which may be empty",
        ));
    }
    let says_how = |p: &&str| MANIFESTS.iter().any(|name| is_named(p, name));
    if let Some(inner) = listing.paths().find(says_how) {
        let package =
            if is_named(inner, "Cargo.toml") { ", or name the crate there as its `package`" } else { "" };
        return Err(PlanError::new(
            format!("its top folder has no {}, but there is `{inner}`", MANIFESTS.join(" or ")),
            format!("point `source` in dormouse.toml at that folder{package}"),
        ));
    }
    let settings = if listing.has("setup.cfg") { ", and its setup.cfg lists no packages" } else { "" };
    Err(PlanError::new(
        format!("it has no {}{settings}", MANIFESTS.join(" and no ")),
        "list its Python packages in a requirements.txt; an app that needs none has to name `start` in dormouse.toml",
    ))
}
