//! What has arrived for processes that are held back: some supervisors are asked things themselves. Node's primary and
//! PostgreSQL's postmaster accept all connections, and Celery's parent hears of new tasks.

use std::{collections::BTreeSet, fs};

use super::sockets::{self, Row};

/// The kernel's tables of what waits to be read.
const QUEUES: [&str; 4] = ["tcp", "tcp6", "udp", "udp6"];

/// The signal with which the kernel tells of a child: nobody waits for that to be heard. As in the masks of `/proc`.
const CHILD: u64 = 1 << (libc::SIGCHLD - 1);

/// The sockets of processes that are held back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Inbox {
    pids: Vec<u32>,
    /// By inode, those of any of them.
    all: BTreeSet<u64>,
    /// Those that nobody else has open. A socket that also a worker listens on is the worker's business.
    own: BTreeSet<u64>,
}

impl Inbox {
    /// Of the processes `held`, when `others` are not. All are frozen, so what they have open does not change.
    pub(crate) fn of(held: &[u32], others: &[u32]) -> Self {
        let open = |pids: &[u32]| pids.iter().flat_map(|pid| sockets::of(*pid)).collect::<BTreeSet<_>>();
        let (all, theirs) = (open(held), open(others));
        Self { pids: held.to_vec(), own: all.difference(&theirs).copied().collect(), all }
    }

    /// Whether somebody waits for an answer of one of them, or has sent it a signal.
    pub(crate) fn has_something(&self) -> bool {
        let Some(pid) = self.pids.first() else { return false };
        self.pids.iter().any(|pid| is_signalled(*pid))
            || (!self.all.is_empty() && QUEUES.iter().any(|name| self.has_bytes(&sockets::table(*pid, name))))
            || (!self.own.is_empty() && self.has_caller(&sockets::table(*pid, "unix")))
    }

    /// Whether bytes or connections wait in a table such as `/proc/net/tcp`.
    fn has_bytes(&self, table: &str) -> bool {
        Row::all(table).any(|row| {
            let whose = if row.listens { &self.own } else { &self.all };
            row.waiting > 0 && whose.contains(&row.inode)
        })
    }

    /// Whether a connection waits in `/proc/net/unix`: until it is accepted it has its listener's path, and no inode.
    fn has_caller(&self, table: &str) -> bool {
        let rows: Vec<(u64, &str)> = table
            .lines()
            .filter_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                Some((fields.get(6)?.parse().ok()?, *fields.get(7)?))
            })
            .collect();
        let ours: BTreeSet<&str> =
            rows.iter().filter(|(inode, _)| self.own.contains(inode)).map(|(_, path)| *path).collect();
        rows.iter().any(|(inode, path)| *inode == 0 && ours.contains(path))
    }
}

fn is_signalled(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| signals(&status) & !CHILD != 0)
}

/// The signals that wait for a process, from its `status`.
fn signals(status: &str) -> u64 {
    let mask = |line: &str| {
        let mask = line.strip_prefix("SigPnd:").or(line.strip_prefix("ShdPnd:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    status.lines().filter_map(mask).fold(0, |all, mask| all | mask)
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{TcpListener, TcpStream},
        os::unix::net::{UnixListener, UnixStream},
    };

    use super::*;

    #[test]
    fn tables() {
        let inbox = Inbox { pids: vec![], all: [70, 71].into(), own: [71].into() };
        let tcp = |state, received, inode| {
            format!(
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                 0: 0100007F:1F90 00000000:0000 {state} 00000000:{received} 00:00000000 00000000     0        0 {inode} 1"
            )
        };
        for (what, table, has) in [
            ("a connection to accept", tcp("0A", "00000001", 71), true),
            ("one that a worker may accept", tcp("0A", "00000001", 70), false),
            ("nobody calls", tcp("0A", "00000000", 71), false),
            ("bytes to read", tcp("01", "0000000F", 70), true),
            ("bytes for another", tcp("01", "0000000F", 72), false),
            ("nothing", String::new(), false),
            ("a table of a later kernel", "a b c".to_owned(), false),
        ] {
            assert_eq!(inbox.has_bytes(&table), has, "{what}");
        }
        let unix = |inode: u64, path: &str| {
            format!(
                "0000: 00000003 00000000 00010000 0001 01 71 /run/a\n0000: 00000002 00000000 00000000 0001 02 {inode} {path}"
            )
        };
        for (what, table, has) in [
            ("a connection to accept", unix(0, "/run/a"), true),
            ("one for another", unix(0, "/run/b"), false),
            ("one that was accepted", unix(9, "/run/a"), false),
        ] {
            assert_eq!(inbox.has_caller(&table), has, "{what}");
        }
    }

    #[test]
    fn masks() {
        let status =
            |thread, shared| format!("Name:\ta\nSigPnd:\t{thread}\nShdPnd:\t{shared}\nSigBlk:\tffff\n");
        assert_eq!(signals(&status("0000000000000000", "0000000000000000")), 0);
        assert_eq!(signals(&status("0000000000000001", "0000000000004000")), 0x4001);
        assert_eq!(signals(&status("0", "0000000000010000")) & !CHILD, 0, "a child has ended");
    }

    /// The real tables say what this module takes them to say.
    #[test]
    fn real_sockets() {
        let me = [std::process::id()];
        let dir = tempfile::tempdir().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let unix = UnixListener::bind(dir.path().join("socket")).unwrap();
        let only = |socket: &dyn std::os::fd::AsRawFd| {
            let target = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
            let inode =
                target.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').to_owned();
            let inode: u64 = inode.parse().unwrap();
            assert!(Inbox::of(&me, &[]).own.contains(&inode), "it is found among the files");
            Inbox { pids: me.to_vec(), all: [inode].into(), own: [inode].into() }
        };
        let [calls, local] = [only(&tcp), only(&unix)];
        assert!(!calls.has_something() && !local.has_something(), "nobody calls");
        let mut stream = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
        assert!(calls.has_something(), "a connection");
        let _local = UnixStream::connect(dir.path().join("socket")).unwrap();
        assert!(local.has_something(), "a local one");
        let (accepted, _) = tcp.accept().unwrap();
        drop(unix.accept().unwrap());
        assert!(!calls.has_something() && !local.has_something(), "accepted");
        let bytes = only(&accepted);
        assert!(!bytes.has_something());
        stream.write_all(b"hello").unwrap();
        assert!(bytes.has_something(), "bytes");
        assert_eq!(Inbox::of(&me, &me).own, BTreeSet::new(), "what others have open too is theirs");
    }
}
