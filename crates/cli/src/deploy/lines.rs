//! Events in words.

use dormouse_api::{DeployStep, Waits};

use crate::{human, plain, streams::Paint};

/// What is said of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Say {
    /// Something begins or goes on.
    Doing(String),
    /// Something is done.
    Did(String),
    /// Something worth knowing while it goes on.
    Note(String),
    /// The service is done, well.
    Good(String),
    /// The service is done, badly; with what it said last.
    Bad(String, Vec<String>),
    /// A line of the build's output.
    Output(String),
    /// So many bytes, of so many.
    Bytes(u64, Option<u64>),
    /// Nothing worth a line.
    Nothing,
}

impl Say {
    /// With nothing in it that a terminal would obey but colours, if those may be: bars are drawn past our streams.
    pub(super) fn plain(self, color: bool) -> Self {
        let line = |text: &String| plain::line(text, color);
        match self {
            Self::Doing(text) => Self::Doing(plain::plain(&text, color)),
            Self::Did(text) => Self::Did(plain::plain(&text, color)),
            Self::Note(text) => Self::Note(plain::plain(&text, color)),
            Self::Good(text) => Self::Good(plain::plain(&text, color)),
            Self::Bad(text, tail) => Self::Bad(plain::plain(&text, color), tail.iter().map(line).collect()),
            Self::Output(text) => Self::Output(line(&text)),
            Self::Bytes(done, total) => Self::Bytes(done, total),
            Self::Nothing => Self::Nothing,
        }
    }

    pub(super) fn paint(&self) -> Paint {
        match self {
            Self::Good(_) => Paint::Good,
            Self::Bad(..) => Paint::Bad,
            Self::Output(_) | Self::Did(_) | Self::Bytes(..) | Self::Nothing => Paint::Dim,
            Self::Doing(_) | Self::Note(_) => Paint::Bold,
        }
    }
}

pub(super) fn say(step: &DeployStep) -> Say {
    match step {
        DeployStep::Queued { waits: None } => Say::Doing("waiting for its build".to_owned()),
        DeployStep::Queued { waits: Some(Waits { place, why }) } => {
            Say::Doing(format!("waiting for its build, as number {place} in line: {why}"))
        }
        DeployStep::Building => Say::Doing("building".to_owned()),
        DeployStep::Phase { name, cached: true } => Say::Did(format!("{name}: cached")),
        DeployStep::Phase { name, cached: false } => Say::Doing(format!("{name} ...")),
        DeployStep::PhaseDone { name, ms } => Say::Did(format!("{name}: done in {}", human::millis(*ms))),
        DeployStep::Progress { done, total } => Say::Bytes(*done, *total),
        DeployStep::Output { text, .. } => Say::Output(text.clone()),
        DeployStep::LeftOut { lines, bytes } => {
            Say::Output(format!("... {lines} lines, {}, are left out ...", human::bytes(*bytes)))
        }
        DeployStep::Image { .. } | DeployStep::Done { .. } | DeployStep::Failed { .. } => Say::Nothing,
        DeployStep::BuildFailed { reason, old_serves } => {
            Say::Bad(format!("build failed: {reason}{}", old(*old_serves)), Vec::new())
        }
        DeployStep::Unchanged => Say::Good("unchanged".to_owned()),
        DeployStep::Applied { changed, .. } => {
            Say::Good(format!("{} applied without a restart", changed.join(", ")))
        }
        DeployStep::Waiting { reason } => Say::Note(format!("not ready yet: {reason}")),
        DeployStep::Starting { why: None, .. } => Say::Doing("starting".to_owned()),
        DeployStep::Starting { why: Some(why), .. } => Say::Doing(format!("starting anew, because {why}")),
        DeployStep::Ready { job: true, .. } => Say::Good("done".to_owned()),
        DeployStep::Ready { job: false, remark: None, .. } => Say::Good("ready".to_owned()),
        DeployStep::Ready { job: false, remark: Some(remark), .. } => {
            Say::Good(format!("ready, but {remark}"))
        }
        DeployStep::RolloutFailed { reason, log_tail, job: true, .. } => {
            Say::Bad(format!("failed: {reason}"), log_tail.clone())
        }
        DeployStep::RolloutFailed { reason, log_tail, old_serves, job: false, .. } => {
            Say::Bad(format!("does not become ready: {reason}{}", old(*old_serves)), log_tail.clone())
        }
        DeployStep::Superseded { by: Some(by) } => Say::Bad(format!("{by} took its place"), Vec::new()),
        DeployStep::Superseded { by: None } => {
            Say::Bad("something newer took its place".to_owned(), Vec::new())
        }
        // The end of the deploy says so.
        DeployStep::TakenDown | DeployStep::Cancelled => Say::Nothing,
    }
}

fn old(serves: bool) -> &'static str {
    if serves { "\n  the version before goes on serving" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told() {
        let step = DeployStep::LeftOut { lines: 171_404, bytes: 17_140_400 };
        assert_eq!(say(&step), Say::Output("... 171404 lines, 16 MiB, are left out ...".to_owned()));
    }

    #[test]
    fn who_waits_for_a_build_is_told_its_place() {
        let why = "3 builds are under way, and more never run at once".to_owned();
        for (waits, said) in [
            (None, "waiting for its build"),
            (
                Some(Waits { place: 2, why }),
                "waiting for its build, as number 2 in line: 3 builds are under way, and more never run at once",
            ),
        ] {
            assert_eq!(say(&DeployStep::Queued { waits }), Say::Doing(said.to_owned()));
        }
    }
}
