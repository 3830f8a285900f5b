//! Every lifecycle rule, as pure functions: no clock, no IO, no memory of earlier calls.
//!
//! [`plan`] says what is to be done now, [`next_deadline`] when to ask again although nothing changes, [`probe_due`]
//! whom to ask what and [`inspect_due`] whom to look into ([`note_answer`], [`note_status`] and [`note_inspection`] take in what
//! came of it; [`compared_with`] and [`compared_by`] say what the answer of a new version is compared with),
//! [`standings`] and [`endpoints`] what to tell people and the edge.
//!
//! What the caller owes:
//! - `Observed` holds what the backend lists, plus what only the caller knows. `ready_at`, `draining_since`, the ends
//!   and the demand have to outlive the process; the rest may be forgotten. Traffic must be known (a first report
//!   after start) before a plan is carried out, because an instance without traffic looks idle.
//! - Two actions on one [`Subject`] are never carried out at the same time, and one that failed is not tried again at
//!   once. After an action is done, plan again: several instances of a deployment are started one after the other.
//! - A [`Action::Stop`] makes its instance draining at the moment it is begun; if its reason
//!   [counts](dormouse_model::StopReason::counts), the end is noted then. An instance that exits while it is not
//!   draining came to an unasked-for end, which is noted when it is seen ([`end_of`], [`note_end`]).
//! - Before a [`Action::Sleep`], or a stop because it is idle, the edge is shown the instance as asleep
//!   ([`Facts::falling_asleep`]) and its answer awaited, that of every edge where there are several ([`Edges`]); the action is carried out only if a fresh plan still has it.
#![forbid(unsafe_code)]

mod action;
mod again;
mod answered;
mod awake;
mod backoff;
mod choice;
mod clock;
mod edges;
mod end;
mod endpoint;
mod health;
mod idle;
mod index;
mod inside;
mod inspect;
mod job;
mod judge;
mod look_in;
mod others;
mod own;
mod plan;
mod probe;
mod sighting;
mod span;
mod standing;
mod stir;
mod traffic;
mod trial;
mod trust;
mod view;
mod watchdog;
mod words;

pub use action::{Action, Subject};
pub use again::starts_again;
pub use answered::{
    Before, Compared, Refused, binds, compared_by, compared_with, fails, is_well, note_status, refuses,
};
pub use awake::Awake;
pub use backoff::{keeps_ending, note_end};
pub use edges::Edges;
pub use end::end_of;
pub use endpoint::{BuildFact, Facts, endpoints, endpoints_of};
pub use inside::note_inspection;
pub use inspect::inspect_due;
pub use judge::{keeps_awake, told_to_sleep};
pub use look_in::note_word;
pub use own::note_activity;
pub use plan::{Round, next_deadline, plan, round};
pub use probe::{answers_well, note_answer, probe_due};
pub use sighting::{cut_of_sleep, ended_of_sleep, note_sighting};
pub use span::span;
pub use standing::{Standing, State, standings};
pub use stir::note_stir;
pub use watchdog::watchdog;
pub use words::{awake, cause, explain, remark, stop, waiting};
