use std::path::Path;

use expect_test::{Expect, expect};
use tar::{Builder, EntryType, Header};

use super::{Limits, unpack};

/// Path, kind, content or link target.
type Entry<'a> = (&'a str, EntryType, &'a str);

fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o6755);
        header.set_uid(4242);
        // Around the library's own checks: others write tars too.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        let body: &[u8] = if kind.is_symlink() || kind.is_hard_link() {
            header.as_mut_bytes()[157..157 + content.len()].copy_from_slice(content.as_bytes());
            &[]
        } else {
            content.as_bytes()
        };
        header.set_size(body.len() as u64);
        header.set_cksum();
        builder.append(&header, body).unwrap();
    }
    builder.into_inner().unwrap()
}

fn list(dir: &Path, below: &Path, out: &mut Vec<String>) {
    let mut entries: Vec<_> = std::fs::read_dir(dir.join(below)).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = below.join(entry.file_name());
        out.push(path.display().to_string());
        if entry.file_type().unwrap().is_dir() {
            list(dir, &path, out);
        }
    }
}

fn check(entries: &[Entry<'_>], expected: Expect) {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("source");
    std::fs::create_dir(&dir).unwrap();
    let result = unpack(&tar(entries)[..], &dir, Limits { bytes: 100, entries: 5 });
    let outside: Vec<_> = std::fs::read_dir(outer.path()).unwrap().collect();
    assert_eq!(outside.len(), 1, "nothing may be written beside the folder");
    let shown = match result {
        Ok(()) => {
            let mut out = Vec::new();
            list(&dir, Path::new(""), &mut out);
            out.join(" ")
        }
        Err(error) => format!("{}: {error}", error.status().as_u16()),
    };
    expected.assert_eq(&shown);
}

const FILE: EntryType = EntryType::Regular;
const LINK: EntryType = EntryType::Symlink;

#[test]
fn what_is_taken() {
    check(
        &[
            ("./", EntryType::Directory, ""),
            ("./main.py", FILE, "print()"),
            ("sub/a", FILE, "a"),
            ("sub/up", LINK, "../main.py"),
            ("hard", EntryType::Link, "main.py"),
        ],
        expect!["hard main.py sub sub/a sub/up"],
    );
    check(&[("dangling", LINK, "not/there")], expect!["dangling"]);
}

#[test]
fn what_is_refused() {
    let escapes = |path: &str| {
        format!(
            "400: `{path}` leads out of the folder\n  hint: a source has to be complete in itself; copy what the link points to"
        )
    };
    for entries in [
        &[("/etc/x", FILE, "x")][..],
        &[("../x", FILE, "x")],
        &[("a/../../x", FILE, "x")],
        &[("x", LINK, "/etc/passwd")],
        &[("x", LINK, "../secret")],
        &[("x", EntryType::Link, "../secret")],
    ] {
        let outer = tempfile::tempdir().unwrap();
        let error = unpack(&tar(entries)[..], outer.path(), Limits { bytes: 100, entries: 5 }).unwrap_err();
        assert_eq!(format!("{}: {error}", error.status().as_u16()), escapes(entries[0].0));
    }
    check(
        &[("pipe", EntryType::Fifo, "")],
        expect![[r#"
        400: `pipe` is neither a file, a folder nor a link
          hint: exclude it in .dormouseignore"#]],
    );
    check(
        &[("a", FILE, &"x".repeat(101))],
        expect![[r#"
        413: the source has more than 100 bytes
          hint: exclude data, caches and virtual environments in .dormouseignore"#]],
    );
    check(
        &[("a", FILE, ""); 6],
        expect![[r#"
        413: the source has more than 5 entries
          hint: exclude data, caches and virtual environments in .dormouseignore"#]],
    );
}

#[test]
fn a_chain_of_harmless_links_does_not_lead_out() {
    // By its letters `t` is `d/e`; by its links it is the folder above the root.
    check(
        &[
            ("d/e/", EntryType::Directory, ""),
            ("d/e/s", LINK, "../.."),
            ("t", LINK, "d/e/s/.."),
            ("t/x", FILE, "x"),
        ],
        expect![[r#"
            400: `t/x` leads out of the folder
              hint: a source has to be complete in itself; copy what the link points to"#]],
    );
    check(
        &[("d/e/", EntryType::Directory, ""), ("d/e/s", LINK, "../.."), ("t", LINK, "d/e/s/..")],
        expect![[r#"
            400: `t` leads out of the folder
              hint: a source has to be complete in itself; copy what the link points to"#]],
    );
}

#[test]
fn special_bits_and_owners_are_not_taken_over() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    unpack(&tar(&[("a", FILE, "a")])[..], dir.path(), Limits { bytes: 100, entries: 5 }).unwrap();
    let meta = std::fs::metadata(dir.path().join("a")).unwrap();
    assert_eq!((meta.mode() & 0o7000, meta.uid() == 4242), (0, false));
}
