//! A builder that builds nothing.

use dormouse_model::{
    ImageId,
    manifest::{Code, Languages, Role},
};
use tokio::sync::mpsc;

use super::Sim;
use crate::{BuildError, BuildEvent, BuildOutcome, BuildRequest, Builds, Stream};

/// A file that makes a folder one that the simulator builds.
pub const MARK: &str = "app.sim";

/// The only language that the simulator knows.
#[derive(Debug)]
pub struct Simulated;

impl Languages for Simulated {
    fn role(&self, path: &str) -> Option<Role> {
        (path.rsplit('/').next() == Some(MARK)).then_some(Role::Recipe)
    }

    fn can_build(&self, code: &Code<'_>) -> bool {
        code.has(MARK)
    }

    fn is_at_top(&self, code: &Code<'_>) -> bool {
        code.has(MARK)
    }
}

impl Builds for Sim {
    async fn build(
        &self,
        request: &BuildRequest,
        events: mpsc::UnboundedSender<BuildEvent>,
    ) -> Result<BuildOutcome, BuildError> {
        let (takes, fails) = self.with(|w| {
            let permille = w.faults.build_fails;
            (w.faults.build_takes, w.rng.chance(permille))
        });
        let name = "source".to_owned();
        // A receiver that went away does not stop the build.
        let send = |event| drop(events.send(event));
        send(BuildEvent::Phase { name: name.clone(), cached: false });
        send(BuildEvent::Output { stream: Stream::Out, text: format!("building {}", request.key) });
        self.pass(takes).await;
        if fails {
            return Err(BuildError::Phase { phase: name, why: "exited with code 1".to_owned() });
        }
        let ms = u64::try_from(takes.as_millis()).unwrap_or(u64::MAX);
        send(BuildEvent::PhaseDone { name, ms });
        let start = request.spec.start.clone().unwrap_or_else(|| vec!["serve".to_owned()]);
        Ok(BuildOutcome {
            image: ImageId(format!("sha256:{:064x}", request.id.0).into()),
            start,
            start_origin: None,
        })
    }

    fn languages(&self) -> &'static dyn Languages {
        &Simulated
    }

    fn advice(&self, said: &[String]) -> Option<String> {
        said.iter().find_map(|line| line.strip_prefix("missing: ")).map(|what| format!("install {what}"))
    }
}
