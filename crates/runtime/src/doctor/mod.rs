//! Can this machine run us, and what to do when not.

mod bandwidth;
mod network;
mod swap;

use std::{fs, path::Path};

use serde::Serialize;

use crate::{
    disk::{self, Shortage},
    host::takers,
    machine::nearest,
    modules,
    net::Bandwidth,
    swap::SwapSettings,
};

/// What a look at one thing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, with something missing.
    Warn,
    /// Apps cannot run.
    Fail,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// What it came to.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
    /// What to do about it; `None` when nothing is to be done.
    pub hint: Option<String>,
}

impl Check {
    /// Nothing to do.
    #[must_use]
    pub fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, detail: detail.into(), hint: None }
    }

    /// It works, but.
    #[must_use]
    pub fn warn(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warn, detail: detail.into(), hint: Some(hint.into()) }
    }

    /// It does not work.
    #[must_use]
    pub fn fail(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Fail, detail: detail.into(), hint: Some(hint.into()) }
    }
}

/// Overlay layers may be idmapped mounts since this version, which is how root inside is nobody outside.
const KERNEL: (u32, u32) = (5, 19);

/// Look at everything that sandboxes, networks and sleep need. `state` is where the server would live.
#[must_use]
pub fn examine(state: &Path, settings: SwapSettings, bandwidth: Option<&Bandwidth>) -> Vec<Check> {
    let is_root = nix::unistd::geteuid().is_root();
    vec![
        privileges(is_root),
        kernel(&fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default()),
        cgroups(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()),
        overlay(&fs::read_to_string("/proc/filesystems").unwrap_or_default(), || {
            modules::is_loadable("overlay")
        }),
        user_namespaces(),
        seccomp(),
        forwarding(),
        network::network(is_root),
        bandwidth::bandwidth(is_root, state, bandwidth),
        swap::swap(state, settings),
        free(state),
        disks(disk::what_lacks()),
        filesystem(state),
    ]
}

fn privileges(is_root: bool) -> Check {
    if is_root {
        Check::ok("privileges", "running as root")
    } else {
        Check::fail(
            "privileges",
            "not root",
            "run it with sudo: namespaces, mounts and networks need root; the apps themselves never run as root outside",
        )
    }
}

fn kernel(release: &str) -> Check {
    let release = release.trim();
    let mut numbers = release.split(['.', '-']).map_while(|n| n.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= KERNEL {
        Check::ok("kernel", release)
    } else {
        Check::fail(
            "kernel",
            format!("{release} is older than {}.{}", KERNEL.0, KERNEL.1),
            "install a newer kernel: overlay layers cannot be idmapped before",
        )
    }
}

/// Fields of proc_pid_mountinfo(5): the type and the super options stand after ` - `.
fn cgroups(mountinfo: &str) -> Check {
    let mounts = || {
        mountinfo.lines().filter_map(|l| {
            let (front, back) = l.split_once(" - ")?;
            let at = front.split(' ').nth(4)?;
            let mut back = back.split(' ');
            Some((at, back.next()?, back.nth(1)?))
        })
    };
    let v1 = |controller: &str| {
        mounts().any(|(_, kind, options)| kind == "cgroup" && options.split(',').any(|o| o == controller))
    };
    if v1("memory") {
        let missing: Vec<_> = ["memory", "cpu", "pids", "freezer"].into_iter().filter(|c| !v1(c)).collect();
        return if missing.is_empty() {
            Check::ok("cgroups", "version 1: memory, cpu, pids, freezer")
        } else {
            Check::fail(
                "cgroups",
                format!("version 1 without {}", missing.join(", ")),
                "mount the missing controllers, or boot with systemd.unified_cgroup_hierarchy=1",
            )
        };
    }
    let Some((at, ..)) = mounts().find(|(_, kind, _)| *kind == "cgroup2") else {
        return Check::fail("cgroups", "none are mounted", "mount -t cgroup2 none /sys/fs/cgroup");
    };
    let controllers = fs::read_to_string(Path::new(at).join("cgroup.controllers")).unwrap_or_default();
    let missing: Vec<_> = ["memory", "cpu", "pids"]
        .into_iter()
        .filter(|c| !controllers.split_whitespace().any(|x| x == *c))
        .collect();
    if missing.is_empty() {
        Check::ok("cgroups", "version 2: memory, cpu, pids")
    } else {
        Check::fail(
            "cgroups",
            format!("version 2 without {}", missing.join(", ")),
            "enable them: boot with cgroup_enable=memory, and delegate all controllers to us",
        )
    }
}

fn overlay(filesystems: &str, loadable: impl Fn() -> bool) -> Check {
    let known = filesystems.lines().any(|l| l.split_whitespace().last() == Some("overlay"));
    if known {
        Check::ok("overlayfs", "known to the kernel")
    } else if loadable() {
        Check::ok("overlayfs", "loaded when it is needed")
    } else {
        Check::fail("overlayfs", "not known to the kernel", "use a kernel with CONFIG_OVERLAY_FS")
    }
}

fn user_namespaces() -> Check {
    let most = fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
    match most.trim().parse::<u64>() {
        Ok(0) => Check::fail(
            "user namespaces",
            "switched off",
            "sysctl user.max_user_namespaces=15000: without them root inside would be root outside",
        ),
        Ok(n) => Check::ok("user namespaces", format!("up to {n}")),
        Err(_) => {
            Check::fail("user namespaces", "not known to the kernel", "use a kernel with CONFIG_USER_NS")
        }
    }
}

fn seccomp() -> Check {
    if Path::new("/proc/sys/kernel/seccomp/actions_avail").exists() {
        Check::ok("seccomp", "filters are available")
    } else {
        Check::fail("seccomp", "no filters", "use a kernel with CONFIG_SECCOMP_FILTER")
    }
}

fn forwarding() -> Check {
    let name = "forwarding";
    match fs::read_to_string("/proc/sys/net/ipv4/ip_forward").as_deref().map(str::trim) {
        Ok("1") => Check::ok(name, "net.ipv4.ip_forward is on"),
        Ok(_) => Check::ok(name, "net.ipv4.ip_forward is off; `serve` switches it on"),
        Err(_) => Check::fail(name, "no IPv4", "sandboxes need IPv4 on the host"),
    }
}

/// A base, the tools and one Python app with a data stack take about this much.
const DISK: u64 = 3 << 30;

/// Filesystems that layers may lie on: they take writable overlays and mapped owners (mount_setattr(2)).
const GOOD: [(i64, &str); 5] = [
    (0xEF53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683E, "btrfs"),
    (0xF2F5_2010, "f2fs"),
    (0x0102_1994, "tmpfs"),
];

/// Filesystems that cannot be used, with what people know them by.
const BAD: [(i64, &str); 4] =
    [(0x794C_7630, "overlayfs"), (0x6969, "NFS"), (0x6573_5546, "FUSE"), (0x0102_1997, "9p")];

fn filesystem(state: &Path) -> Check {
    let (name, there) = ("filesystem", nearest(state));
    match rustix::fs::statfs(there) {
        Ok(stat) => {
            let of = |list: &[(i64, &'static str)]| {
                list.iter().find(|(magic, _)| *magic == stat.f_type).map(|(_, name)| *name)
            };
            match (of(&GOOD), of(&BAD)) {
                (Some(kind), _) => Check::ok(name, format!("{kind} at {}", there.display())),
                (None, Some(kind)) => Check::fail(
                    name,
                    format!("{} is on {kind}, which cannot hold images", there.display()),
                    "choose a folder on ext4, xfs or btrfs with --state",
                ),
                (None, None) => Check::warn(
                    name,
                    format!("{} is on a filesystem that was never tried", there.display()),
                    "if builds fail, choose a folder on ext4, xfs or btrfs with --state",
                ),
            }
        }
        Err(e) => {
            Check::fail(name, format!("{}: {e}", there.display()), "choose another folder with --state")
        }
    }
}

fn free(state: &Path) -> Check {
    let there = nearest(state);
    match nix::sys::statvfs::statvfs(there) {
        Ok(stat) => {
            let free = stat.blocks_available() * stat.fragment_size();
            let detail = format!("{:.1} GiB free at {}", gib(free), there.display());
            let low = Shortage::of(stat.blocks() * stat.fragment_size()).low();
            if free < low {
                let most = match &takers::takers(state)[..] {
                    [] => String::new(),
                    takers => format!("; most was taken by {}", takers::told(takers)),
                };
                Check::warn(
                    "disk",
                    format!("{detail}{most}"),
                    format!("make room: with less than {:.1} GiB apps are kept from writing more", gib(low)),
                )
            } else if free >= DISK {
                Check::ok("disk", detail)
            } else {
                Check::warn(
                    "disk",
                    detail,
                    format!("builds want {:.0} GiB; choose another disk with --state", gib(DISK)),
                )
            }
        }
        Err(e) => {
            Check::fail("disk", format!("{}: {e}", there.display()), "choose another folder with --state")
        }
    }
}

/// What `serve` tries, and warns of once where it fails.
fn disks(lacks: Option<&str>) -> Check {
    let name = "disks of apps";
    match lacks {
        None => Check::ok(name, "each has one of its own, as large as its manifest says"),
        Some(why) => Check::warn(
            name,
            format!("{why}, so what apps write is not bounded: one can fill the disk for all"),
            "install e2fsprogs, and give a container /dev/loop-control",
        ),
    }
}

#[allow(clippy::cast_precision_loss, reason = "for display")]
fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(found: &Check, expected: Expect) {
        expected.assert_eq(&format!(
            "{:?} {}: {} | {}",
            found.verdict,
            found.name,
            found.detail,
            found.hint.as_deref().unwrap_or("-")
        ));
    }

    #[test]
    fn what_apps_write() {
        check(
            &disks(None),
            expect!["Ok disks of apps: each has one of its own, as large as its manifest says | -"],
        );
        check(
            &disks(Some("there is no mke2fs")),
            expect![
                "Warn disks of apps: there is no mke2fs, so what apps write is not bounded: one can fill the disk for all | install e2fsprogs, and give a container /dev/loop-control"
            ],
        );
    }

    #[test]
    fn kernels() {
        check(&kernel("6.18.44-generic\n"), expect!["Ok kernel: 6.18.44-generic | -"]);
        check(&kernel("5.19.0\n"), expect!["Ok kernel: 5.19.0 | -"]);
        check(
            &kernel("5.15.0-91-generic"),
            expect![
                "Fail kernel: 5.15.0-91-generic is older than 5.19 | install a newer kernel: overlay layers cannot be idmapped before"
            ],
        );
    }

    #[test]
    fn cgroup_mounts() {
        let v1 = |names: &[&str]| {
            names
                .iter()
                .map(|n| {
                    format!("30 25 0:26 / /sys/fs/cgroup/{n} rw,relatime shared:9 - cgroup cgroup rw,{n}\n")
                })
                .collect::<String>()
        };
        check(
            &cgroups(&v1(&["memory", "cpu", "pids", "freezer"])),
            expect!["Ok cgroups: version 1: memory, cpu, pids, freezer | -"],
        );
        check(
            &cgroups(&v1(&["memory", "cpu"])),
            expect![
                "Fail cgroups: version 1 without pids, freezer | mount the missing controllers, or boot with systemd.unified_cgroup_hierarchy=1"
            ],
        );
        check(&cgroups(""), expect!["Fail cgroups: none are mounted | mount -t cgroup2 none /sys/fs/cgroup"]);
    }

    #[test]
    fn no_overlay() {
        let without = "nodev\tproc\n\text4\n";
        check(
            &overlay(without, || false),
            expect!["Fail overlayfs: not known to the kernel | use a kernel with CONFIG_OVERLAY_FS"],
        );
        check(&overlay(without, || true), expect!["Ok overlayfs: loaded when it is needed | -"]);
    }

    #[test]
    fn this_machine_is_examined() {
        let checks = examine(Path::new("/nonexistent/folder"), SwapSettings::default(), None);
        assert_eq!(checks.len(), 13);
        assert!(
            checks.iter().all(|c| c.verdict == Verdict::Ok || c.hint.is_some()),
            "a failure without a hint: {checks:?}"
        );
    }
}
