//! Who has which sockets open, and what the kernel's tables say of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// Inodes of the sockets that a process has open.
pub(super) fn of(pid: u32) -> BTreeSet<u64> {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return BTreeSet::new() };
    let inode = |file: fs::DirEntry| {
        let target = fs::read_link(file.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    files.filter_map(|file| inode(file.ok()?)).collect()
}

/// A table of the network that a process is in; empty when there is none.
pub(super) fn table(pid: u32, name: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default()
}

/// A row of `tcp`, `udp` and their kin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) port: u16,
    pub(super) listens: bool,
    /// Bytes that were received and not read; of one that listens, connections that it has not accepted.
    pub(super) waiting: u64,
    pub(super) inode: u64,
}

impl Row {
    pub(super) fn all(table: &str) -> impl Iterator<Item = Self> {
        table.lines().filter_map(Self::parse)
    }

    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, state, queues, _, _, _, _, inode, ..] = *fields else { return None };
        let hex = |pair: &str| u64::from_str_radix(pair.split_once(':')?.1, 16).ok();
        Some(Self {
            port: u16::try_from(hex(local)?).ok()?,
            // `TCP_LISTEN`.
            listens: state == "0A",
            // To be sent, received.
            waiting: hex(queues)?,
            inode: inode.parse().ok()?,
        })
    }
}

/// Those of these processes that serve one connection each: they have one to a port that others listen on, and end with
/// it. PostgreSQL starts such a process for each client.
pub(super) fn serving_one(pids: &[u32]) -> BTreeSet<u32> {
    let Some(any) = pids.first() else { return BTreeSet::new() };
    let tables = ["tcp", "tcp6"].map(|name| table(*any, name)).concat();
    let open: BTreeMap<u32, BTreeSet<u64>> = pids.iter().map(|pid| (*pid, of(*pid))).collect();
    let rows: Vec<Row> = Row::all(&tables).collect();
    open.iter().filter(|(_, open)| serves_one(open, &rows)).map(|(pid, _)| *pid).collect()
}

fn serves_one(open: &BTreeSet<u64>, rows: &[Row]) -> bool {
    let ports: BTreeSet<u16> = rows.iter().filter(|row| row.listens).map(|row| row.port).collect();
    let mine = || rows.iter().filter(|row| open.contains(&row.inode));
    mine().all(|row| !row.listens) && mine().any(|row| ports.contains(&row.port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 70 1 0\n   \
            1: 0100007F:1538 0100007F:A6F2 01 00000001:0000000F 00:00000000 00000000   100        0 71 1 0\na later kernel's\n";
        let row = |port, listens, waiting, inode| Row { port, listens, waiting, inode };
        assert_eq!(Row::all(table).collect::<Vec<_>>(), [row(8080, true, 2, 70), row(5432, false, 15, 71)]);
    }

    #[test]
    fn one_connection() {
        let row = |port, listens, inode| Row { port, listens, waiting: 0, inode };
        let rows = [row(5432, true, 1), row(5432, false, 2), row(5432, false, 3), row(40_000, false, 4)];
        for (what, open, expected) in [
            ("the postmaster", vec![1], false),
            ("a server process of it", vec![2], true),
            ("one that has a connection of its own to elsewhere", vec![2, 4], true),
            ("a worker that accepts", vec![1, 3], false),
            ("a worker that talks to a database", vec![4], false),
            ("one without sockets", vec![], false),
        ] {
            assert_eq!(serves_one(&open.into_iter().collect(), &rows), expected, "{what}");
        }
    }
}
