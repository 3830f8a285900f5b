//! `dormouse env`: variables kept for services, sealed.

use std::{collections::BTreeSet, sync::Arc};

use dormouse_backend::{Builds, Workloads};
use dormouse_model::{
    ProjectName, ProjectSpec, ServiceKey, ServiceName, ServiceSpec, Stored, Time, Variables, dotenv, env,
};

use super::{
    again::{Come, RequestId},
    restart::current,
};
use crate::{Control, OpError};

/// Variables that the platform sets itself, and what to do instead of setting them.
const OURS: [(&str, &str); 3] = [
    ("PORT", "the port is `port` in dormouse.toml, `expose` in a compose file"),
    ("DORMOUSE_PROJECT", "it is always the project's name; give a variable of your own another name"),
    ("DORMOUSE_SERVICE", "it is always the service's name; give a variable of your own another name"),
];

/// What is to be kept or forgotten.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct EnvChange {
    /// Variables to keep.
    pub set: Variables,
    /// Names to forget.
    pub unset: BTreeSet<String>,
    /// The text of a file of variables to keep.
    pub import: Option<String>,
    /// Whether services that run without it are replaced at once.
    pub restart: bool,
    /// What the client calls it: the same is carried out once.
    pub request: Option<RequestId>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvChanged {
    /// Names that are kept now.
    pub set: Vec<String>,
    /// Names in the file that are not kept, because the platform sets them itself.
    pub passed_over: Vec<String>,
    /// Services that were replaced, and run with it.
    pub restarted: Vec<ServiceKey>,
    /// Services that have it from their next start of a deployment on.
    pub later: Vec<ServiceKey>,
    /// Whether there is such a project, or such a service in it; what is kept waits for its first deploy otherwise.
    pub known: bool,
}

/// A variable that is kept. Its value is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvEntry {
    /// Whose it is; `None` for every service of the project.
    pub service: Option<ServiceName>,
    /// Its name.
    pub name: String,
    /// When it was set.
    pub set_at: Time,
}

impl<W: Workloads, B: Builds> Control<W, B> {
    /// What is kept for a project, or for one of its services.
    ///
    /// # Errors
    /// When a name cannot be one, or the store refuses.
    pub async fn env(&self, project: &str, service: Option<&str>) -> Result<Vec<EnvEntry>, OpError> {
        let (project, service) = names(project, service)?;
        let rows = self.store.write(move |tx| tx.env_names(&project)).await?;
        let wanted = rows.into_iter().filter(|row| service.is_none() || row.service == service);
        Ok(wanted.map(|r| EnvEntry { service: r.service, name: r.name, set_at: r.set_at }).collect())
    }

    /// Keep and forget variables of a project or of one of its services, and replace what runs without them. A project
    /// that is not there yet has them from its first deploy on.
    ///
    /// # Errors
    /// When a variable cannot be one, or a service does not become ready with them; they are kept all the same then.
    pub async fn change_env(
        self: &Arc<Self>,
        project: &str,
        service: Option<&str>,
        change: EnvChange,
    ) -> Result<EnvChanged, OpError> {
        let this = self.clone();
        let (name, service) = names(project, service)?;
        // A task of its own: who asks may leave at any moment, and what is kept and what runs stay of one mind.
        let changing = tokio::spawn(async move { Box::pin(this.change(name, service, change)).await });
        changing.await.map_err(|_| OpError::Closing)?
    }

    async fn change(
        &self,
        name: ProjectName,
        service: Option<ServiceName>,
        change: EnvChange,
    ) -> Result<EnvChanged, OpError> {
        let EnvChange { mut set, unset, import, restart, request } = change;
        let mut passed_over = Vec::new();
        if let Some(text) = import {
            let read = dotenv::parse(&text, &mut |_| None);
            let read = read.map_err(|e| OpError::Variable(format!("line {}: {}", e.line, e.why)))?;
            // What the platform sets is often in such files, and nothing anybody could mean to change.
            let (ours, theirs) =
                read.into_iter().partition::<Variables, _>(|(name, _)| instead(name).is_some());
            set.extend(theirs);
            passed_over.extend(ours.into_keys());
        }
        for (name, value) in &set {
            check(name, value)?;
        }
        let turn = self.one_at_a_time.lock().await;
        let come = self.come(request.as_ref()).await?;
        if let Come::Replaces(waiting) = come {
            drop(turn);
            let restarted = waiting.iter().map(|(key, _)| key.clone()).collect();
            self.until_live(waiting).await.map_err(|failed| OpError::Kept(Box::new(failed)))?;
            let set = set.into_keys().collect();
            return Ok(EnvChanged { set, passed_over, restarted, known: true, ..EnvChanged::default() });
        }
        let (row, of, at, kept) = (name.clone(), service.clone(), self.clock.wall(), set.clone());
        let (asked, now) = (request.clone(), self.clock.now());
        let write = self.store.write(move |tx| {
            if come == Come::Kept {
                return Ok(Vec::new());
            }
            // All or nothing: whoever mistyped one name has the others as they were.
            let there: BTreeSet<_> =
                tx.env_names(&row)?.into_iter().filter(|r| r.service == of).map(|r| r.name).collect();
            let missing: Vec<_> = unset.difference(&there).cloned().collect();
            if missing.is_empty() {
                tx.env_set(&row, of.as_ref(), &kept, at)?;
                tx.env_unset(&row, of.as_ref(), &unset)?;
                if let Some(asked) = asked {
                    tx.request(&asked, None, now)?;
                }
            }
            Ok(missing)
        });
        let missing = write.await?;
        if !missing.is_empty() {
            return Err(not_kept(&name, service.as_ref(), &missing));
        }
        let set = set.into_keys().collect();
        let Ok(keys) = self.keys(name.as_str(), service.as_ref().map(ServiceName::as_str)).await else {
            return Ok(EnvChanged { set, passed_over, ..EnvChanged::default() });
        };
        let stored = self.stored(Some(&name)).await?;
        let current = self
            .call(move |state| {
                // What was never built has it from its first deployment on.
                let built = keys.into_iter().filter(|key| state.desired.services.contains_key(key));
                current(state, &built.collect::<Vec<_>>())
            })
            .await??;
        let anew: Vec<_> = current
            .into_iter()
            .map(|(key, target, live)| {
                let stored = stored.of(&key.project, Some(&key.service));
                (key, ServiceSpec { stored, ..ServiceSpec::clone(&target.spec) }, target, live)
            })
            .filter(|(_, spec, target, _)| {
                // What a process is given already needs no new one.
                spec.env.filled(&spec.stored) != target.spec.env.filled(&target.spec.stored)
            })
            .collect();
        let keys: Vec<_> = anew.iter().map(|(key, ..)| key.clone()).collect();
        if !restart {
            return Ok(EnvChanged { set, passed_over, later: keys, known: true, ..EnvChanged::default() });
        }
        self.replace(turn, anew, request).await.map_err(|failed| OpError::Kept(Box::new(failed)))?;
        Ok(EnvChanged { set, passed_over, restarted: keys, known: true, ..EnvChanged::default() })
    }

    /// Forget everything that is kept for a project; whether there was anything.
    pub(super) async fn purge_env(&self, project: &str) -> Result<bool, OpError> {
        let (project, _) = names(project, None)?;
        let purge = self.store.write(move |tx| {
            let any = !tx.env_names(&project)?.is_empty();
            tx.env_purge(&project)?;
            Ok(any)
        });
        Ok(purge.await?)
    }

    /// Everything that is kept; all of it of the project that needs it.
    ///
    /// # Errors
    /// When something of that cannot be read: nothing runs without a variable that it was given.
    pub(super) async fn stored(&self, needed: Option<&ProjectName>) -> Result<Stored, OpError> {
        let needed = needed.cloned();
        Ok(self.store.write(move |tx| tx.env_all(needed.as_ref())).await?)
    }
}

/// A project as it is deployed: with what is kept for each of its services.
pub(super) fn configured(spec: &ProjectSpec, stored: &Stored) -> ProjectSpec {
    let with = |service: &Arc<ServiceSpec>| {
        let stored = stored.of(&spec.name, Some(&service.name));
        match stored == service.stored {
            true => service.clone(),
            false => Arc::new(ServiceSpec { stored, ..ServiceSpec::clone(service) }),
        }
    };
    let services = spec.services.iter().map(|(name, service)| (name.clone(), with(service))).collect();
    ProjectSpec { services, ..spec.clone() }
}

fn names(project: &str, service: Option<&str>) -> Result<(ProjectName, Option<ServiceName>), OpError> {
    Ok((project.parse()?, service.map(str::parse).transpose()?))
}

/// What to do instead of setting a variable, if it is one of the platform's.
fn instead(name: &str) -> Option<&'static str> {
    OURS.iter().find(|(ours, _)| *ours == name).map(|(_, hint)| *hint)
}

fn check(name: &str, value: &str) -> Result<(), OpError> {
    if let Some(hint) = instead(name) {
        return Err(OpError::Variable(format!("{name} is set by the platform\n  hint: {hint}")));
    }
    // A compose file may name such a one; on a command line it is a slip.
    if name.contains(char::is_whitespace) {
        return Err(OpError::Variable(format!("`{}` cannot be the name of a variable", name.escape_debug())));
    }
    env::check(name, value).map_err(OpError::Variable)
}

fn not_kept(project: &ProjectName, service: Option<&ServiceName>, missing: &[String]) -> OpError {
    let whose = service.map_or_else(|| project.to_string(), |s| format!("{project}/{s}"));
    let names: Vec<_> = missing.iter().map(|n| format!("`{n}`")).collect();
    OpError::Variable(format!(
        "nothing is kept for {whose} under {}\n  hint: `dormouse env ls {project}` lists what is",
        names.join(", ")
    ))
}
