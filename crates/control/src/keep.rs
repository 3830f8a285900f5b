//! How long what is over is kept: deploys with their builds, deployments and logs. It goes in the background, a little at a time, and
//! never what serves, what that goes on from or would go back to, and what is under way.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use tracing::{info, warn};

use crate::{
    ControlSettings,
    store::{Store, StoreError},
};

/// From the start of control to the first look, and from one to the next.
const FIRST: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(3600);

/// Deploys that go in one transaction, so that nobody's change waits for long.
const AT_ONCE: u32 = 20;

/// Between two such transactions.
const PAUSE: Duration = Duration::from_millis(100);

/// Look after it for ever.
pub(crate) async fn run(settings: &ControlSettings, store: &Store) {
    tokio::time::sleep(FIRST).await;
    loop {
        match cut(settings, store).await {
            Ok(0) => {}
            Ok(n) => info!(deploys = n, "forgot what was over for long"),
            Err(error) => warn!(%error, "cannot forget what is over, and try again"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Everything that is not to be kept any more goes; how many deploys that were.
pub(crate) async fn cut(settings: &ControlSettings, store: &Store) -> Result<usize, StoreError> {
    let (keep, now) = (settings.keep, settings.clock.now());
    let mut gone = 0;
    loop {
        let deploys = store.write(move |tx| tx.cut(keep, now, AT_ONCE)).await?;
        if deploys.is_empty() {
            break;
        }
        gone += deploys.len();
        let files: Vec<_> = deploys.iter().map(|id| settings.events(*id)).collect();
        // They are read by nobody who cannot do without.
        let removed = tokio::task::spawn_blocking(move || files.iter().for_each(|file| remove(file))).await;
        removed.map_err(|_| StoreError::Closed)?;
        tokio::time::sleep(PAUSE).await;
    }
    while store.write(move |tx| tx.cut_restarts(keep, AT_ONCE)).await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    let before = now.before(keep.age);
    while store.note(move |tx| tx.cut_usage(before, 100 * AT_ONCE)).await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    let known = store.write(|tx| tx.deploys()).await?;
    let (folder, age) = (settings.build_logs(), keep.age);
    let swept = tokio::task::spawn_blocking(move || sweep(&folder, age, |id| known.contains(&id))).await;
    swept.map_err(|_| StoreError::Closed)?;
    Ok(gone)
}

/// Logs of deploys that the database does not know, of projects that are gone. The largest number stays: it tells which ones
/// were given away, should the database be lost.
fn sweep(folder: &Path, age: Duration, known: impl Fn(u64) -> bool) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.strip_suffix(".log")?.parse::<u64>().ok();
    let mut logs: Vec<_> = entries.filter_map(|e| Some((number(&e.path())?, e.path()))).collect();
    logs.sort();
    logs.pop();
    for (_, path) in logs.iter().filter(|(id, _)| !known(*id)) {
        let written = path.metadata().and_then(|m| m.modified()).ok();
        let old = written.and_then(|at| SystemTime::now().duration_since(at).ok());
        if old.is_some_and(|old| old > age) {
            remove(path);
        }
    }
}

fn remove(file: &Path) {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            warn!(file = %file.display(), %error, "cannot remove an old log");
        }
        Ok(()) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let files = ["1.log", "2.log", "3.log", "4.log", "notes.txt"];
        files.iter().for_each(|name| std::fs::write(dir.path().join(name), "").unwrap());
        let left = || {
            let all = std::fs::read_dir(dir.path()).unwrap().flatten();
            let mut names: Vec<_> = all.map(|e| e.file_name().into_string().unwrap()).collect();
            names.sort();
            names.join(" ")
        };
        sweep(dir.path(), Duration::from_secs(3600), |_| false);
        assert_eq!(left(), "1.log 2.log 3.log 4.log notes.txt", "none is old");
        std::thread::sleep(Duration::from_millis(5));
        sweep(dir.path(), Duration::ZERO, |id| id == 2);
        assert_eq!(left(), "2.log 4.log notes.txt", "the largest number stays");
    }
}
