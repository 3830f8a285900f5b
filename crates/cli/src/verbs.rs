//! `sleep`, `wake`, `restart` and `cancel`.

use anyhow::{Result, bail};
use dormouse_api::Affected;

use crate::{
    OK,
    args::{CancelArgs, TargetArgs},
    settings::Settings,
    streams::{Paint, Streams},
    target::{Target, deploy_number},
};

/// What can be asked of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Sleep,
    Wake,
    Restart,
}

pub(crate) async fn apply(
    settings: &Settings,
    verb: Verb,
    args: &TargetArgs,
    streams: &mut Streams,
) -> Result<u8> {
    let client = settings.client();
    let target = Target::find(&args.target, &client).await?;
    let (project, service) = (target.project.as_str(), target.service.as_deref());
    let (done, affected) = match verb {
        Verb::Sleep => ("asleep", client.sleep(project, service).await?),
        Verb::Wake => ("awake", client.wake(project, service).await?),
        Verb::Restart => ("restarting", client.restart(project, service).await?),
    };
    show(settings, done, &affected, streams)?;
    Ok(OK)
}

/// End a deploy.
pub(crate) async fn cancel(settings: &Settings, args: &CancelArgs, streams: &mut Streams) -> Result<u8> {
    let client = settings.client();
    // A part of a deploy cannot be ended, and whoever names one does not mean the rest.
    if args.deploy.contains('/') {
        let Target { project, .. } = Target::find(&args.deploy, &client).await?;
        bail!(
            "a deploy is ended as a whole, and not for `{}` alone\n  hint: `dormouse cancel {project}` ends the one of all its services",
            args.deploy
        );
    }
    let id = deploy_number(&args.deploy, &client).await?;
    let affected = client.cancel(id).await?;
    if settings.json {
        streams.out_json(&affected)?;
    } else {
        let name = streams.out_paint(Paint::Bold, &affected.project);
        streams.out_line(&format!("{name} d{id} cancelled"))?;
    }
    Ok(OK)
}

pub(crate) fn show(
    settings: &Settings,
    done: &str,
    affected: &Affected,
    streams: &mut Streams,
) -> Result<()> {
    if settings.json {
        return Ok(streams.out_json(affected)?);
    }
    if affected.services.is_empty() {
        streams.out_line(&format!("{} {done}", affected.project))?;
    }
    for service in &affected.services {
        let name = streams.out_paint(Paint::Bold, &format!("{}/{service}", affected.project));
        streams.out_line(&format!("{name} {done}"))?;
    }
    Ok(())
}
