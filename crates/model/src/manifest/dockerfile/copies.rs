//! Where the files of a container come from.

use super::super::{outside::Outside, path};

/// Asked for at most where one file is wanted.
const MOST_ASKED: usize = 8;

/// Known at most: stages may copy from stages that copy.
const MOST: usize = 1000;

/// Paths in a container are written from its root, without the first `/`; the root is `.`.
pub(super) fn within(folder: &str, path: &str) -> String {
    match path.strip_prefix('/') {
        Some(absolute) => path::join("", absolute),
        None => path::join(folder, path),
    }
}

/// What a `COPY` brought.
#[derive(Debug, Clone)]
struct Copied {
    /// In the container.
    to: String,
    /// In the build's context.
    from: String,
    folder: bool,
}

/// What all of them brought.
#[derive(Debug, Clone, Default)]
pub(super) struct Copies(Vec<Copied>);

impl Copies {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `COPY sources… target`, from the context.
    pub(super) fn add(
        &mut self,
        outside: &Outside<'_>,
        context: &str,
        sources: &[String],
        target: &str,
        cwd: &str,
    ) {
        let to = within(cwd, target);
        for source in sources.iter().filter(|s| !s.contains("://")) {
            let from = path::join("", source.trim_start_matches('/'));
            if path::levels_up(&from) > 0 {
                continue;
            }
            if from == "." || outside.has_folder(&path::join(context, &from)) {
                self.0.push(Copied { to: to.clone(), from, folder: true });
                continue;
            }
            let name = from.rsplit('/').next().unwrap_or_default();
            let into = sources.len() > 1 || target.ends_with('/') || target.ends_with('.') || to == cwd;
            let to = if into { path::join(&to, name) } else { to.clone() };
            self.0.push(Copied { to, from, folder: false });
        }
    }

    /// `COPY --from=stage sources… target`.
    pub(super) fn add_from(&mut self, stage: &Self, sources: &[String], target: &str, cwd: &str) {
        let to = within(cwd, target);
        for source in sources {
            let source = within(".", source);
            let room = MOST.saturating_sub(self.0.len());
            for copied in stage.0.iter().take(room) {
                if let Some(rest) = below(&copied.to, &source) {
                    self.0.push(Copied { to: path::join(&to, rest), ..copied.clone() });
                } else if let Some(rest) = below(&source, &copied.to).filter(|_| copied.folder) {
                    let from = path::join(&copied.from, rest);
                    self.0.push(Copied { to: to.clone(), from, folder: true });
                }
            }
        }
    }

    /// The file of the context that became this one.
    pub(super) fn file(&self, outside: &Outside<'_>, context: &str, file: &str) -> Option<String> {
        self.candidates(file).find(|from| outside.has(&path::join(context, from)))
    }

    /// The same of a text, which is asked for: of the source only files of certain names are read.
    pub(super) fn text_file(&self, outside: &mut Outside<'_>, context: &str, file: &str) -> Option<String> {
        let inside = |from: &String| path::levels_up(from) == 0;
        let mut candidates = self.candidates(file).filter(inside).take(MOST_ASKED);
        candidates.find(|from| outside.text(&path::join(context, from)).is_some())
    }

    /// The same of a script, whose name need not tell that it is one.
    pub(super) fn script(&self, outside: &mut Outside<'_>, context: &str, file: &str) -> Option<String> {
        let inside = |from: &String| path::levels_up(from) == 0;
        let mut candidates = self.candidates(file).filter(inside).take(MOST_ASKED);
        candidates.find(|from| outside.script(&path::join(context, from)).is_some())
    }

    /// Where a file may come from, the likeliest first.
    fn candidates(&self, file: &str) -> impl Iterator<Item = String> {
        let exact = self.0.iter().rev().find(|c| !c.folder && c.to == file).map(|c| c.from.clone());
        let folders = self.0.iter().rev().filter(|c| c.folder);
        exact
            .into_iter()
            .chain(folders.filter_map(move |c| below(file, &c.to).map(|rest| path::join(&c.from, rest))))
    }

    /// The folder of the context that became this one; `None` where no single one did.
    pub(super) fn folder(&self, outside: &Outside<'_>, context: &str, folder: &str) -> Option<String> {
        let mut exact: Vec<_> =
            self.0.iter().filter(|c| c.folder && c.to == folder).map(|c| c.from.as_str()).collect();
        exact.sort_unstable();
        exact.dedup();
        match exact.as_slice() {
            [] => {}
            [one] => return Some((*one).to_owned()),
            _ => return None,
        }
        let inner = self.0.iter().rev().filter(|c| c.folder).filter_map(|c| {
            let from = path::join(&c.from, below(folder, &c.to)?);
            outside.has_folder(&path::join(context, &from)).then_some(from)
        });
        // `WORKDIR /app` above `COPY src /app/src`, and above single files.
        let outer = self.0.iter().filter_map(|c| {
            let rest = below(&c.to, folder)?;
            let head = c.from.strip_suffix(rest)?;
            (head.is_empty() || head.ends_with('/')).then(|| path::join("", head))
        });
        inner.chain(outer).next()
    }
}

/// The rest of a path below a folder.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    if folder == "." {
        return Some(path);
    }
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() { Some(".") } else { rest.strip_prefix('/') }
}
