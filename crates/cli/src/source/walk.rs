//! Going through the folder.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use dormouse_model::manifest;

use super::{
    FileKind, SourceFile,
    left_out::{LeftOut, Why},
    links::{self, Fate},
    rules::Rules,
};

/// Never part of the source, unless `.dormouseignore` asks for it.
const ALWAYS_OUT: [&str; 4] = [".git", ".venv", "node_modules", "__pycache__"];

/// A walk under way.
pub(super) struct Walk<'a> {
    root: &'a Path,
    /// Left out when it lies inside.
    state: &'a Path,
    rules: Rules,
    files: Vec<SourceFile>,
    left_out: LeftOut,
}

/// What a walk found.
#[derive(Debug)]
pub(super) struct Found {
    /// Each folder before what is in it.
    pub(super) files: Vec<SourceFile>,
    pub(super) left_out: LeftOut,
    /// Lines of ignore files that are no patterns.
    pub(super) bad_lines: Vec<String>,
}

/// Everything of `root`, which is canonical, that is source by `rules`.
pub(super) fn walk(root: &Path, state: &Path, rules: Rules) -> Result<Found> {
    let mut walk = Walk { root, state, rules, files: Vec::new(), left_out: LeftOut::default() };
    walk.folder(Path::new(""))?;
    let Walk { rules, files, left_out, .. } = walk;
    Ok(Found { files, left_out, bad_lines: rules.bad_lines })
}

impl Walk<'_> {
    fn folder(&mut self, below: &Path) -> Result<()> {
        let folder = self.root.join(below);
        self.rules.enter(&folder)?;
        for name in names(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            self.entry(below.join(name))?;
        }
        self.rules.leave();
        Ok(())
    }

    fn entry(&mut self, below: PathBuf) -> Result<()> {
        let path = self.root.join(&below);
        let meta = match path.symlink_metadata() {
            Ok(meta) => meta,
            // It was there a moment ago; editors do that.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
        };
        let kind = meta.file_type();
        if self.is_out(&below, &path, kind.is_dir()) {
            return Ok(());
        }
        let (kind, bytes) = if kind.is_dir() {
            (FileKind::Folder, 0)
        } else if kind.is_file() {
            (FileKind::File, meta.len())
        } else if kind.is_symlink() {
            let fate = links::fate(self.root, &below);
            match fate.with_context(|| format!("cannot read {}", path.display()))? {
                Fate::Kept(target) => (FileKind::Link(target), 0),
                Fate::Outside(target) => {
                    self.left_out.add(&below, Why::Outside(target));
                    return Ok(());
                }
                Fate::Nowhere(target) => {
                    self.left_out.add(&below, Why::Nowhere(target));
                    return Ok(());
                }
            }
        } else {
            self.left_out.add(&below, Why::special(kind));
            return Ok(());
        };
        let is_folder = kind == FileKind::Folder;
        self.files.push(SourceFile { path: below.clone(), kind, bytes });
        if is_folder { self.folder(&below) } else { Ok(()) }
    }

    fn is_out(&self, below: &Path, path: &Path, is_folder: bool) -> bool {
        // Who writes a manifest wants it read, whatever else a rule is meant for.
        if below.to_str().is_some_and(manifest::is_manifest) {
            return false;
        }
        let always = below.file_name().and_then(|n| n.to_str()).is_some_and(|n| ALWAYS_OUT.contains(&n));
        let always = always || path == self.state || (is_folder && is_cache(path));
        if always { !self.rules.asks_for(path, is_folder) } else { self.rules.ignores(path, is_folder) }
    }
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> std::io::Result<Vec<OsString>> {
    let mut names: Vec<_> =
        fs::read_dir(folder)?.map(|e| Ok(e?.file_name())).collect::<std::io::Result<_>>()?;
    names.sort();
    Ok(names)
}

/// Whether a folder says of itself that it can be made again, as cargo's `target` does
/// (<https://bford.info/cachedir/>).
fn is_cache(folder: &Path) -> bool {
    let tag = folder.join("CACHEDIR.TAG");
    tag.symlink_metadata().is_ok_and(|m| m.is_file() && m.len() < 1 << 16)
        && fs::read(tag).is_ok_and(|t| t.starts_with(b"Signature: 8a477f597d28d172789f06886806bc55"))
}
