//! A test program without the usual harness: a sandbox begins as a re-execution of this very program.
#![allow(unreachable_pub, clippy::print_stdout)]

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

const BUSYBOX: [&str; 2] = ["/bin/busybox", "/usr/bin/busybox"];

/// A root with busybox in it.
pub fn fill(root: &Path) {
    let bin = root.join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::copy(BUSYBOX.iter().find(|p| Path::new(p).exists()).unwrap(), bin.join("busybox")).unwrap();
    for name in [
        "sh", "cat", "id", "ls", "mount", "unshare", "ps", "sleep", "touch", "stat", "rm", "head", "tail",
        "hostname", "mkdir", "chown", "kill", "grep", "true", "echo", "dd", "readlink", "mknod", "reboot",
        "wc", "tr", "cksum", "nc", "timeout", "mkfifo", "yes", "df", "cut", "sync",
    ] {
        symlink("busybox", bin.join(name)).unwrap();
    }
}

/// Run the tests that nextest or a person asks for, and leave.
pub fn main(tests: &[(&str, &dyn Fn())]) -> ! {
    dormouse_runtime::become_sandbox_if_asked();
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|a| a == "--list") {
        if !args.iter().any(|a| a == "--ignored") {
            tests.iter().for_each(|(name, _)| println!("{name}: test"));
        }
        std::process::exit(0);
    }
    let root = fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0);
    if !root || !BUSYBOX.iter().any(|p| Path::new(p).exists()) {
        println!("skipped: sandboxes need root and a static busybox (apt-get install busybox-static)");
        std::process::exit(0);
    }
    let exact = args.iter().any(|a| a == "--exact");
    let filter: Vec<&String> = args.iter().filter(|a| !a.starts_with("--")).collect();
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in tests {
        let wanted = |f: &&String| if exact { **f == *name } else { name.contains(f.as_str()) };
        if !filter.is_empty() && !filter.iter().any(wanted) {
            continue;
        }
        let ok = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        if ok { passed += 1 } else { failed += 1 }
    }
    println!("{passed} passed, {failed} failed");
    std::process::exit(i32::from(failed > 0));
}
