//! Running a plan: each phase a cached layer, each command in a sandbox.

mod base;
pub(crate) mod caches;
pub(crate) mod command;
mod disk;
pub(crate) mod explain;
mod image;
mod job;
pub(crate) mod libraries;
mod locks;
pub(crate) mod phase;
pub(crate) mod said;
pub(crate) mod scope;
mod source;
pub(crate) mod system;

use std::path::Path;

use dormouse_backend::{BuildError, BuildEvent, BuildOutcome, BuildRequest, Builds};
use dormouse_model::manifest::{Languages, is_manifest};
use tokio::sync::mpsc;

pub use base::Base;
pub use job::Builder;
pub(crate) use job::{Job, Stack, blocking, host};

use crate::{
    hostnet::Ecosystem,
    language::{self, Recipe},
    plan::{PlanError, Wishes},
    source::{Folder, ReadError, Source},
};

impl Builds for Builder {
    async fn build(
        &self,
        request: &BuildRequest,
        events: mpsc::UnboundedSender<BuildEvent>,
    ) -> Result<BuildOutcome, BuildError> {
        // The future is large: its callers should not have to carry it on their stacks.
        Box::pin(Job { builder: self, request, events }.run()).await
    }

    fn languages(&self) -> &'static dyn Languages {
        language::LANGUAGES
    }

    fn advice(&self, said: &[String]) -> Option<String> {
        language::advice(said)
    }
}

impl Job<'_> {
    async fn run(self) -> Result<BuildOutcome, BuildError> {
        let spec = &self.request.spec;
        for warning in &self.builder.net.warnings {
            self.say(warning);
        }
        let source = self.read_source().await?;
        let (base, suite) = self.base().await?;
        let in_base = language::in_base(&self.builder.store.layer_path(&base));
        let wishes = Wishes::of(spec, &in_base);
        let plan = language::plan(&source.listing, &wishes).map_err(|e| self.unknown(e))?;
        source.notes.iter().chain(&plan.notes).for_each(|n| self.say(n));
        self.say_what_is_left_out();
        self.say_what_is_withheld(&*plan.recipe);

        let mut stack = Stack { layers: vec![base], tools: None, suite };
        self.packages(&mut stack).await?;
        plan.recipe.phases(&self, &mut stack, source).await?;
        self.image(stack, plan).await
    }

    async fn read_source(&self) -> Result<Source, BuildError> {
        let request = self.request.clone();
        let read = blocking(move || {
            let (spec, leaves_out) = (&request.spec, |path: &Path| request.spec.leaves_out(path));
            // A manifest holds none.
            let withheld: Vec<&str> =
                spec.left_out.iter().map(String::as_str).filter(|path| !is_manifest(path)).collect();
            Source::read(&Folder {
                source: &request.source,
                project: &request.project,
                include: &spec.include,
                leaves_out: &leaves_out,
                withheld: &withheld,
                reads: language::reads,
            })
        });
        read.await.map_err(|e| match e {
            ReadError::Refused(e) => self.unknown(e),
            ReadError::Io(e) => {
                host(format!("reading the source folder {}", self.request.source.display()), e)
            }
        })
    }

    fn unknown(&self, e: PlanError) -> BuildError {
        BuildError::Unknown { service: self.request.spec.name.to_string(), why: e.why, hint: e.hint }
    }

    /// Name the folders of other services that are in the source folder and not in the image.
    fn say_what_is_left_out(&self) {
        let is_folder = |path: &&String| self.request.source.join(path).is_dir();
        let folders: Vec<_> = self.request.spec.left_out.iter().filter(is_folder).collect();
        let names: Vec<_> = folders.iter().map(|f| format!("`{f}`")).collect();
        if let Some(first) = folders.first() {
            self.say(&format!(
                "without {}: other services' folders are no part of this one's image\n  hint: if it needs them, write include = [\"{first}\"] under [services.{}]",
                names.join(", "),
                self.request.key.service,
            ));
        }
    }

    /// Name the credentials of this host that would concern this build, and that it has not.
    fn say_what_is_withheld(&self, recipe: &dyn Recipe) {
        for of in [recipe.ecosystem(), Ecosystem::Apt, Ecosystem::Proxy] {
            if self.builder.net.withheld().contains(&of) {
                let (what, where_) = if of.is_relayed() {
                    ("not used for builds", "have what they open")
                } else {
                    ("not shown to builds", "have them")
                };
                self.say(&format!(
                    "this host's credentials for {of} are {what}\n  hint: where every project may {where_}, add \"{of}\" to \
                     `credentials` under [build] in server.toml"
                ));
            }
        }
    }
}
