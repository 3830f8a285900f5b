//! Ignore rules: `.gitignore` as Git has them, from the repository's top down, and `.dormouseignore`, which wins.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use dormouse_model::source::text;
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use super::git;

const OURS: &str = ".dormouseignore";
const GITS: &str = ".gitignore";

/// The rules that hold in one folder and below, those of the folders above it included.
#[derive(Debug)]
pub(super) struct Rules {
    /// Of a whole machine, and of a repository beyond what is committed; the stronger ones last.
    everywhere: Vec<Gitignore>,
    /// Of each folder on the way down.
    folders: Vec<Folder>,
    /// Lines that are no patterns, each with its place.
    pub(super) bad_lines: Vec<String>,
}

#[derive(Debug)]
struct Folder {
    gits: Gitignore,
    ours: Gitignore,
}

impl Rules {
    /// What holds in `root` because of where it lies. `of_the_machine` is Git's own file of rules for all repositories.
    ///
    /// A folder that its repository ignores as a whole has no rules from there: who deploys it means what is in it.
    pub(super) fn above(root: &Path, of_the_machine: Option<PathBuf>) -> Result<Self> {
        let mut rules = Self { everywhere: Vec::new(), folders: Vec::new(), bad_lines: Vec::new() };
        let Some(top) = git::top(root) else { return Ok(rules) };
        for file in of_the_machine.into_iter().chain([git::exclude(top)]) {
            let read = rules.read(top, &file)?;
            rules.everywhere.push(read);
        }
        let mut above: Vec<&Path> = root.ancestors().skip(1).take_while(|a| a.starts_with(top)).collect();
        above.reverse();
        for folder in above {
            let gits = rules.read(folder, &folder.join(GITS))?;
            rules.folders.push(Folder { gits, ours: Gitignore::empty() });
        }
        let inside = |a: &&Path| *a != top && a.starts_with(top);
        if root.ancestors().take_while(inside).any(|folder| rules.ignores(folder, true)) {
            rules.everywhere.clear();
            rules.folders.clear();
        }
        Ok(rules)
    }

    /// Take in the rules of a folder below.
    pub(super) fn enter(&mut self, folder: &Path) -> Result<()> {
        let gits = self.read(folder, &folder.join(GITS))?;
        let ours = self.read(folder, &folder.join(OURS))?;
        self.folders.push(Folder { gits, ours });
        Ok(())
    }

    /// Leave the folder entered last.
    pub(super) fn leave(&mut self) {
        self.folders.pop();
    }

    /// Whether the file or folder is ignored.
    pub(super) fn ignores(&self, path: &Path, is_folder: bool) -> bool {
        match self.ours(path, is_folder) {
            Match::Ignore(()) => true,
            Match::Whitelist(()) => false,
            Match::None => {
                let gits = self.everywhere.iter().chain(self.folders.iter().map(|f| &f.gits));
                matches!(last(gits, path, is_folder), Match::Ignore(()))
            }
        }
    }

    /// Whether `.dormouseignore` says that it is wanted whatever else speaks against it.
    pub(super) fn asks_for(&self, path: &Path, is_folder: bool) -> bool {
        self.ours(path, is_folder).is_whitelist()
    }

    fn ours(&self, path: &Path, is_folder: bool) -> Match<()> {
        last(self.folders.iter().map(|f| &f.ours), path, is_folder)
    }

    /// The rules of a file, which need not exist.
    fn read(&mut self, folder: &Path, file: &Path) -> Result<Gitignore> {
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(e) if is_absent(&e) => return Ok(Gitignore::empty()),
            // Unread, it would let through what it was written to hold back.
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", file.display())),
        };
        let mut builder = GitignoreBuilder::new(folder);
        for (i, line) in lines(&bytes, file)?.iter().enumerate() {
            if let Err(e) = builder.add_line(Some(file.to_owned()), &without_braces(line)) {
                self.bad_lines.push(format!("{}:{}: {e}", file.display(), i + 1));
            }
        }
        builder.build().with_context(|| format!("cannot read {}", file.display()))
    }
}

/// What the last of the files says that says anything.
fn last<'a>(
    files: impl DoubleEndedIterator<Item = &'a Gitignore>,
    path: &Path,
    is_folder: bool,
) -> Match<()> {
    files
        .rev()
        .map(|file| file.matched(path, is_folder).map(drop))
        .find(|m| !m.is_none())
        .unwrap_or(Match::None)
}

/// Also what is below a file, or is a folder, is not there: Git sees no rules in either.
fn is_absent(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory)
}

/// The file's lines. In a comment any bytes will do.
fn lines(bytes: &[u8], file: &Path) -> Result<Vec<String>> {
    let not_text = match text::decode(bytes) {
        Ok(text) => return Ok(text.lines().map(str::to_owned).collect()),
        Err(e) => e,
    };
    let all = bytes.split(|b| *b == b'\n');
    let texts: Option<_> = all
        .map(|line| if line.starts_with(b"#") { Some(String::new()) } else { text::decode(line).ok() })
        .collect();
    match texts {
        Some(texts) if matches!(not_text.what, text::Wrong::Utf8(_)) => Ok(texts),
        Some(_) | None => bail!("{}: {not_text}\n  hint: {}", file.display(), not_text.hint()),
    }
}

/// Braces are nothing special to Git.
fn without_braces(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if matches!(c, '{' | '}') {
            out.push('\\');
        }
        out.push(c);
        if c == '\\' {
            out.extend(chars.next());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        dir
    }

    /// Which of `paths`, files below `sub`, are ignored when `sub` is deployed.
    fn ignored(files: &[(&str, &[u8])], sub: &str, paths: &str) -> String {
        let dir = written(files);
        let root = dir.path().join(sub);
        fs::create_dir_all(&root).unwrap();
        let mut rules = Rules::above(&root, Some(dir.path().join("machine"))).unwrap();
        rules.enter(&root).unwrap();
        assert_eq!(rules.bad_lines, Vec::<String>::new());
        let found: Vec<_> = paths.split(' ').filter(|p| rules.ignores(&root.join(p), false)).collect();
        found.join(" ")
    }

    #[test]
    fn from_the_repositorys_top_down() {
        const HEAD: (&str, &[u8]) = ("repo/.git/HEAD", b"");
        let utf16 = "keys.env\r\n".encode_utf16().flat_map(u16::to_le_bytes);
        let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(utf16).collect();
        for (case, files, sub, paths, want) in [
            (
                "a path below it",
                &[HEAD, ("repo/.gitignore", b"sub/keys.env\n*.log")][..],
                "repo/sub",
                "keys.env a.log b",
                "keys.env a.log",
            ),
            ("anchored", &[HEAD, ("repo/.gitignore", b"/keys.env")], "repo/sub", "keys.env", ""),
            (
                "brought back",
                &[HEAD, ("repo/.gitignore", b"*.env"), ("repo/sub/.gitignore", b"!a.env")],
                "repo/sub",
                "a.env b.env",
                "b.env",
            ),
            (
                "ours is stronger",
                &[HEAD, ("repo/sub/.dormouseignore", b"!a.env\nx"), ("repo/sub/.gitignore", b"*.env\n!x")],
                "repo/sub",
                "a.env b.env x",
                "b.env x",
            ),
            (
                "not committed",
                &[HEAD, ("repo/.git/info/exclude", b"notes"), ("machine", b"*.swp\n!keep.swp")],
                "repo/sub",
                "notes a.swp keep.swp",
                "notes a.swp",
            ),
            ("above the top", &[HEAD, (".gitignore", b"*")], "repo", "a", ""),
            ("no repository", &[("repo/.gitignore", b"*"), ("machine", b"*")], "repo/sub", "a", ""),
            ("itself ignored", &[HEAD, ("repo/.gitignore", b"dist/\n*.log")], "repo/dist", "a a.log", ""),
            (
                "below what is ignored",
                &[HEAD, ("repo/.gitignore", b"dist\n*.log")],
                "repo/dist/web",
                "a a.log",
                "",
            ),
            ("all but", &[HEAD, ("repo/.gitignore", b"*\n!*/\n!*.py\n")], "repo/sub", "a.py b", "b"),
            ("UTF-16", &[HEAD, ("repo/.gitignore", &utf16)], "repo", "keys.env", "keys.env"),
            ("a mark", &[HEAD, ("repo/.gitignore", b"\xEF\xBB\xBFkeys.env")], "repo", "keys.env", "keys.env"),
            (
                "an old comment",
                &[HEAD, ("repo/.gitignore", b"# caf\xe9\nkeys.env")],
                "repo",
                "keys.env",
                "keys.env",
            ),
            (
                "braces",
                &[HEAD, ("repo/.gitignore", b"{a,b}\nc{d\n\\{x")],
                "repo",
                "a {a,b} c{d {x",
                "{a,b} c{d {x",
            ),
        ] {
            assert_eq!(ignored(files, sub, paths), want, "{case}");
        }
    }

    #[test]
    fn what_cannot_be_read_lets_nothing_through() {
        let dir = written(&[
            ("a/.gitignore", b"ok\ncaf\xe9"),
            ("b/.dormouseignore", b"x\0y\0"),
            ("c/.gitignore", b"[z-a]\nx"),
        ]);
        let entered = |name: &str| {
            let mut rules = Rules::above(dir.path(), None).unwrap();
            let result = rules.enter(&dir.path().join(name));
            (result.map_err(|e| e.to_string().replace(dir.path().to_str().unwrap(), "")), rules)
        };
        assert_eq!(
            entered("a").0.unwrap_err(),
            "/a/.gitignore: line 2 is not text: byte 7 of the file is 0xE9, which is not UTF-8 here\n  hint: save it as \
             UTF-8; in Latin-1 this byte is `é`"
        );
        assert!(entered("b").0.unwrap_err().starts_with("/b/.dormouseignore: line 1 is not text"));
        let (result, rules) = entered("c");
        result.unwrap();
        assert_eq!(rules.bad_lines.len(), 1, "{:?}", rules.bad_lines);
        assert!(rules.ignores(&dir.path().join("c/x"), false));
    }
}
