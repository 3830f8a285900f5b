//! Memory that is not counted where it is taken: in TCP's buffers, and in swap.

use std::{
    hint::black_box,
    io::{ErrorKind, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

use dormouse_backend::Workloads;
use dormouse_model::{Depth, ExitStatus, InstanceId, Phase};
use dormouse_runtime::{
    Host, Loopback,
    cgroup::{self, Found},
    swap::{Size, Swap, SwapSettings},
};
use tokio::sync::mpsc;

use super::{Bench, instances, said};

const SOCKETS: &str = "fill-sockets";
const HOARD: &str = "hoard";
const KEEP: &str = "keep";

/// What is repeated in both.
const BLOCK: usize = 1 << 20;
/// What [`HOARD`] takes at a time.
const HEAP: usize = 40 << 20;
/// What [`KEEP`] has, of 64 MiB.
const KEPT: usize = 54 << 20;

/// Be such a process, if this is one, and never return.
pub(super) fn act_if_asked() {
    let args: Vec<String> = std::env::args().collect();
    let [_, what] = &args[..] else { return };
    match what.as_str() {
        SOCKETS => println!("{}", fill_sockets()),
        HOARD => on_each_signal(Vec::new(), |heaps| {
            heaps.push(random(HEAP));
            heaps.len() as u64
        }),
        KEEP => {
            let block = block();
            let is_whole = |kept: &mut Vec<u8>| kept.chunks(BLOCK).all(|part| part == &block[..]);
            on_each_signal(random(KEPT), |kept| u64::from(is_whole(kept)));
        }
        _ => return,
    }
    std::process::exit(0);
}

/// Bytes that no compression of pages makes smaller. Repeated, because making them takes minutes in an emulated machine.
fn random(bytes: usize) -> Vec<u8> {
    block().repeat(bytes / BLOCK)
}

fn block() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_ne_bytes()
    };
    std::iter::repeat_with(word).take(BLOCK / 8).flatten().collect()
}

/// Do it now, and again at each SIGUSR1; say what came of it.
fn on_each_signal<T>(mut with: T, mut act: impl FnMut(&mut T) -> u64) {
    // SAFETY: a set on the stack; the signal is blocked before anybody can send it, and this process has one thread.
    let signals = unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGUSR1);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        set
    };
    loop {
        println!("{}", act(&mut with));
        black_box(&with);
        let mut signal = 0;
        // SAFETY: both are on the stack.
        unsafe { libc::sigwait(&raw const signals, &raw mut signal) };
    }
}

/// Bytes that wait in 80 connections when nobody reads.
fn fill_sockets() -> u64 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut held = Vec::new();
    let mut bytes = 0;
    for _ in 0..80 {
        let mut to = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        held.push(listener.accept().unwrap().0);
        to.set_nonblocking(true).unwrap();
        let mut last = Instant::now();
        // What is full now has room again when the receiver's window has grown.
        while last.elapsed() < Duration::from_millis(20) {
            match to.write(&[0; 65_536]) {
                Ok(n) => {
                    bytes += n as u64;
                    last = Instant::now();
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(1)),
                Err(e) => panic!("{e}"),
            }
        }
        held.push(to);
    }
    bytes
}

/// Bug: 80 connections took 839 MB while their group showed 19 MB.
pub(super) async fn buffers_of_tcp_are_bounded(b: &Bench) {
    let mut spec = b.spec("sockets", &[SOCKETS]);
    spec.limits.memory = 64 << 20;
    let (to, mut from) = mpsc::channel(100_000);
    let ended = b.sandboxes.run(spec, to).await.unwrap();
    // Version 2 counts them as memory, of which nothing can be taken back.
    if matches!(cgroup::find().unwrap(), Found::V2(_)) && ended.status == ExitStatus::OutOfMemory {
        println!("killed for want of memory");
        return;
    }
    let bytes = said(&mut from).await;
    println!("{} MiB in 80 connections", bytes >> 20);
    assert!(bytes < 64 << 20, "{bytes}");
}

/// Memory and swap of an instance.
async fn held(host: &Host<Loopback>, id: u64) -> u64 {
    let usage = host.usage(InstanceId(id)).await.unwrap();
    usage.resident_bytes + usage.swapped_bytes
}

/// Put it to sleep, wake it and have it act again; what it has then, or `None` when it has ended of it.
async fn cycle(host: &Host<Loopback>, id: u64, said: usize) -> Option<String> {
    assert_eq!(host.sleep(InstanceId(id), Depth::Paged).await.unwrap(), Depth::Paged);
    host.wake(InstanceId(id)).await.unwrap();
    let pid = host.list().await.unwrap().into_iter().find(|w| w.id == InstanceId(id)).unwrap().pid;
    Command::new("kill").args(["-USR1", &pid.to_string()]).status().unwrap();
    let ends = async {
        loop {
            let all = host.list().await.unwrap();
            if all.iter().any(|w| w.id == InstanceId(id) && matches!(w.phase, Phase::Exited(_))) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        line = instances::line(host, id, said) => Some(line),
        () = ends => None,
    }
}

/// Swap is the host's; also a test that fails leaves none.
struct TornDown(Option<Swap>);

impl Drop for TornDown {
    fn drop(&mut self) {
        if let Some(swap) = self.0.take() {
            swap.tear_down();
        }
    }
}

/// Bug: a service of 256 MiB had 909 MiB in swap after five times of taking memory, sleep and wake.
pub(super) async fn memory_and_swap_are_bounded(b: &instances::Bench) {
    let settings = SwapSettings { zram: Size::Off, file: Size::Bytes(512 << 20) };
    let swap = TornDown(Some(Swap::set_up(&b.state().join("swap"), "budgets", settings)));
    if !swap.0.as_ref().is_some_and(Swap::can_page) {
        println!("skipped: no swap here");
        return;
    }
    let host = b.host(false, true);
    let limit = 64 << 20;
    // Version 2 has no limit for both.
    let most = if matches!(cgroup::find().unwrap(), Found::V1(_)) { limit } else { 2 * limit };
    b.start(&host, 1, "shop/web", &["/act", HOARD]).await;
    b.start(&host, 2, "shop/web", &["/act", KEEP]).await;
    for id in [1, 2] {
        assert_eq!(instances::line(&host, id, 0).await, "1");
    }
    let mut rows = vec![held(&host, 1).await >> 20];
    for n in 1..5 {
        let goes_on = cycle(&host, 1, n).await.is_some();
        let now = held(&host, 1).await;
        rows.push(now >> 20);
        assert!(now <= most + (8 << 20), "MiB: {rows:?}");
        if !goes_on {
            break;
        }
    }
    println!("MiB: {rows:?}");
    for n in 1..4 {
        assert_eq!(cycle(&host, 2, n).await.as_deref(), Some("1"), "the honest one has lost its memory");
    }
    for id in [1, 2] {
        host.remove(InstanceId(id)).await.unwrap();
    }
    drop(host);
    drop(swap);
}
