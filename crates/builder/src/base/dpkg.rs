//! dpkg's database, as `dpkg --unpack` would leave it: every package unpacked, none configured.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{
    deb::ControlFile,
    error::{At, BaseError},
    stanza::stanzas,
};

/// A package whose files are in place.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// Its paragraph, as in the archive.
    paragraph: String,
    /// What dpkg names its files after: `libc6:amd64` where several architectures may be installed, else `bash`.
    pub(super) info: String,
    pub(super) name: String,
    pub(super) version: String,
    conffiles: Vec<String>,
    scripts: BTreeMap<String, ControlFile>,
    list: Vec<String>,
}

/// The paths in a `conffiles` file. Lines with a flag in front name files to be removed.
pub(super) fn conffiles(text: &str) -> BTreeSet<PathBuf> {
    conffile_lines(text).filter_map(|l| Some(Path::new(l.strip_prefix('/')?).to_owned())).collect()
}

fn conffile_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|l| l.starts_with('/'))
}

impl Unpacked {
    /// `list` is every path of its data archive.
    pub(super) fn new(mut control: BTreeMap<String, ControlFile>, list: Vec<String>) -> Result<Self, String> {
        let text = |f: Option<ControlFile>| {
            f.map(|f| String::from_utf8_lossy(&f.bytes).into_owned()).unwrap_or_default()
        };
        let paragraph = text(control.remove("control")).trim().to_owned();
        let stanza = stanzas(&paragraph).next().ok_or("its control file is empty")?;
        let field = |name: &str| stanza.get(name).ok_or_else(|| format!("its control file has no {name}"));
        let (name, version) = (field("Package")?.to_owned(), field("Version")?.to_owned());
        // These become file names.
        let plain =
            |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !plain(&name) || !plain(field("Architecture")?) {
            return Err("its name is not one".to_owned());
        }
        let info = match stanza.get("Multi-Arch") {
            Some("same") => format!("{name}:{}", field("Architecture")?),
            Some(_) | None => name.clone(),
        };
        let conffiles = control.get("conffiles").map(|f| String::from_utf8_lossy(&f.bytes).into_owned());
        let conffiles = conffile_lines(&conffiles.unwrap_or_default()).map(str::to_owned).collect();
        control.retain(|name, _| plain(name));
        Ok(Self { paragraph, info, name, version, conffiles, scripts: control, list })
    }

    /// Whether it has a script to run before its files are there.
    pub(super) fn has_preinst(&self) -> bool {
        self.scripts.contains_key("preinst")
    }

    fn status(&self) -> String {
        let (first, rest) = self.paragraph.split_once('\n').unwrap_or((&self.paragraph, ""));
        let mut text = format!("{first}\nStatus: install ok unpacked\n{rest}\n");
        if !self.conffiles.is_empty() {
            text.push_str("Conffiles:\n");
            for file in &self.conffiles {
                text.push_str(&format!(" {file} newconffile\n"));
            }
        }
        text.push('\n');
        text
    }
}

/// Write the database of `packages` into `root`.
pub(super) fn write(root: &Path, packages: &[Unpacked]) -> Result<(), BaseError> {
    let admin = root.join("var/lib/dpkg");
    let info = admin.join("info");
    for dir in ["info", "updates", "triggers", "parts", "alternatives"] {
        let dir = admin.join(dir);
        fs::create_dir_all(&dir).at("create", &dir)?;
    }
    let put = |path: PathBuf, bytes: &[u8], executable: bool| {
        let mode = if executable { 0o755 } else { 0o644 };
        fs::write(&path, bytes)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
            .at("write", &path)
    };
    put(info.join("format"), b"1\n", false)?;
    put(admin.join("available"), b"", false)?;
    let status: String = packages.iter().map(Unpacked::status).collect();
    put(admin.join("status"), status.as_bytes(), false)?;
    for package in packages {
        for (name, file) in &package.scripts {
            put(info.join(format!("{}.{name}", package.info)), &file.bytes, file.executable)?;
        }
        let mut list = package.list.join("\n");
        list.push('\n');
        put(info.join(format!("{}.list", package.info)), list.as_bytes(), false)?;
    }
    for (file, lines) in triggers(packages) {
        put(admin.join("triggers").join(file), lines.as_bytes(), false)?;
    }
    Ok(())
}

/// Who wants to be told of what, by file of the database: paths in `File`, other names in one of their own.
fn triggers(packages: &[Unpacked]) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for package in packages {
        let Some(text) = package.scripts.get("triggers") else { continue };
        for line in String::from_utf8_lossy(&text.bytes).lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let await_ = match words.next() {
                Some("interest" | "interest-await") => "",
                Some("interest-noawait") => "/noawait",
                Some(_) | None => continue,
            };
            match words.next() {
                Some(path) if path.starts_with('/') => {
                    let line = format!("{path} {}{await_}\n", package.info);
                    files.entry("File".to_owned()).or_default().push_str(&line);
                }
                Some(name) if !name.contains('/') => {
                    let line = format!("{}{await_}\n", package.info);
                    files.entry(name.to_owned()).or_default().push_str(&line);
                }
                Some(_) | None => {}
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn unpacked(files: &[(&str, &str)]) -> Result<Unpacked, String> {
        let file = |text: &str| ControlFile { bytes: text.into(), executable: text.starts_with("#!") };
        let files = files.iter().map(|(n, t)| ((*n).to_owned(), file(t))).collect();
        Unpacked::new(files, vec!["/.".into(), "/etc".into(), "/etc/x".into()])
    }

    #[test]
    fn the_database_of_two_packages() {
        let a = unpacked(&[
            (
                "control",
                "Package: a\nVersion: 1\nArchitecture: amd64\nMulti-Arch: same\nDescription: x\n y\n",
            ),
            ("conffiles", "/etc/x\nremove-on-upgrade /etc/old\n"),
            ("postinst", "#!/bin/sh\n"),
            ("triggers", "# c\ninterest-noawait /usr/lib/x\nactivate-noawait ldconfig\n"),
        ]);
        let b = unpacked(&[
            ("control", "Package: b\nVersion: 2\nArchitecture: all\n"),
            ("triggers", "interest b-trigger\ninterest /etc\n"),
        ]);
        let root = tempfile::tempdir().unwrap();
        write(root.path(), &[a.unwrap(), b.unwrap()]).unwrap();
        let admin = root.path().join("var/lib/dpkg");
        let mut text = String::new();
        for file in walkdir::WalkDir::new(&admin).sort_by_file_name() {
            let file = file.unwrap();
            if file.file_type().is_file() && file.metadata().unwrap().len() > 0 {
                let name = file.path().strip_prefix(&admin).unwrap().display();
                let mode = file.metadata().unwrap().permissions().mode() & 0o777;
                text += &format!("== {name} {mode:o}\n{}", fs::read_to_string(file.path()).unwrap());
            }
        }
        expect![[r#"
            == info/a:amd64.conffiles 644
            /etc/x
            remove-on-upgrade /etc/old
            == info/a:amd64.list 644
            /.
            /etc
            /etc/x
            == info/a:amd64.postinst 755
            #!/bin/sh
            == info/a:amd64.triggers 644
            # c
            interest-noawait /usr/lib/x
            activate-noawait ldconfig
            == info/b.list 644
            /.
            /etc
            /etc/x
            == info/b.triggers 644
            interest b-trigger
            interest /etc
            == info/format 644
            1
            == status 644
            Package: a
            Status: install ok unpacked
            Version: 1
            Architecture: amd64
            Multi-Arch: same
            Description: x
             y
            Conffiles:
             /etc/x newconffile

            Package: b
            Status: install ok unpacked
            Version: 2
            Architecture: all

            == triggers/File 644
            /usr/lib/x a:amd64/noawait
            /etc b
            == triggers/b-trigger 644
            b
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn names_never_become_other_paths() {
        for control in [
            "",
            "Package: a\n",
            "Package: ../../x\nVersion: 1\nArchitecture: all\n",
            "Package: a\nVersion: 1\nArchitecture: ../x\nMulti-Arch: same\n",
        ] {
            assert!(unpacked(&[("control", control)]).is_err(), "{control}");
        }
        let hostile = unpacked(&[
            ("control", "Package: a\nVersion: 1\nArchitecture: all\n"),
            ("a/../../x", "y"),
            ("triggers", "interest ../x\n"),
        ])
        .unwrap();
        assert_eq!(hostile.scripts.keys().collect::<Vec<_>>(), ["triggers"]);
        assert!(triggers(&[hostile]).is_empty());
    }
}
