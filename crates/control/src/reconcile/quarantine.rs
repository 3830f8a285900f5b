//! What runs and the database does not know, because it was lost or is an older copy. It runs on, its number and its
//! addresses are nobody else's, people are shown it, and it ends when somebody says so.

use dormouse_backend::{NetworkSpec, Workload};
use dormouse_model::{AddressBlock, Phase};
use tracing::warn;

use super::adopt::adopt;
use crate::{
    OpError, address,
    state::{Project, State},
};

/// Tell apart who the database does not know. What has ended needs nobody's care, and a project that was told to go takes
/// everything of it along.
pub(super) async fn strangers(
    state: &State,
    all: Vec<Workload>,
) -> Result<(Vec<Workload>, Vec<Workload>), OpError> {
    let goes = |w: &Workload| state.projects.get(&w.key.project).is_some_and(|p| p.removing.is_some());
    let (asked, known): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|w| !matches!(w.phase, Phase::Exited(_)) && !goes(w));
    let (hidden, asked): (Vec<_>, Vec<_>) = asked.into_iter().partition(|w| state.hides(w) || state.lacks(w));
    let told = state.store.write(move |tx| {
        let mut told = (hidden, known);
        for workload in asked {
            match tx.knows(workload.id, &workload.key, workload.deployment)? {
                true => told.1.push(workload),
                false => told.0.push(workload),
            }
        }
        Ok(told)
    });
    Ok(told.await?)
}

impl State {
    /// Whether its service is rolled out, and nothing says any more what of it is wanted: a row is missing.
    fn lacks(&self, workload: &Workload) -> bool {
        let key = &workload.key;
        let spec = self.projects.get(&key.project).and_then(|p| p.spec.as_ref());
        spec.is_some_and(|spec| spec.services.contains_key(&key.service))
            && !self.desired.services.contains_key(key)
    }

    /// Where the database knows the project, but not how it has grown since, it keeps the addresses that it has.
    pub(super) fn keep_grown(&mut self, strangers: &[Workload], there: &[NetworkSpec]) {
        for Workload { key, .. } in strangers {
            let Some(network) = there.iter().find(|n| n.project == key.project) else { continue };
            let taken: Vec<_> = self.projects.values().flat_map(|p| &p.blocks).copied().collect();
            let Some(project) = self.projects.get_mut(&key.project) else { continue };
            let free = |block: &AddressBlock| !taken.iter().any(|t| t.overlaps(*block));
            project.blocks.extend(network.blocks().filter(free));
        }
    }

    /// Set them apart. A project that the database does not know is there from now on, with the network it has and
    /// nothing else, so that it can be deployed again or taken down.
    pub(super) fn quarantine(&mut self, strangers: Vec<Workload>, there: &[NetworkSpec]) {
        for workload in strangers {
            let Workload { id, key, addr, .. } = &workload;
            warn!(
                %key, %id,
                "{} this instance: it is left running, and reached by nobody\n  \
                 hint: `dormouse ps` shows it; deploy the project again, then end it with \
                 `dormouse down {} --quarantined`",
                if self.hides(&workload) { "nothing that can be read tells of" } else { "the database does not know" },
                key.project
            );
            if !self.projects.contains_key(&key.project) {
                let network = there.iter().find(|n| n.project == key.project);
                let blocks = network.map_or_else(|| vec![address::around(*addr)], |n| n.blocks().collect());
                let vips =
                    network.iter().flat_map(|n| &n.vips).map(|v| (v.service.clone(), v.addr)).collect();
                let project = Project { blocks, vips, ..Project::default() };
                self.projects.insert(key.project.clone(), project);
            }
            self.quarantined.insert(*id, workload);
        }
    }

    /// They are like any others from now on: what nobody wants of them is stopped.
    pub(crate) fn release(&mut self, which: impl Fn(&Workload) -> bool) {
        let released: Vec<_> = self.quarantined.extract_if(.., |_, w| which(w)).map(|(_, w)| w).collect();
        for workload in released {
            adopt(self, workload, None, None);
        }
    }
}
