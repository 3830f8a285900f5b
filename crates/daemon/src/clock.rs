//! Where this server's time begins (`dormouse_model::clock`): at the same moment for all of its processes between two boots of the
//! machine, whoever started them, so that what one has written down another can compare.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use dormouse_model::{
    Time,
    clock::{self, Reading},
};
use dormouse_runtime::{boot_id, write_whole};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::state::StateDir;

/// The beginning, for a child.
pub(crate) const ENV_CLOCK: &str = "DORMOUSE_CLOCK";

/// What is kept in the state folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// Of which boot of the machine.
    boot_id: String,
    /// Our time when it was booted.
    boot: Time,
}

/// For the parent: go on from where an earlier server of this boot began.
pub(crate) fn begin(state: &StateDir) {
    match settled(&state.clock(), boot_id().ok(), Reading::now()) {
        Ok(boot) => drop(clock::begin(boot)),
        // Until the next start it is as good.
        Err(error) => {
            warn!("a jump of the wall clock before the next start would be taken for time: {error:#}")
        }
    }
}

/// For a child: as the parent says.
pub(crate) fn inherit() {
    if let Some(boot) = std::env::var(ENV_CLOCK).ok().and_then(|ms| ms.parse().ok()) {
        clock::begin(Time(boot));
    }
}

/// The kept beginning, or a new one, which is kept from now on.
fn settled(path: &Path, boot_id: Option<String>, reading: Reading) -> Result<Time> {
    let boot_id = boot_id.context("the kernel does not tell which boot this is")?;
    let kept = fs::read(path).ok().and_then(|text| serde_json::from_slice::<Kept>(&text).ok());
    if let Some(kept) = kept.filter(|kept| kept.boot_id == boot_id) {
        return Ok(kept.boot);
    }
    let kept = Kept { boot_id, boot: reading.boot() };
    write_whole(path, &serde_json::to_vec(&kept)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(kept.boot)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_beginning_a_boot() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clock.json");
        let settled = |boot: &str, up, wall: u64| {
            let reading = Reading { up: Duration::from_secs(up), wall: Time(wall * 1000) };
            settled(&path, Some(boot.to_owned()), reading).unwrap().0 / 1000
        };
        assert_eq!(settled("a", 100, 5_000), 4_900);
        assert_eq!(settled("a", 200, 5_100), 4_900);
        assert_eq!(settled("a", 300, 9_999_999), 4_900, "the wall clock has jumped");
        assert_eq!(settled("b", 10, 10_000_010), 10_000_000);
        fs::write(&path, "garbage").unwrap();
        assert_eq!(settled("b", 20, 10_000_030), 10_000_010);
        assert!(super::settled(&path, None, Reading::now()).is_err());
    }
}
