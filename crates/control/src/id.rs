//! Numbers that are never used twice within a state folder.

use std::{fs, path::Path, time::SystemTime};

use dormouse_backend::Workload;
use dormouse_model::Time;

/// What is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    Deploy,
    Build,
    Deployment,
    Instance,
    /// Starts of control; the upper half of a route table's generation.
    Epoch,
}

impl Counter {
    pub(crate) const ALL: [Self; 5] =
        [Self::Deploy, Self::Build, Self::Deployment, Self::Instance, Self::Epoch];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Build => "build",
            Self::Deployment => "deployment",
            Self::Instance => "instance",
            Self::Epoch => "epoch",
        }
    }
}

/// The largest numbers in use by what runs and lies in the state folder. A database that was lost, or is an older copy,
/// would hand them out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Used {
    deploy: u64,
    deployment: u64,
    instance: u64,
    epoch: u64,
}

impl Used {
    /// What is seen of them.
    pub(crate) fn find(state: &Path, all: &[Workload]) -> Self {
        let logs = state.join("logs");
        let deploys = names(&logs.join("builds"));
        let deploys = deploys.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok());
        let services = names(&logs).into_iter().flat_map(|project| {
            let project = logs.join(project);
            names(&project).into_iter().map(move |service| project.join(service))
        });
        let logged = services.flat_map(|service| names(&service));
        let logged = logged.filter_map(|name| name.strip_prefix('i')?.split_once('.')?.0.parse().ok());
        Self {
            deploy: deploys.max().unwrap_or_default(),
            deployment: all.iter().map(|w| w.deployment.0).max().unwrap_or_default(),
            instance: all.iter().map(|w| w.id.0).chain(logged).max().unwrap_or_default(),
            // Larger than that of any earlier database, as long as control starts less than once a second.
            epoch: Time::from(SystemTime::now()).0 / 1000,
        }
    }

    pub(crate) fn of(self, counter: Counter) -> u64 {
        match counter {
            Counter::Deploy => self.deploy,
            // Nothing outside the database carries it.
            Counter::Build => 0,
            Counter::Deployment => self.deployment,
            Counter::Instance => self.instance,
            Counter::Epoch => self.epoch,
        }
    }
}

/// What is in a folder; nothing when it cannot be read.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().into_string().ok()).collect()
}

/// Numbers taken out of the store in blocks, so that starting an instance for a waiting request needs no disk.
#[derive(Debug)]
pub(crate) struct Block {
    next: u64,
    end: u64,
}

/// Numbers taken out at once.
pub(crate) const BLOCK: u64 = 256;

impl Block {
    /// Numbers from `start` on, of which the store knows that they are gone.
    pub(crate) fn new(start: u64) -> Self {
        Self { next: start, end: start + BLOCK }
    }

    pub(crate) fn take(&mut self) -> Option<u64> {
        (self.next < self.end).then(|| {
            self.next += 1;
            self.next - 1
        })
    }

    /// Where the next block ends, if it is time to take one out.
    pub(crate) fn low(&self) -> Option<u64> {
        (self.end - self.next < BLOCK / 2).then_some(self.end + BLOCK)
    }

    pub(crate) fn extend(&mut self, end: u64) {
        self.end = self.end.max(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_logs_carry() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Used { epoch: 0, ..Used::find(dir.path(), &[]) }, Used::default());
        for file in [
            "builds/14.log",
            "builds/9.log",
            "shop/web/i12.log",
            "shop/web/i7.log.1",
            "shop/web/platform.log",
        ] {
            let path = dir.path().join("logs").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let used = Used::find(dir.path(), &[]);
        assert_eq!(Counter::ALL.map(|c| used.of(c))[..4], [14, 0, 0, 12]);
        assert!(used.of(Counter::Epoch) > 1_700_000_000, "{used:?}");
    }
}
