//! What is planned and shown, project by project. Only a project of which something has changed, or whose time has come, is
//! looked at again: what one is to do hangs on nothing of another.

use std::collections::BTreeMap;

use dormouse_backend::{Capabilities, Workloads};
use dormouse_model::{InstanceId, ProjectName, Question, Time};
use dormouse_planner::{Action, Round};

use super::{Reconciler, table::Slice};

/// What was planned last.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    of: BTreeMap<ProjectName, (Round, Slice)>,
    /// Whether a slice is not what was shown last.
    pub(super) has_news: bool,
}

impl Rounds {
    /// What is to be done now, in an order in which it may be.
    pub(super) fn actions(&self) -> Vec<Action> {
        let mut all: Vec<_> = self.rounds().flat_map(|round| &round.actions).cloned().collect();
        all.sort_by_key(Action::rank);
        all
    }

    pub(super) fn questions(&self) -> Vec<(InstanceId, Question)> {
        self.rounds().flat_map(|round| &round.questions).cloned().collect()
    }

    pub(super) fn looks(&self) -> Vec<InstanceId> {
        self.rounds().flat_map(|round| &round.looks).copied().collect()
    }

    /// When one has to be planned again although nothing changes.
    pub(super) fn next(&self) -> Option<Time> {
        self.rounds().filter_map(|round| round.next).min()
    }

    pub(super) fn of(&self, project: &ProjectName) -> Option<&Round> {
        self.of.get(project).map(|(round, _)| round)
    }

    pub(super) fn slices(&self) -> impl Iterator<Item = &Slice> {
        self.of.values().map(|(_, slice)| slice)
    }

    fn rounds(&self) -> impl Iterator<Item = &Round> {
        self.of.values().map(|(round, _)| round)
    }
}

impl<W: Workloads> Reconciler<W> {
    /// Plan again whatever is not as it was.
    pub(super) fn survey(&mut self, now: Time) {
        let Capabilities { depths } = self.workloads.capabilities();
        let mut due = self.state.take_touched();
        if depths != self.state.desired.depths {
            self.state.desired.depths = depths;
            due.extend(self.rounds.of.keys().cloned());
        }
        let late = |(round, _): &(Round, Slice)| round.next.is_some_and(|at| at <= now);
        due.extend(self.rounds.of.iter().filter(|(_, planned)| late(planned)).map(|(name, _)| name.clone()));
        for project in due {
            let state = &self.state;
            let round = dormouse_planner::round(&state.desired, &state.observed, &project, now);
            let slice = Slice::of(state, &project, &round.standings);
            let before = self.rounds.of.remove(&project).map(|(_, slice)| slice).unwrap_or_default();
            self.rounds.has_news |= before != slice;
            if !round.is_empty() || slice != Slice::default() {
                self.rounds.of.insert(project, (round, slice));
            }
        }
        #[cfg(debug_assertions)]
        self.is_up_to_date(now);
    }

    /// That nothing changes unnoticed.
    #[cfg(debug_assertions)]
    fn is_up_to_date(&self, now: Time) {
        let sorted = |actions: Vec<Action>| {
            let mut all: Vec<_> = actions.iter().map(|action| format!("{action:?}")).collect();
            all.sort();
            all
        };
        let (desired, observed) = (&self.state.desired, &self.state.observed);
        let all = dormouse_planner::plan(desired, observed, now);
        assert_eq!(
            sorted(self.rounds.actions()),
            sorted(all),
            "something was changed behind the planner's back"
        );
    }
}
