//! Commands in real sandboxes. Needs root and a static busybox; ignored where either is missing.
//!
//! Without the usual harness, because a sandbox begins as a re-execution of this very program.
#![allow(missing_docs)]

#[path = "support/bench.rs"]
mod bench;
mod support;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, symlink},
    process::ExitCode,
    time::{Duration, Instant},
};

use bench::Bench;
use dormouse_backend::Stream;
use dormouse_model::ExitStatus;
use dormouse_runtime::{Cut, Mount, Room, RunEnd, RunSpec, SandboxError};
use expect_test::{Expect, expect};
use tokio::sync::mpsc;

impl Bench {
    fn spec(&self, name: &str, argv: &[&str]) -> RunSpec {
        let env = BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into()), ("GREETING".into(), "hi".into())]);
        RunSpec { env, ..self.command(name, argv.iter().copied()) }
    }

    async fn run(&self, spec: RunSpec) -> Result<(RunEnd, String), SandboxError> {
        let (to, mut from) = mpsc::channel(100_000);
        let end = self.sandboxes.run(spec, to).await?;
        // Two pipes have no order between them: standard output first.
        let (mut text, mut errors) = (String::new(), String::new());
        while let Ok((stream, line)) = from.try_recv() {
            match stream {
                Stream::Out => text.push_str(&format!("{line}\n")),
                Stream::Err => errors.push_str(&format!("! {line}\n")),
            }
        }
        text.push_str(&errors);
        Ok((end, text))
    }

    async fn sh(&self, name: &str, script: &str) -> (RunEnd, String) {
        self.run(self.spec(name, &["sh", "-c", script])).await.unwrap()
    }

    async fn says(&self, name: &str, script: &str, expected: Expect) {
        let (end, text) = self.sh(name, script).await;
        expected.assert_eq(&format!("{text}{:?}\n", end.status));
    }
}

async fn it_is_root_in_its_own_world(b: &Bench) {
    let script = "id -u; hostname; pwd; echo $GREETING; while read inside _ many; do echo $inside $many; done </proc/self/uid_map; ls /; ls /dev; \
                  cat /proc/1/comm; cat /etc/hosts /etc/resolv.conf; ls /sys/class/net; readlink /proc/self/fd/0; \
                  grep -c . /proc/self/cgroup >/dev/null && cat /proc/self/cgroup | grep -v ':/$'";
    b.says(
        "world",
        script,
        expect![[r#"
            0
            world
            /
            hi
            0 65536
            bin
            dev
            etc
            proc
            sys
            tmp
            fd
            full
            mqueue
            null
            ptmx
            pts
            random
            shm
            stderr
            stdin
            stdout
            tty
            urandom
            zero
            dormouse-init
            127.0.0.1	localhost
            127.0.1.1	world
            nameserver 10.9.8.7
            lo
            /dev/null
            Code(1)
        "#]],
    )
    .await;
}

async fn layers_stay_owned_by_root_on_disk(b: &Bench) {
    let script = "echo new >/made; mkdir /folder; chown 33:44 /folder; rm /bin/wc; stat -c %u:%g /bin/busybox /made /folder";
    b.says(
        "owners",
        script,
        expect![[r#"
        0:0
        0:0
        33:44
        Code(0)
    "#]],
    )
    .await;
    let upper = b.upper("owners");
    let mut rows = String::new();
    for name in ["made", "folder", "bin/wc"] {
        let m = fs::symlink_metadata(upper.join(name)).unwrap();
        rows.push_str(&format!("{name} {}:{} {:o} rdev {}\n", m.uid(), m.gid(), m.mode(), m.rdev()));
    }
    expect![[r#"
        made 0:0 100644 rdev 0
        folder 33:44 40755 rdev 0
        bin/wc 0:0 20000 rdev 0
    "#]]
    .assert_eq(&rows);
    // Mount points and the files we write leave no trace.
    let mut left: Vec<_> =
        fs::read_dir(&upper).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["bin", "folder", "made"]);
    assert!(!upper.with_file_name("work-owners").exists());
}

async fn what_it_may_not_do(b: &Bench) {
    let script = "grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status | tr '\\t' ' ';\
        mount -t tmpfs x /tmp; unshare -U true; mknod /tmp/disk b 254 0; hostname evil; reboot -f; \
        echo 1 >/proc/sys/kernel/panic; head -c1 /proc/kcore 2>/dev/null | wc -c; \
        (echo b >/proc/sysrq-trigger) 2>/dev/null || echo no sysrq; \
        ls /sys/firmware | wc -l; cat /proc/sys/user/max_user_namespaces /proc/sys/user/max_net_namespaces; echo 1 >/sys/kernel/mm/x; ls /proc/1/exe; \
        dd if=/proc/1/mem count=1; kill -9 1; echo still here";
    b.says(
        "forbidden",
        script,
        expect![[r#"
            CapInh: 0000000000000000
            CapPrm: 00000000000004fb
            CapEff: 00000000000004fb
            CapBnd: 00000000000004fb
            CapAmb: 0000000000000000
            NoNewPrivs: 1
            Seccomp: 2
            0
            no sysrq
            0
            0
            0
            still here
            ! mount: permission denied (are you root?)
            ! unshare: unshare(0x10000000): Operation not permitted
            ! mknod: /tmp/disk: Operation not permitted
            ! hostname: sethostname: Operation not permitted
            ! reboot: (null): Operation not permitted
            ! sh: can't create /proc/sys/kernel/panic: Read-only file system
            ! sh: can't create /sys/kernel/mm/x: Read-only file system
            ! ls: /proc/1/exe: Permission denied
            ! dd: can't open '/proc/1/mem': Permission denied
            Code(0)
        "#]],
    )
    .await;
}

async fn ends_are_told(b: &Bench) {
    for (name, script, status) in [
        ("zero", "true", ExitStatus::Code(0)),
        ("seven", "exit 7", ExitStatus::Code(7)),
        ("term", "kill -TERM $$", ExitStatus::Signal(15)),
        // Orphans and daemons end with the command.
        ("orphan", "sleep 1000 & exit 3", ExitStatus::Code(3)),
    ] {
        assert_eq!(b.sh(name, script).await.0.status, status, "{name}");
    }
}

async fn commands_that_cannot_be_run(b: &Bench) {
    let mut rows = String::new();
    fs::write(b.dir.path().join("base/bin/text"), "x").unwrap();
    for (name, argv, cwd) in [
        ("x1", ["nothing"].as_slice(), "/"),
        ("x2", &["/bin/nothing"], "/"),
        ("x3", &["/etc"], "/"),
        ("x4", &["true"], "/nowhere"),
        ("x5", &[], "/"),
        ("x6", &["text"], "/"),
    ] {
        let mut spec = b.spec(name, argv);
        spec.cwd = cwd.into();
        rows.push_str(&format!("{}\n", b.run(spec).await.unwrap_err()));
    }
    expect![[r#"
        cannot run `nothing`: not found in PATH (/usr/bin:/bin)
        cannot run `/bin/nothing`: no such file (or its interpreter is missing)
        cannot run `/etc`: permission denied
        cannot run `true`: its working folder `/nowhere`: No such file or directory
        cannot run ``: it is empty
        cannot run `text`: permission denied
    "#]]
    .assert_eq(&rows);
}

async fn memory_limit_is_named(b: &Bench) {
    let mut spec = b.spec("oom", &["sh", "-c", "tail -c 300m /dev/zero | wc -c; tail -c 300m /dev/zero"]);
    spec.limits.memory = 64 << 20;
    let (end, _) = b.run(spec).await.unwrap();
    assert_eq!(end.status, ExitStatus::OutOfMemory);
    assert!(end.peak_memory > 60 << 20 && end.peak_memory <= 65 << 20, "{}", end.peak_memory);
}

async fn a_fork_bomb_hurts_only_itself(b: &Bench) {
    let mut spec = b.spec("bomb", &["sh", "-c", "b() { b | b & b; }; b"]);
    spec.limits.pids = 32;
    spec.time_limit = Duration::from_secs(2);
    let bomb = b.run(spec);
    let other = async {
        let start = Instant::now();
        let (end, _) = b.sh("bystander", "for i in 1 2 3 4 5; do sleep 0; done").await;
        (end.status, start.elapsed())
    };
    let (bomb, (bystander, _took)) = tokio::join!(bomb, other);
    assert_eq!(bystander, ExitStatus::Code(0));
    // It ends by itself once its shells cannot fork, or by its time limit; never with the host's help.
    let (bomb, _) = bomb.unwrap();
    assert!(bomb.cut.is_some() || bomb.status != ExitStatus::Code(0), "{bomb:?}");
}

async fn time_limit_and_dropping_kill_everything(b: &Bench) {
    let mut spec = b.spec("late", &["sh", "-c", "sleep 4242 & sleep 4242"]);
    spec.time_limit = Duration::from_millis(300);
    let (end, _) = b.run(spec).await.unwrap();
    assert_eq!(end.cut, Some(Cut::Time));
    let dropped = tokio::time::timeout(
        Duration::from_millis(300),
        b.run(b.spec("dropped", &["sh", "-c", "sleep 4242 & sleep 4242"])),
    );
    assert!(dropped.await.is_err());
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        assert!(!line.ends_with(b"sleep\x004242\0"), "{} is still there", entry.path().display());
    }
}

/// Bug: builds that only slept kept their places for as long as any may take.
async fn silence_is_told_from_work(b: &Bench) {
    for (name, script, cut) in [
        ("sleeps", "echo a; sleep 4243", Some(Cut::Silence)),
        ("computes", "while :; do :; done", Some(Cut::Time)),
        ("talks", "while :; do printf .; sleep 0.3; done", Some(Cut::Time)),
        ("ends", "sleep 0.3", None),
    ] {
        let mut spec = b.spec(name, &["sh", "-c", script]);
        (spec.time_limit, spec.silence_limit) = (Duration::from_secs(3), Some(Duration::from_secs(1)));
        let (end, _) = b.run(spec).await.unwrap();
        assert_eq!(end.cut, cut, "{name}");
    }
}

/// Bug: a build could fill the disk of all, with bytes or with files, in its layer or in what its next ones find.
async fn what_a_run_writes_is_bounded(b: &Bench) {
    let cache = b.dir.path().join("cache");
    fs::create_dir_all(&cache).unwrap();
    let much = "dd if=/dev/zero bs=1M count=100";
    for (name, script, spare, cut) in [
        ("little", "dd if=/dev/zero of=/a bs=1M count=30; sleep 0.2".to_owned(), 0, None),
        ("much", format!("{much} of=/a; sleep 60"), 0, Some(Cut::Bytes)),
        ("much for later", format!("{much} of=/cache/a; sleep 60"), 0, Some(Cut::Bytes)),
        ("much without a name", format!("exec 3>/a; rm /a; {much} >&3; sleep 60"), 0, Some(Cut::Bytes)),
        ("again and again", format!("for n in 1 2 3 4; do {much} count=40 of=/a; rm /a; done"), 0, None),
        (
            "many",
            "n=0; while [ $n -lt 5000 ]; do n=$((n+1)); echo >/tmp/$n; done; sleep 60".to_owned(),
            0,
            Some(Cut::Files),
        ),
        ("on a full disk", "sleep 60".to_owned(), u64::MAX, Some(Cut::Spare)),
    ] {
        let mut spec = b.spec(&name.replace(' ', "-"), &["sh", "-c", &script]);
        spec.limits.disk = 64 << 20;
        spec.mounts = vec![Mount { source: cache.clone(), target: "/cache".into(), read_only: false }];
        spec.room = Some(Room { folders: vec![], spare });
        let (end, _) = b.run(spec).await.unwrap();
        assert_eq!(end.cut, cut, "{name}");
        fs::remove_file(cache.join("a")).ok();
    }
}

async fn mounts_and_output(b: &Bench) {
    let host = b.dir.path().join("host");
    fs::create_dir_all(&host).unwrap();
    fs::write(host.join("file"), "from the host\n").unwrap();
    // An image cannot lead a mount out of its root.
    let base = b.dir.path().join("linked");
    fs::create_dir_all(base.join("opt")).unwrap();
    symlink("/../../../../../../tmp", base.join("opt/cache")).unwrap();
    let mut spec = b.spec(
        "mounts",
        &["sh", "-c", "cat /etc/ssl/file; echo x >/etc/ssl/file; ls /tmp; echo w >/tmp/written; stat -c %u /tmp/written; ls /etc"],
    );
    spec.lowers.insert(0, base);
    spec.mounts = vec![
        Mount { source: host.join("file"), target: "/etc/ssl/file".into(), read_only: true },
        Mount { source: host.clone(), target: "/opt/cache".into(), read_only: false },
    ];
    let (end, text) = b.run(spec).await.unwrap();
    expect![[r#"
        from the host
        file
        0
        hostname
        hosts
        resolv.conf
        ssl
        ! sh: can't create /etc/ssl/file: Read-only file system
        Code(0)
    "#]]
    .assert_eq(&format!("{text}{:?}\n", end.status));
    assert_eq!(fs::metadata(host.join("written")).unwrap().uid(), 0);
}

fn with(test: impl AsyncFnOnce(&Bench)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(test(&Bench::new()));
}

fn main() -> ExitCode {
    support::main(&[
        ("it_is_root_in_its_own_world", || with(it_is_root_in_its_own_world)),
        ("layers_stay_owned_by_root_on_disk", || with(layers_stay_owned_by_root_on_disk)),
        ("what_it_may_not_do", || with(what_it_may_not_do)),
        ("ends_are_told", || with(ends_are_told)),
        ("commands_that_cannot_be_run", || with(commands_that_cannot_be_run)),
        ("memory_limit_is_named", || with(memory_limit_is_named)),
        ("a_fork_bomb_hurts_only_itself", || with(a_fork_bomb_hurts_only_itself)),
        ("time_limit_and_dropping_kill_everything", || with(time_limit_and_dropping_kill_everything)),
        ("silence_is_told_from_work", || with(silence_is_told_from_work)),
        ("what_a_run_writes_is_bounded", || with(what_a_run_writes_is_bounded)),
        ("mounts_and_output", || with(mounts_and_output)),
    ])
}
