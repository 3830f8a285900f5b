//! Looking into an instance from outside: nothing is run in it, and it need not be awake.

use std::{
    fs::{self, File},
    io::{self, Read},
    net::SocketAddr,
    os::fd::AsFd,
    sync::Arc,
};

use dormouse_model::{Inspection, Process};
use nlink::{
    netlink::{Connection, SockDiag},
    sockdiag::{SocketFilter, SocketInfo},
};
use tokio::task::spawn_blocking;

use super::instance::Instance;
use crate::process::Stat;

/// Bytes of a command line that are worth reading.
const COMMAND_LINE: u64 = 4096;

/// Processes that are worth a look: an app that does not start has few.
const PROCESSES: usize = 256;

/// Where it listens, and its processes; nothing when it has ended.
pub(super) async fn inspect(instance: &Arc<Instance>) -> io::Result<Inspection> {
    let init = instance.record.process.pid;
    let Ok(netns) = File::open(format!("/proc/{init}/ns/net")) else { return Ok(Inspection::default()) };
    // Now that it is open, it is surely the instance's own, and not that of a later process with the same number.
    if instance.has_ended() || !instance.record.process.is_alive() {
        return Ok(Inspection::default());
    }
    let group = instance.group.clone();
    let processes = spawn_blocking(move || {
        let mut pids = group.map_or_else(|| Ok(vec![]), |group| group.procs())?;
        pids.sort_unstable();
        pids.dedup();
        pids.retain(|pid| *pid != init);
        Ok(pids.into_iter().take(PROCESSES).filter_map(process).collect())
    });
    let processes = processes.await.unwrap_or_else(|e| Err(io::Error::other(e)))?;
    Ok(Inspection { listeners: listeners(&netns).await?, processes })
}

async fn listeners(netns: &File) -> io::Result<Vec<SocketAddr>> {
    let connection = Connection::<SockDiag>::new_in(netns.as_fd()).map_err(io::Error::other)?;
    let filter = SocketFilter::tcp().listening().build();
    let sockets = connection.query(&filter).await.map_err(io::Error::other)?;
    Ok(sockets.iter().filter_map(SocketInfo::as_inet).map(|socket| socket.local).collect())
}

/// A process, unless it ends while it is looked at.
fn process(pid: u32) -> Option<Process> {
    let stat = Stat::of(pid).filter(|stat| !stat.has_ended())?;
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let mut line = Vec::new();
    File::open(format!("/proc/{pid}/cmdline")).ok()?.take(COMMAND_LINE).read_to_end(&mut line).ok()?;
    let words = line.split(|b| *b == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    let argv: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    Some(Process { pid, parent: stat.parent, program: program.to_string_lossy().into_owned(), argv })
}
