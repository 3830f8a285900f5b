//! The toolchain of the machine's operator.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{HostRust, hostnet::Host, language::rust::plan::RustVersion};

/// A toolchain in a folder of its own, which works wherever it is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostToolchain {
    pub(super) folder: PathBuf,
    pub(super) version: RustVersion,
    /// What `rustc -vV` says: equal ones compile equally.
    pub(super) identity: String,
}

/// Folders that belong to the whole system: parts of a toolchain there lean on the host's own libraries.
const SYSTEM: [&str; 3] = ["/", "/usr", "/usr/local"];

impl HostToolchain {
    /// The one that `wish` means, the installed one of `channel` before others of the same operator. `Err` says why
    /// there is none.
    pub(super) fn find(host: &Host, wish: &HostRust, channel: Option<&str>) -> Result<Self, String> {
        let folder = match wish {
            HostRust::Never => return Err("this server lends builds none of its own".to_owned()),
            HostRust::At(folder) => folder.clone(),
            HostRust::Auto => sysroot(host)?,
        };
        let sibling = channel.filter(|_| *wish == HostRust::Auto).and_then(|c| sibling(&folder, c));
        Self::at(&sibling.unwrap_or(folder))
    }

    fn at(folder: &Path) -> Result<Self, String> {
        let shown = folder.display();
        if SYSTEM.iter().any(|s| folder == Path::new(s)) {
            return Err(format!(
                "this host's own is part of {shown}, and leans on libraries that no sandbox has"
            ));
        }
        if !folder.join("bin/cargo").is_file() || !folder.join("lib/rustlib").is_dir() {
            return Err(format!("{shown} holds no bin/cargo and lib/rustlib"));
        }
        let identity = ask(&folder.join("bin/rustc"), &["-vV"])?;
        let version = identity.lines().find_map(|l| l.strip_prefix("release: ")?.parse().ok());
        let version = version.ok_or_else(|| format!("the rustc in {shown} does not say its version"))?;
        Ok(Self { folder: folder.to_owned(), version, identity })
    }
}

/// Where the operator's `rustc` keeps its parts; it may be rustup's, which only knows where the real one is.
fn sysroot(host: &Host) -> Result<PathBuf, String> {
    let path = host.var("PATH").unwrap_or_default();
    let cargo_home = host.var("CARGO_HOME").map_or_else(|| host.home(".cargo"), PathBuf::from);
    let folders = std::env::split_paths(path).chain([cargo_home.join("bin")]);
    let rustc = folders.map(|f| f.join("rustc")).find(|p| p.is_absolute() && p.is_file());
    let rustc = rustc.ok_or_else(|| "this host has none".to_owned())?;
    Ok(PathBuf::from(ask(&rustc, &["--print", "sysroot"])?.trim()))
}

/// Ask a program of the operator's, in a folder that says nothing of toolchains.
fn ask(program: &Path, args: &[&str]) -> Result<String, String> {
    let failed = |why: String| format!("{} {}: {why}", program.display(), args.join(" "));
    let done =
        Command::new(program).args(args).current_dir("/").output().map_err(|e| failed(e.to_string()))?;
    if !done.status.success() {
        return Err(failed(String::from_utf8_lossy(&done.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// rustup keeps toolchains side by side, each called by its channel and this machine's kind: `1.92.0-x86_64-…`.
fn sibling(folder: &Path, channel: &str) -> Option<PathBuf> {
    let own = folder.file_name()?.to_str()?;
    let machine = own.split_once('-').map(|(_, machine)| machine)?;
    let wanted = [channel.to_owned(), format!("{channel}-{machine}")];
    // Names are compared, never joined: the channel is whatever the source says.
    let mut all = fs::read_dir(folder.parent()?).ok()?.flatten();
    all.find(|e| e.file_name().to_str().is_some_and(|n| wanted.iter().any(|w| w == n))).map(|e| e.path())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_operators_toolchain() {
        let dir = tempfile::tempdir().unwrap();
        let toolchains = dir.path().join("toolchains");
        for (name, release) in [("stable-x86_64-test", "1.95.0"), ("1.92.0-x86_64-test", "1.92.0")] {
            let folder = toolchains.join(name);
            program(&folder.join("bin/rustc"), &format!("echo rustc; echo 'release: {release}'"));
            program(&folder.join("bin/cargo"), "");
            fs::create_dir_all(folder.join("lib/rustlib")).unwrap();
        }
        let stable = toolchains.join("stable-x86_64-test");
        let proxy = |to: &str| program(&dir.path().join("bin/rustc"), &format!("echo {to}"));
        let env = [("PATH".to_owned(), format!("/nowhere:{}/bin", dir.path().display()))];
        let host = Host::new(Path::new("/"), dir.path(), env.into());
        let find = |wish: &HostRust, channel: Option<&str>| match HostToolchain::find(&host, wish, channel) {
            Ok(found) => format!("{} {}", found.folder.file_name().unwrap().display(), found.version),
            Err(why) => why.replace(dir.path().to_str().unwrap(), "…"),
        };
        assert_eq!(find(&HostRust::Auto, None), "this host has none");
        proxy(stable.to_str().unwrap());
        assert_eq!(find(&HostRust::Auto, None), "stable-x86_64-test 1.95");
        assert_eq!(find(&HostRust::Auto, Some("1.92.0")), "1.92.0-x86_64-test 1.92");
        assert_eq!(find(&HostRust::Auto, Some("../../etc")), "stable-x86_64-test 1.95");
        assert_eq!(find(&HostRust::Never, None), "this server lends builds none of its own");
        let other = HostRust::At(toolchains.join("1.92.0-x86_64-test"));
        assert_eq!(find(&other, Some("stable")), "1.92.0-x86_64-test 1.92");
        assert_eq!(
            find(&HostRust::At(toolchains.join("none")), None),
            "…/toolchains/none holds no bin/cargo and lib/rustlib"
        );
        proxy("/usr");
        assert_eq!(
            find(&HostRust::Auto, None),
            "this host's own is part of /usr, and leans on libraries that no sandbox has"
        );
    }
}
