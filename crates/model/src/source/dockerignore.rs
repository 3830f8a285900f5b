//! `.dockerignore`, as Docker reads it: other rules than Git's. A pattern counts from the folder that is built and not at
//! any depth, the last one that matches decides, and `!` brings back what lies in a folder that is left out.
//!
//! The rules are those of moby's `patternmatcher`; no crate that is kept up has them.

use std::fmt;

/// The patterns of one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DockerIgnore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// Whether it brings back what it matches.
    is_exception: bool,
    pattern: Vec<Piece>,
}

/// Part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// This character.
    Char(char),
    /// `?`: any but a slash.
    Any,
    /// `[a-z]`, or with `^` all others.
    Class { is_inverted: bool, ranges: Vec<(char, char)> },
    /// `*`: any number of characters that are no slash.
    Star,
    /// `**` at the end: anything at all.
    Rest,
    /// `**/`, first half: the folders may be none.
    Maybe,
    /// `**/`, second half: anything that ends in a slash.
    Folders,
}

/// A line that Docker refuses too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPattern {
    /// Line, from 1.
    pub line: usize,
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: `{}` is not a pattern: {}", self.line, self.pattern, self.why)
    }
}

impl std::error::Error for BadPattern {}

impl DockerIgnore {
    /// Read the file.
    ///
    /// # Errors
    /// The first line that is not a pattern.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let mut rules = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            // Only in the first column is it a comment.
            if line.starts_with('#') || trimmed.is_empty() {
                continue;
            }
            let bad = |why| BadPattern { line: i + 1, pattern: trimmed.to_owned(), why };
            let (is_exception, pattern) = match trimmed.strip_prefix('!') {
                Some(pattern) => (true, pattern.trim()),
                None => (false, trimmed),
            };
            if pattern.is_empty() {
                return Err(bad("nothing follows the `!`"));
            }
            let cleaned = clean(pattern);
            let pattern = pieces(cleaned.strip_prefix('/').unwrap_or(&cleaned)).map_err(bad)?;
            rules.push(Rule { is_exception, pattern });
        }
        Ok(Self { rules })
    }

    /// Whether a file or folder (relative to the folder that is built, separated by `/`) is left out. What is in a folder
    /// has to be asked for by itself: an exception may bring it back.
    #[must_use]
    pub fn leaves_out(&self, path: &str) -> bool {
        let path: Vec<char> = path.chars().collect();
        let mut is_out = false;
        for rule in &self.rules {
            // Only a rule of the other kind changes anything.
            if rule.is_exception == is_out && matches_it_or_above(&rule.pattern, &path) {
                is_out = !rule.is_exception;
            }
        }
        is_out
    }

    /// Whether something below a folder that is left out may be brought back.
    #[must_use]
    pub fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|r| r.is_exception)
    }
}

/// A path without empty parts, `.` and `..`, as Go's `filepath.Clean` makes it.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => drop(parts.pop()),
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (path.starts_with('/'), joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

fn pieces(pattern: &str) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    // `**x` without other wildcards is whatever ends in `x`, which need not be a whole name.
    let is_ending = |rest: &str| !rest.starts_with('/') && !rest.contains(['*', '?', '[', ']', '\\']);
    let mut rest = pattern.chars().peekable();
    if let Some(ending) = pattern.strip_prefix("**").filter(|ending| is_ending(ending)) {
        pieces.push(Piece::Rest);
        rest = ending.chars().peekable();
    }
    while let Some(c) = rest.next() {
        let piece = match c {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                if rest.peek().is_none() {
                    Piece::Rest
                } else {
                    pieces.push(Piece::Maybe);
                    Piece::Folders
                }
            }
            '*' => Piece::Star,
            '?' => Piece::Any,
            '[' => class(&mut rest)?,
            '\\' => Piece::Char(rest.next().ok_or("nothing follows the `\\`")?),
            c => Piece::Char(c),
        };
        pieces.push(piece);
    }
    Ok(pieces)
}

/// What follows a `[`.
fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Piece, &'static str> {
    const OPEN: &str = "a `[` is not closed";
    let is_inverted = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    let end = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| match rest.next().ok_or(OPEN)? {
        '\\' => rest.next().ok_or(OPEN),
        '-' | ']' => Err("a `-` or `]` in a `[...]` needs a `\\` before it"),
        c => Ok(c),
    };
    while ranges.is_empty() || rest.next_if_eq(&']').is_none() {
        let low = end(rest)?;
        let high = if rest.next_if_eq(&'-').is_some() { end(rest)? } else { low };
        if low > high {
            return Err("a range in it runs backwards");
        }
        ranges.push((low, high));
    }
    Ok(Piece::Class { is_inverted, ranges })
}

/// Whether a pattern matches the path, or a folder that it lies in.
fn matches_it_or_above(pattern: &[Piece], path: &[char]) -> bool {
    // The pieces that may come next, so that no pattern takes longer than its length times the path's.
    let mut next = vec![false; pattern.len() + 1];
    next[0] = true;
    pass_empty(pattern, &mut next);
    for (at, c) in path.iter().enumerate() {
        if *c == '/' && at > 0 && next[pattern.len()] {
            return true;
        }
        let mut after = vec![false; pattern.len() + 1];
        for (i, piece) in pattern.iter().enumerate().filter(|(i, _)| next[*i]) {
            match piece {
                Piece::Char(want) => after[i + 1] |= want == c,
                Piece::Any => after[i + 1] |= *c != '/',
                Piece::Class { is_inverted, ranges } => {
                    after[i + 1] |=
                        ranges.iter().any(|(low, high)| (low..=high).contains(&c)) != *is_inverted;
                }
                Piece::Star => after[i] |= *c != '/',
                Piece::Rest => after[i] = true,
                Piece::Maybe => {}
                Piece::Folders => {
                    after[i] = true;
                    after[i + 1] |= *c == '/';
                }
            }
        }
        pass_empty(pattern, &mut after);
        next = after;
    }
    next[pattern.len()]
}

/// Pieces that may stand for nothing.
fn pass_empty(pattern: &[Piece], next: &mut [bool]) {
    for (i, piece) in pattern.iter().enumerate().filter(|(_, p)| !matches!(p, Piece::Folders)) {
        if next[i] && matches!(piece, Piece::Star | Piece::Rest | Piece::Maybe) {
            next[i + 1] = true;
            if *piece == Piece::Maybe {
                next[i + 2] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn leaves_out(patterns: &str, path: &str) -> bool {
        DockerIgnore::parse(patterns).unwrap().leaves_out(path)
    }

    #[test]
    fn one_pattern() {
        // Pattern, what it leaves out, what it does not.
        for (pattern, out, not) in [
            // What is documented of Docker.
            ("*/temp*", "a/temporary.txt a/temp a/temp/x", "temp a/b/temp"),
            ("*/*/temp*", "a/b/temporary.txt", "a/temp temp a/b/c/temp"),
            ("temp?", "tempa tempb/x", "temp tempab a/tempa"),
            ("/foo/bar", "foo/bar foo/bar/x", "foo a/foo/bar bar"),
            ("foo/bar", "foo/bar", "a/foo/bar"),
            ("**/*.go", "main.go a/b/main.go", "main.got"),
            ("*.md", "README.md", "docs/README.md"),
            // Only from the top, unlike Git's.
            ("keys.env", "keys.env", "config/keys.env"),
            ("*.csv", "data.csv x.csv/y", "data/a.csv"),
            ("node_modules", "node_modules node_modules/x/y.js", "web/node_modules"),
            ("**/node_modules", "node_modules web/node_modules/x", "web/node_modules2"),
            ("secret/", "secret secret/x", "a/secret"),
            ("./a//b/../c", "a/c", "a/b"),
            ("  spaced  ", "spaced", "x"),
            ("*", "a .hidden a/b", ""),
            ("**", "a a/b/c", ""),
            ("**/**", "a a/b", ""),
            ("a/**", "a/b a/b/c", "a"),
            ("**/dir2/*", "dir2/f a/dir2/f a/dir2/f/g", "a/dir2"),
            ("**/dir2/**", "a/dir2/b/c", "dir2 a/dir2"),
            ("**file", "file a/file a/xfile xfile", "file.txt"),
            ("**file*", "file1 a/file1", "a/xfile1"),
            ("**.log", "a.log b/c.log", "a.logs"),
            ("a**/*.txt", "a/f.txt a/b/f.txt ab.txt", "f.txt b/f.txt"),
            ("a**b", "ab ax/b", "axb"),
            ("a/*.txt**", "a/f.txt a/f.txtx", "a/b/f.txt"),
            (".*", ".foo .git/x", "foo a/.foo"),
            ("abc.def", "abc.def", "abcdef abcZdef"),
            ("a?b", "a☺b", "a/b ab"),
            ("a*b*c*d*e*/f", "axbxcxdxe/f axbxcxdxexxx/f", "axbxcxdxe/xxx/f axbxcxdxexxx/fff"),
            ("a[b-d]e", "ace ade", "ae aae"),
            ("a[^b-d]e", "aze", "ace"),
            ("[a-ζ]*", "αx", ""),
            (r"[\]a]", "] a", "b"),
            (r"[x\-]", "x -", "z"),
            (r"a\*b", "a*b", "ab axb"),
            ("a(b)c.|$}+{x", "a(b)c.|$}+{x", "a(b)c"),
            ("Data.csv", "Data.csv", "data.csv"),
            ("/", "", "a a/b"),
            (".", "", "a a/b"),
            ("../x", "", "x"),
        ] {
            for path in out.split_whitespace() {
                assert!(leaves_out(pattern, path), "{pattern} leaves out {path}");
            }
            for path in not.split_whitespace() {
                assert!(!leaves_out(pattern, path), "{pattern} does not leave out {path}");
            }
        }
    }

    #[test]
    fn the_last_that_matches_decides() {
        for (patterns, out, not) in [
            ("*.md\n!README.md", "a.md", "README.md b"),
            ("*.md\n!README*.md\nREADME-secret.md", "a.md README-secret.md", "README-x.md"),
            ("*.md\nREADME-secret.md\n!README*.md", "a.md", "README-secret.md"),
            ("!a\n*", "a b", ""),
            ("docs\n!docs/README.md", "docs docs/x", "docs/README.md"),
            ("docs/*\n!docs/README.md", "docs/x", "docs docs/README.md"),
            ("**\n!util/web", "util util/x a", "util/web util/web/foo"),
            ("**\n!util/web\nutil/web/foo", "util/web/foo", "util/web/bar"),
            ("*\n!src\n!*.txt\n  ! /main.py", "README.md data/x", "src/a.py requirements.txt main.py"),
            ("# a\n #b\n\n\t\nx", "x #b", "a b"),
        ] {
            for path in out.split_whitespace() {
                assert!(leaves_out(patterns, path), "{patterns:?} leaves out {path}");
            }
            for path in not.split_whitespace() {
                assert!(!leaves_out(patterns, path), "{patterns:?} does not leave out {path}");
            }
        }
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        let mut out = String::new();
        for pattern in
            ["x\n!", "[", "a[", "[^", "[^bc", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "\\", "[z-a]"]
        {
            out += &format!("{}\n", DockerIgnore::parse(pattern).unwrap_err());
        }
        expect![[r#"
            line 2: `!` is not a pattern: nothing follows the `!`
            line 1: `[` is not a pattern: a `[` is not closed
            line 1: `a[` is not a pattern: a `[` is not closed
            line 1: `[^` is not a pattern: a `[` is not closed
            line 1: `[^bc` is not a pattern: a `[` is not closed
            line 1: `[]a]` is not a pattern: a `-` or `]` in a `[...]` needs a `\` before it
            line 1: `[-]` is not a pattern: a `-` or `]` in a `[...]` needs a `\` before it
            line 1: `[x-]` is not a pattern: a `-` or `]` in a `[...]` needs a `\` before it
            line 1: `[-x]` is not a pattern: a `-` or `]` in a `[...]` needs a `\` before it
            line 1: `[a-b-c]` is not a pattern: a `-` or `]` in a `[...]` needs a `\` before it
            line 1: `\` is not a pattern: nothing follows the `\`
            line 1: `[z-a]` is not a pattern: a range in it runs backwards
        "#]]
        .assert_eq(&out);
    }

    #[test]
    fn no_pattern_takes_long() {
        let pattern = format!("{}b", "*a".repeat(200));
        assert!(!leaves_out(&pattern, &"a".repeat(2000)));
        let folders = format!("{}b", "**/a/".repeat(100));
        assert!(!leaves_out(&folders, &"a/".repeat(1000)));
    }
}
