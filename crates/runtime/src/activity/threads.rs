//! Which sockets threads wait for, and for nothing else.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
};

use crate::{process::SystemCall, tree::threads};

/// Descriptors in one wait above which it is not for one connection: clients wait for their socket, perhaps with a pipe
/// that interrupts them.
const FEW: u64 = 2;

/// Those of the sockets with these inode numbers that a thread of `procs` waits for. A process that ends meanwhile waits
/// for nothing.
pub(super) fn awaited(procs: &[u32], sockets: &BTreeSet<u32>) -> BTreeSet<u32> {
    procs.iter().flat_map(|pid| of_process(*pid)).filter(|i| sockets.contains(i)).collect()
}

fn of_process(pid: u32) -> BTreeSet<u32> {
    let read =
        |address, buffer: &mut [u8]| File::open(format!("/proc/{pid}/mem"))?.read_exact_at(buffer, address);
    let calls = threads(pid).into_iter().filter_map(|tid| SystemCall::of_thread(pid, tid));
    let inode = |fd| {
        let target = fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    calls.flat_map(|call| waits_for(call, read)).filter_map(inode).collect()
}

/// The few descriptors that a thread in this system call waits for; `read` reads its memory.
fn waits_for(call: SystemCall, read: impl Fn(u64, &mut [u8]) -> io::Result<()>) -> Vec<i32> {
    let SystemCall { number, arguments: [first, second, ..] } = call;
    match number {
        libc::SYS_read | libc::SYS_readv | libc::SYS_recvfrom | libc::SYS_recvmsg => {
            i32::try_from(first).into_iter().collect()
        }
        n if is_poll(n) && (1..=FEW).contains(&second) => {
            // struct pollfd: the descriptor, and twice two bytes of events.
            let mut fds = vec![0; 8 * usize::try_from(second).unwrap_or_default()];
            match read(first, &mut fds) {
                Ok(()) => fds.chunks_exact(8).map(|f| i32::from_ne_bytes([f[0], f[1], f[2], f[3]])).collect(),
                Err(_) => Vec::new(),
            }
        }
        n if is_select(n) => {
            let mut bits = vec![0; usize::try_from(first.min(1024).div_ceil(8)).unwrap_or_default()];
            let read = if second == 0 { Ok(()) } else { read(second, &mut bits) };
            let set = |fd: &i32| bits[*fd as usize / 8] >> (fd % 8) & 1 == 1;
            let fds: Vec<_> = (0..i32::try_from(bits.len() * 8).unwrap_or_default()).filter(set).collect();
            if read.is_ok() && fds.len() as u64 <= FEW { fds } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

fn is_poll(number: libc::c_long) -> bool {
    #[cfg(target_arch = "x86_64")]
    let poll = number == libc::SYS_poll;
    #[cfg(not(target_arch = "x86_64"))]
    let poll = false;
    poll || number == libc::SYS_ppoll
}

fn is_select(number: libc::c_long) -> bool {
    #[cfg(target_arch = "x86_64")]
    let select = number == libc::SYS_select;
    #[cfg(not(target_arch = "x86_64"))]
    let select = false;
    select || number == libc::SYS_pselect6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_wait() {
        // At 0x10 two entries for poll, at 0x20 a set for select with descriptors 3 and 9.
        let memory: Vec<u8> =
            [&[0; 16][..], &[4, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0], &[8, 2]].concat();
        let read = |address: u64, buffer: &mut [u8]| {
            let at = usize::try_from(address).unwrap();
            let bytes = memory.get(at..at + buffer.len()).ok_or(io::ErrorKind::InvalidInput)?;
            buffer.copy_from_slice(bytes);
            Ok(())
        };
        for (number, arguments, fds) in [
            (libc::SYS_recvfrom, "0x5 0x7f0000 0x4000 0x0 0x0 0x0", &[5][..]),
            (libc::SYS_read, "0xb 0x7f0000 0x10", &[11]),
            (libc::SYS_ppoll, "0x10 0x1 0x0", &[4]),
            (libc::SYS_ppoll, "0x10 0x2 0x0", &[4, 7]),
            (libc::SYS_ppoll, "0x10 0x3 0x0", &[]),
            (libc::SYS_ppoll, "0xffffff 0x1 0x0", &[]),
            (libc::SYS_pselect6, "0xa 0x20 0x0", &[3, 9]),
            (libc::SYS_pselect6, "0x0 0x0 0x0", &[]),
            (libc::SYS_epoll_pwait, "0x3 0x7f0000 0x400", &[]),
            (libc::SYS_futex, "0x7f0000 0x189", &[]),
        ] {
            let mut all = arguments.split(' ').chain(std::iter::repeat("0x0")).take(6).collect::<Vec<_>>();
            all.extend(["0x7ffc00", "0x7f00"]);
            let call = format!("{number} {}\n", all.join(" "));
            assert_eq!(waits_for(SystemCall::parse(&call).unwrap(), read), fds, "{call}");
        }
        assert_eq!(SystemCall::parse("running\n"), None);
        assert_eq!(SystemCall::parse("-1 0x7ffc00 0x7f00\n"), None);
    }

    #[test]
    fn a_thread_that_waits_is_found() {
        use std::{net::TcpListener, net::TcpStream, os::fd::AsRawFd, time::Duration};
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (peer, _) = listener.accept().unwrap();
        let inode = fs::read_link(format!("/proc/self/fd/{}", stream.as_raw_fd())).unwrap();
        let inode: u32 = inode.to_str().unwrap()["socket:[".len()..].trim_end_matches(']').parse().unwrap();
        let (me, sockets) = (std::process::id(), BTreeSet::from([inode]));
        assert!(awaited(&[me], &sockets).is_empty(), "nobody waits yet");
        let waiting = std::thread::spawn(move || io::Read::read(&mut stream, &mut [0]).unwrap());
        let mut tries = 0;
        while awaited(&[me], &sockets).is_empty() {
            tries += 1;
            assert!(tries < 1000, "never found");
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(peer);
        waiting.join().unwrap();
    }
}
