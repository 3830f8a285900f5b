//! Which version of control groups the host uses, and where it is mounted.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use super::{Groups, V1, V2, v1};

/// Controllers without which there are no sandboxes.
const NEEDED: [&str; 4] = ["memory", "cpu", "pids", "freezer"];

/// Those of version 1 that are used where they are: for accounting, and for shares of the disk.
const HELPFUL: [&str; 2] = ["cpuacct", v1::DISK];

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Version 1: each controller's mount point. Also a hybrid host, whose version 2 mount has no controllers.
    V1(BTreeMap<String, PathBuf>),
    /// Version 2: its mount point.
    V2(PathBuf),
    /// A needed controller is in neither; which ones are missing from version 1.
    Missing(Vec<String>),
}

/// Look at what is mounted, as told by `/proc/self/mountinfo`'s text and, for version 2, its list of controllers.
fn from_mounts(mountinfo: &str, v2_controllers: impl Fn(&str) -> String) -> Found {
    let mut v1 = BTreeMap::new();
    let mut v2 = None;
    for line in mountinfo.lines() {
        let Some((mount, filesystem)) = line.split_once(" - ") else { continue };
        // A mount point's fourth field is the root of the mount inside its hierarchy, its fifth where it is.
        let Some(target) = mount.split(' ').nth(4) else { continue };
        let mut fields = filesystem.split(' ');
        match (fields.next(), fields.nth(1)) {
            (Some("cgroup"), Some(options)) => {
                for option in options.split(',') {
                    v1.entry(option.to_owned()).or_insert_with(|| PathBuf::from(target));
                }
            }
            (Some("cgroup2"), _) => v2 = v2.or(Some(target)),
            (Some(_) | None, _) => {}
        }
    }
    if let Some(root) = v2 {
        let has = v2_controllers(root);
        let has: Vec<&str> = has.split_whitespace().collect();
        // The freezer is part of version 2 itself.
        if NEEDED.iter().all(|n| *n == "freezer" || has.contains(n)) {
            return Found::V2(root.into());
        }
    }
    let missing: Vec<String> =
        NEEDED.iter().filter(|n| !v1.contains_key(**n)).map(|n| (*n).to_owned()).collect();
    if !missing.is_empty() {
        return Found::Missing(missing);
    }
    v1.retain(|name, _| NEEDED.contains(&name.as_str()) || HELPFUL.contains(&name.as_str()));
    Found::V1(v1)
}

/// Look at what this host has.
///
/// # Errors
/// When `/proc/self/mountinfo` cannot be read.
pub fn find() -> io::Result<Found> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(from_mounts(&mounts, |root| {
        fs::read_to_string(PathBuf::from(root).join("cgroup.controllers")).unwrap_or_default()
    }))
}

/// The groups of the server called `tag` on this host.
///
/// # Errors
/// When the host has no usable control groups, or our folder in them cannot be made.
pub fn detect(tag: &str) -> io::Result<Box<dyn Groups>> {
    match find()? {
        Found::V1(mounts) => Ok(Box::new(V1::new(mounts, tag)?)),
        Found::V2(root) => Ok(Box::new(V2::new(root, tag)?)),
        Found::Missing(which) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "no control groups for {}\n  hint: mount cgroup2 on /sys/fs/cgroup, or boot without `cgroup_disable`",
                which.join(", ")
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn versions() {
        let v1 = "30 1 0:20 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                  31 1 0:21 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                  32 1 0:22 / /sys/fs/cgroup/freezer rw shared:4 - cgroup cgroup rw,freezer\n\
                  34 1 0:24 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n\
                  35 1 0:25 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n\
                  33 1 0:23 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
        let v2 = "40 1 0:30 / /sys/fs/cgroup rw shared:1 - cgroup2 cgroup2 rw\n";
        let hybrid = format!("{v1}41 1 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
        let all = |_: &str| "cpuset cpu io memory pids".to_owned();
        let none = |_: &str| String::new();
        let show = |f: Found| match f {
            Found::V1(m) => {
                m.iter().map(|(k, v)| format!("{k}={}", v.display())).collect::<Vec<_>>().join(" ")
            }
            Found::V2(root) => format!("v2 {}", root.display()),
            Found::Missing(m) => format!("missing {}", m.join(" ")),
        };
        let rows = [
            ("v1", show(from_mounts(v1, none))),
            ("v2", show(from_mounts(v2, all))),
            ("hybrid, empty v2", show(from_mounts(&hybrid, none))),
            ("v2 without controllers", show(from_mounts(v2, none))),
            ("nothing", show(from_mounts("", none))),
        ];
        let table = rows.map(|(what, got)| format!("{what}: {got}\n")).concat();
        expect![[r"
            v1: blkio=/sys/fs/cgroup/blkio cpu=/sys/fs/cgroup/cpu,cpuacct cpuacct=/sys/fs/cgroup/cpu,cpuacct freezer=/sys/fs/cgroup/freezer memory=/sys/fs/cgroup/memory pids=/sys/fs/cgroup/pids
            v2: v2 /sys/fs/cgroup
            hybrid, empty v2: blkio=/sys/fs/cgroup/blkio cpu=/sys/fs/cgroup/cpu,cpuacct cpuacct=/sys/fs/cgroup/cpu,cpuacct freezer=/sys/fs/cgroup/freezer memory=/sys/fs/cgroup/memory pids=/sys/fs/cgroup/pids
            v2 without controllers: missing memory cpu pids freezer
            nothing: missing memory cpu pids freezer
        "]]
        .assert_eq(&table);
    }
}
