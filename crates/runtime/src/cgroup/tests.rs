//! One suite for both versions. Version 2 runs on a tree of plain files where the host has no controllers for it.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command},
    sync::Arc,
    time::Duration,
};

use dormouse_model::Limits;
use expect_test::expect;

use super::{Found, Group, Groups, Place, Share, TOP, V1, V2, files, find};

const LIMITS: Limits = Limits { memory: 64 << 20, cpu_milli: 500, pids: 10, disk: 0 };
const MORE: Limits = Limits { memory: 128 << 20, cpu_milli: 700, pids: 20, disk: 0 };

fn shop(name: &str) -> Place {
    Place::of(&"shop".parse().unwrap(), name)
}

/// A process to put into groups, killed in the end.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        Self(Command::new("sleep").arg("1000").spawn().unwrap())
    }

    /// One that runs whenever it may.
    fn busy() -> Self {
        Self(Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What any version must do on a real kernel.
fn conformance(groups: &dyn Groups) {
    let sleeper = Sleeper::new();
    let pid = sleeper.0.id();
    let group = groups.create(&shop("one"), &LIMITS, Share::App).unwrap();
    groups.create(&shop("one"), &LIMITS, Share::App).unwrap();
    assert_eq!(groups.list().unwrap(), [shop("one")]);
    assert!(groups.open(&shop("two")).unwrap().is_none());
    group.add(pid).unwrap();
    group.limit(&MORE).unwrap();
    group.limit(&LIMITS).unwrap();
    assert_eq!(group.procs().unwrap(), [pid]);
    assert!(!group.is_frozen().unwrap());
    group.freeze(&|| false).unwrap();
    group.freeze(&|| false).unwrap();
    let again = groups.open(&shop("one")).unwrap().unwrap();
    assert!(again.is_frozen().unwrap());
    again.reclaim().unwrap();
    assert!(again.is_paged(1 << 20).unwrap(), "one that holds next to nothing");
    again.thaw().unwrap();
    assert!(!group.is_frozen().unwrap());
    assert_eq!(group.oom_kills().unwrap(), 0);
    assert!(group.stats().unwrap().peak >= group.stats().unwrap().resident);
    levels(groups);
    fair(groups);
    group.freeze(&|| false).unwrap();
    drop(std::thread::spawn(move || drop(sleeper)));
    group.kill().unwrap();
    group.remove().unwrap();
    group.remove().unwrap();
    assert!(groups.list().unwrap().is_empty());
    groups.remove_top();
}

/// One that is frozen does not end; a test that fails has to.
struct Thawed(Arc<dyn Group>);

impl Drop for Thawed {
    fn drop(&mut self) {
        self.0.thaw().ok();
    }
}

/// Some are held back when the others are thawed.
fn levels(groups: &dyn Groups) {
    let [leaf, low, high] = [Sleeper::busy(), Sleeper::busy(), Sleeper::busy()];
    let pids = [&leaf, &low, &high].map(|s| s.0.id());
    let group = groups.create(&shop("two"), &LIMITS, Share::App).unwrap();
    let _thawed = Thawed(group.clone());
    pids.iter().for_each(|pid| group.add(*pid).unwrap());
    let sorted = |mut pids: Vec<u32>| {
        pids.sort_unstable();
        pids
    };
    let time = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    let run = |what: &str, wanted: [bool; 3]| {
        let mut ran = [true; 3];
        // Whoever is moved from one frozen group to another is in the kernel for a moment: only who keeps running runs.
        let settled = files::wait_until(|| {
            let before = pids.map(|pid| time(&pid));
            std::thread::sleep(Duration::from_millis(20));
            ran = [0, 1, 2].map(|n| time(&pids[n]) != before[n]);
            Ok(ran == wanted)
        });
        assert!(settled.unwrap(), "{what}: {ran:?}");
    };
    let resident = group.stats().unwrap().resident;
    group.freeze(&|| false).unwrap();
    for _again in 0..2 {
        group.hold_back(&[vec![pids[1]], vec![pids[2]]]).unwrap();
        assert!(group.is_frozen().unwrap());
        run("asleep", [false, false, false]);
    }
    assert_eq!(sorted(group.procs().unwrap()), sorted(pids.to_vec()));
    assert!(group.stats().unwrap().resident >= resident / 2, "what they use is charged to the group itself");
    group.thaw_leaves().unwrap();
    assert!(!group.is_frozen().unwrap());
    run("the leaves", [true, false, false]);
    group.thaw_level(0).unwrap();
    run("and the first level", [true, true, false]);
    group.thaw_level(1).unwrap();
    group.thaw_level(2).unwrap();
    run("and the second", [true, true, true]);
    // Whoever is held back no more, and whoever is now.
    group.freeze(&|| false).unwrap();
    group.hold_back(&[vec![pids[0]]]).unwrap();
    group.thaw_leaves().unwrap();
    run("others", [false, true, true]);
    group.freeze(&|| false).unwrap();
    run("asleep again", [false, false, false]);
    group.thaw_leaves().unwrap();
    // Whoever held them back is gone: another who opens the group can let all of them go.
    let again = groups.open(&shop("two")).unwrap().unwrap();
    again.thaw().unwrap();
    run("adopted", [true, true, true]);
    group.freeze(&|| false).unwrap();
    drop(std::thread::spawn(move || drop([leaf, low, high])));
    again.kill().unwrap();
    assert!(again.procs().unwrap().is_empty());
    again.remove().unwrap();
    assert!(groups.open(&shop("two")).unwrap().is_none());
}

/// Bug: a project got as much more of the processor as it had more instances. On one processor there is one of a project with
/// four, one of another, and a build.
fn fair(groups: &dyn Groups) {
    let limits = Limits { cpu_milli: 4000, ..LIMITS };
    let other = |n: usize| Place::of(&"many".parse().unwrap(), format!("many{n}"));
    let mut places: Vec<_> = (0..4).map(other).map(|place| (place, Share::App)).collect();
    places.push((shop("alone"), Share::App));
    places.push((Place::apart("run-build"), Share::Build));
    let all: Vec<_> = places.iter().map(|(p, share)| groups.create(p, &limits, *share).unwrap()).collect();
    let sleepers: Vec<_> = all.iter().map(|_| Sleeper::busy()).collect();
    let mut one = nix::sched::CpuSet::new();
    one.set(0).unwrap();
    for (group, sleeper) in all.iter().zip(&sleepers) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(sleeper.0.id()).unwrap());
        nix::sched::sched_setaffinity(pid, &one).unwrap();
        group.add(sleeper.0.id()).unwrap();
    }
    let used = || all.iter().map(|group| group.stats().unwrap().cpu).collect::<Vec<_>>();
    // What they have used before they were all there is nobody's business.
    let before = used();
    let gone = || used().iter().zip(&before).map(|(now, before)| *now - *before).collect::<Vec<_>>();
    for _ in 0..20 {
        if gone().iter().sum::<Duration>() > Duration::from_secs(2) {
            break;
        }
        files::wait_until(|| Ok(gone().iter().sum::<Duration>() > Duration::from_secs(2))).unwrap();
    }
    let gone = gone();
    let part = |of: &[Duration]| {
        of.iter().sum::<Duration>().as_secs_f64() / gone.iter().sum::<Duration>().as_secs_f64()
    };
    let (many, alone, build) = (part(&gone[..4]), part(&gone[4..5]), part(&gone[5..]));
    for (group, (place, _)) in all.iter().zip(&places) {
        group.kill().unwrap();
        group.remove().unwrap();
        assert!(!groups.list().unwrap().contains(place));
    }
    assert!((0.35..0.6).contains(&many) && (0.35..0.6).contains(&alone), "{many:.2} {alone:.2} {build:.2}");
    assert!(build < 0.15, "{many:.2} {alone:.2} {build:.2}");
}

#[test]
fn this_host() {
    let tag = format!("test{}", std::process::id());
    let top = match find().unwrap() {
        Found::V1(mounts) => {
            let Ok(groups) = V1::new(mounts.clone(), &tag) else {
                dormouse_trials::skip("control groups need root");
                return;
            };
            conformance(&groups);
            mounts["memory"].join(TOP)
        }
        Found::V2(root) => {
            let Ok(groups) = V2::new(&root, &tag) else {
                dormouse_trials::skip("control groups need root");
                return;
            };
            conformance(&groups);
            root.join(TOP)
        }
        Found::Missing(which) => {
            dormouse_trials::skip(&format!("no control groups for {}", which.join(", ")));
            return;
        }
    };
    assert!(!top.join(tag).exists());
}

/// The plain files below a folder, as `path: content`.
fn show(dir: &Path) -> String {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|p| {
            format!("{}: {}\n", p.file_name().unwrap().display(), fs::read_to_string(&p).unwrap().trim())
        })
        .collect();
    files.sort();
    files.concat()
}

#[test]
fn version_1_writes() {
    let dir = tempfile::tempdir().unwrap();
    let mounts: BTreeMap<_, _> =
        ["memory", "cpu", "pids", "freezer", "blkio"].map(|c| (c.to_owned(), dir.path().join(c))).into();
    let groups = V1::new(mounts, "tag").unwrap();
    let place = |c: &str| dir.path().join(c).join("dormouse/tag/project-shop/one");
    fs::create_dir_all(place("freezer")).unwrap();
    fs::write(place("freezer").join("freezer.state"), "FROZEN\n").unwrap();
    fs::create_dir_all(place("memory")).unwrap();
    for file in ["memory.memsw.limit_in_bytes", "memory.kmem.tcp.limit_in_bytes"] {
        fs::write(place("memory").join(file), "9223372036854771712\n").unwrap();
    }
    fs::create_dir_all(place("blkio")).unwrap();
    fs::write(place("blkio").join("blkio.bfq.weight"), "100\n").unwrap();
    let group = groups.create(&shop("one"), &LIMITS, Share::Build).unwrap();
    assert!(group.is_frozen().unwrap());
    group.add(42).unwrap();
    fs::write(place("memory").join("memory.usage_in_bytes"), "100\n").unwrap();
    // Bug: one that was woken while its memory was being pushed out went on losing it.
    fs::write(place("freezer").join("freezer.state"), "THAWED\n").unwrap();
    group.reclaim().unwrap();
    assert!(!place("memory").join("memory.force_empty").exists(), "it runs");
    fs::write(place("freezer").join("freezer.state"), "FROZEN\n").unwrap();
    fs::write(place("memory").join("memory.max_usage_in_bytes"), "300\n").unwrap();
    fs::write(
        place("memory").join("memory.stat"),
        "cache 1\nrss 40\nshmem 2\nswap 77\ninactive_file 3\nactive_file 4\n",
    )
    .unwrap();
    fs::write(place("memory").join("memory.oom_control"), "under_oom 0\noom_kill 2\n").unwrap();
    fs::write(place("pids").join("pids.current"), "5\n").unwrap();
    group.reclaim().unwrap();
    assert_eq!(group.unswapped().unwrap(), 42);
    group.limit(&MORE).unwrap();
    let written = ["memory", "cpu", "pids", "blkio"].map(|c| show(&place(c))).concat();
    expect![[r#"
        cgroup.procs: 42
        memory.force_empty: 0
        memory.kmem.tcp.limit_in_bytes: 67108864
        memory.limit_in_bytes: 134217728
        memory.max_usage_in_bytes: 300
        memory.memsw.limit_in_bytes: 138412032
        memory.oom_control: under_oom 0
        oom_kill 2
        memory.stat: cache 1
        rss 40
        shmem 2
        swap 77
        inactive_file 3
        active_file 4
        memory.swappiness: 0
        memory.usage_in_bytes: 100
        cgroup.procs: 42
        cpu.cfs_period_us: 100000
        cpu.cfs_quota_us: 70000
        cpu.shares: 102
        cgroup.procs: 42
        pids.current: 5
        pids.max: 21
        blkio.bfq.weight: 10
        cgroup.procs: 42
        Stats { resident: 100, swapped: 77, droppable: 7, peak: 300, cpu: 0ns, tasks: 5 } 2
    "#]]
    .assert_eq(&format!("{written}{:?} {}\n", group.stats().unwrap(), group.oom_kills().unwrap()));
}

#[test]
fn version_2_writes() {
    let dir = tempfile::tempdir().unwrap();
    let groups = V2::new(dir.path(), "tag").unwrap();
    let level = dir.path().join("dormouse/tag/project-shop");
    let place = level.join("one");
    fs::create_dir_all(&place).unwrap();
    fs::write(level.join("cgroup.controllers"), "cpu io memory pids\n").unwrap();
    for (file, text) in [
        ("cgroup.freeze", "0"),
        ("cgroup.events", "populated 1\nfrozen 1\n"),
        ("memory.current", "100"),
        ("memory.swap.current", "77"),
        ("memory.swap.max", "max"),
        ("memory.stat", "anon 40\nfile 9\nshmem 2\ninactive_file 7\nslab_reclaimable 1\n"),
        ("memory.peak", "300"),
        ("memory.events", "oom 3\noom_kill 2\n"),
        ("cpu.stat", "usage_usec 1500\nuser_usec 1000\n"),
        ("io.weight", "default 100\n"),
        ("pids.current", "5\n"),
    ] {
        fs::write(place.join(file), text).unwrap();
    }
    let group = groups.create(&shop("one"), &LIMITS, Share::Build).unwrap();
    group.add(42).unwrap();
    group.freeze(&|| false).unwrap();
    assert!(group.is_frozen().unwrap());
    assert_eq!(group.procs().unwrap(), [42]);
    group.reclaim().unwrap();
    assert_eq!(group.unswapped().unwrap(), 42);
    group.kill().unwrap();
    group.limit(&MORE).unwrap();
    let stats = format!("{:?} {}\n", group.stats().unwrap(), group.oom_kills().unwrap());
    expect![[r#"
        cgroup.events: populated 1
        frozen 1
        cgroup.freeze: 1
        cgroup.kill: 1
        cgroup.procs: 42
        cpu.max: 70000 100000
        cpu.stat: usage_usec 1500
        user_usec 1000
        cpu.weight: 10
        io.weight: 10
        memory.current: 100
        memory.events: oom 3
        oom_kill 2
        memory.max: 134217728
        memory.peak: 300
        memory.reclaim: 100
        memory.stat: anon 40
        file 9
        shmem 2
        inactive_file 7
        slab_reclaimable 1
        memory.swap.current: 77
        memory.swap.max: 0
        pids.current: 5
        pids.max: 21
        Stats { resident: 100, swapped: 77, droppable: 8, peak: 300, cpu: 1.5ms, tasks: 5 } 2
    "#]]
    .assert_eq(&format!("{}{stats}", show(&place)));
    group.thaw().unwrap();
    assert_eq!(fs::read_to_string(place.join("cgroup.freeze")).unwrap(), "0");
    let turned_on = |dir: &Path| fs::read_to_string(dir.join("cgroup.subtree_control")).unwrap();
    assert_eq!((&*turned_on(dir.path()), &*turned_on(&level)), ("+memory +cpu +pids", "+io"));
}

#[test]
fn what_counts_as_pushed_out() {
    let dir = tempfile::tempdir().unwrap();
    let groups = V2::new(dir.path(), "tag").unwrap();
    let place = dir.path().join("dormouse/tag/project-shop/one");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("cgroup.freeze"), "1").unwrap();
    let group = groups.create(&shop("one"), &LIMITS, Share::App).unwrap();
    fs::write(place.join("cpu.stat"), "usage_usec 1\n").unwrap();
    fs::write(place.join("pids.current"), "1\n").unwrap();
    // In KiB; then whether it counts as such when found, and when just tried.
    for (what, resident, anon, shmem, swapped, paged) in [
        ("all of it", 900, 0, 0, 300_000, [true, true]),
        ("a shell: its files were dropped, what is left is the kernel's", 1500, 100, 0, 250, [true, true]),
        ("a shell that is only frozen, or with swap full", 1500, 350, 0, 0, [false, true]),
        ("a large file in memory that another reads too", 400_000, 500, 0, 8000, [true, true]),
        ("many sockets", 30_000, 200, 0, 6000, [true, true]),
        ("swap was full", 60_000, 50_000, 0, 0, [false, false]),
        ("swap had room for a part", 60_000, 40_000, 0, 10_000, [false, false]),
        ("and for the greater part", 20_000, 15_000, 0, 35_000, [true, true]),
        ("shared memory", 60_000, 100, 50_000, 0, [false, false]),
        ("the statistics lag behind", 900, 50_000, 0, 49_000, [true, true]),
        ("they know nothing yet", 1500, 0, 0, 0, [false, true]),
    ] {
        for (file, text) in [
            ("memory.current", format!("{}", resident << 10)),
            ("memory.swap.current", format!("{}", swapped << 10)),
            ("memory.stat", format!("anon {}\nshmem {}\n", anon << 10, shmem << 10)),
        ] {
            fs::write(place.join(file), text).unwrap();
        }
        assert_eq!([0, 1 << 20].map(|small| group.is_paged(small).unwrap()), paged, "{what}");
    }
}
