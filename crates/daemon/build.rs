//! What `dormouse --version` says: the release, and the commit where it is built from a clone.
//!
//! Only this crate is built anew when the commit changes. From a tarball there is no commit to tell; `DORMOUSE_COMMIT` in the
//! environment of the build names one all the same.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DORMOUSE_COMMIT");
    // From the package, where cargo runs this: clones that share a target folder share what is compiled of it, too.
    let root = Path::new("../..");
    let told = env::var("DORMOUSE_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = told.or_else(|| commit_of(root));
    let release = env!("CARGO_PKG_VERSION");
    let version = commit.map_or_else(|| release.to_owned(), |commit| format!("{release} ({commit})"));
    println!("cargo::rustc-env=DORMOUSE_VERSION={version}");
}

/// The commit that is checked out, and word to cargo to ask again when that may have changed. None where this folder is no
/// clone of its own: a tarball may have been unpacked within somebody's.
fn commit_of(root: &Path) -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
        let said = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| said.trim().to_owned())
    };
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for file in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = root.join(git(&["rev-parse", "--git-path", file])?);
        // One that is not there would have cargo run this each time.
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}
