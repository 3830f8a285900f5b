//! Which version of each service serves once a deploy has failed.

use std::collections::BTreeMap;

use dormouse_api::{DeployEvent, DeployStep};

/// What serves of a service, as its events tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// What this deploy brought, or what it did not have to change.
    Wanted,
    /// It failed, and what was there before serves on.
    Before,
    /// It failed, and nothing was there before.
    None,
}

/// The services of a deploy of which something was said.
#[derive(Debug, Default)]
pub(super) struct Served(BTreeMap<String, Version>);

impl Served {
    pub(super) fn hear(&mut self, event: &DeployEvent) {
        let failed = |old_serves: &bool| if *old_serves { Version::Before } else { Version::None };
        let version = match &event.step {
            DeployStep::Ready { job: false, .. } | DeployStep::Applied { .. } | DeployStep::Unchanged => {
                Version::Wanted
            }
            DeployStep::RolloutFailed { old_serves, job: false, .. }
            | DeployStep::BuildFailed { old_serves, .. } => failed(old_serves),
            // A job serves nothing.
            DeployStep::Ready { job: true, .. } | DeployStep::RolloutFailed { job: true, .. } => return,
            DeployStep::Queued { .. }
            | DeployStep::Building
            | DeployStep::Phase { .. }
            | DeployStep::PhaseDone { .. }
            | DeployStep::Progress { .. }
            | DeployStep::Output { .. }
            | DeployStep::LeftOut { .. }
            | DeployStep::Image { .. }
            | DeployStep::Starting { .. }
            | DeployStep::Waiting { .. }
            | DeployStep::Superseded { .. }
            | DeployStep::TakenDown
            | DeployStep::Cancelled
            | DeployStep::Done { .. }
            | DeployStep::Failed { .. } => return,
        };
        self.0.extend(event.service.clone().map(|service| (service, version)));
    }

    /// A line for each service, where a failed deploy left versions of two deploys side by side; otherwise none.
    pub(super) fn mixture(&self, deploy: u64) -> Vec<String> {
        let any = |version| self.0.values().any(|v| *v == version);
        if !any(Version::Wanted) || !(any(Version::Before) || any(Version::None)) {
            return Vec::new();
        }
        let line = |(service, version): (&String, &Version)| match version {
            Version::Wanted => format!("{service}: d{deploy} serves"),
            Version::Before => format!("{service}: failed, and the version before d{deploy} serves on"),
            Version::None => {
                format!("{service}: failed, and nothing serves")
            }
        };
        self.0.iter().map(line).collect()
    }
}
