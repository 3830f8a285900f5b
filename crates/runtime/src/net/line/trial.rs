//! Can this kernel divide a line, and is the host's ours to divide? Found out without changing anything that others see.

use nix::sched::{CloneFlags, unshare};

use super::{Bandwidth, Line, NetError, name};
use crate::net::links;

/// Divide the loopback interface of a network namespace that ends with the thread.
pub(crate) fn try_line() -> Result<(), String> {
    apart(|| {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|e| e.to_string())?;
        let out = "100mbit".parse().map_err(|e: super::BitRateError| e.to_string())?;
        let bandwidth = Bandwidth { interface: Some("lo".to_owned()), ..Bandwidth::new(out) };
        let made = async { Line::new("", Some(bandwidth)).settle(&links()?, &[]).await.map(drop) };
        wait_for(made)?
            .map_err(|e| std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string))
    })
}

/// The interface that the server with this tag divides, or would.
///
/// # Errors
/// When somebody else's queueing discipline is there; in words.
pub(crate) fn look_at_line(tag: &str, bandwidth: &Bandwidth) -> Result<Option<String>, String> {
    let line = Line::new(tag, Some(bandwidth.clone()));
    apart(move || {
        let look = async {
            let conn = links()?;
            let uplink = line.survey(&conn).await?.uplink;
            Ok::<_, NetError>(match uplink {
                Some(uplink) => Some(name(&conn, uplink.index).await),
                None => None,
            })
        };
        wait_for(look)?.map_err(|e| e.to_string())
    })
}

fn apart<T: Send + 'static>(look: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    std::thread::spawn(look).join().unwrap_or_else(|_| Err("the trial broke off".to_owned()))
}

fn wait_for<T>(look: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|e| e.to_string())?.block_on(look))
}
