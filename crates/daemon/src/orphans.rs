//! Processes of this server that are not ours: left by a parent that was killed, or edges that carry what they have to its
//! end beside their successor.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use dormouse_runtime::Process;
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill as send},
    unistd::Pid,
};
use tracing::{info, warn};

/// How long an edge may take to answer what was asked of it once it is told to stop.
const STOP: Duration = Duration::from_secs(35);

fn pid(process: &Process) -> Pid {
    Pid::from_raw(process.pid().cast_signed())
}

/// Kill them, and return once they are gone. For controls, which may be killed at any instant.
pub(crate) fn kill(all: &[Process]) -> Result<()> {
    for process in all {
        info!(pid = process.pid(), "ending a control process that is not ours");
        match send(pid(process), Signal::SIGKILL) {
            // It may have ended since it was looked for.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => {
                let pid = process.pid();
                return Err(error).with_context(|| format!("cannot end the orphaned process {pid}"));
            }
        }
        while process.is_alive() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    Ok(())
}

/// Ask edges to take nothing new. They end by themselves.
pub(crate) fn let_drain(all: &[Process]) {
    for process in all {
        info!(pid = process.pid(), "an edge carries its connections to their end");
        if let Err(error) = send(pid(process), Signal::SIGQUIT) {
            warn!(pid = process.pid(), %error, "cannot ask an edge to drain");
        }
    }
}

/// End edges: what was asked of them is answered, the rest is cut.
pub(crate) fn stop(all: &[Process]) {
    for process in all {
        // One that has just ended needs no asking.
        let _ = send(pid(process), Signal::SIGTERM);
    }
    let deadline = Instant::now() + STOP;
    for process in all {
        while process.is_alive() {
            if Instant::now() > deadline {
                let _ = send(pid(process), Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bug: a server did not start when an orphaned control ended between the look and the signal.
    #[test]
    fn one_that_has_just_ended_is_gone() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::find(child.id()).unwrap().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        kill(&[process]).unwrap();
    }
}
