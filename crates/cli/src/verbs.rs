//! `sleep`, `wake`, `restart` and `down`.

use anyhow::Result;
use dormouse_api::Affected;

use crate::{
    FAILED, OK,
    args::{CancelArgs, DownArgs, TargetArgs},
    human,
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

pub(crate) async fn down(settings: &Settings, args: &DownArgs, streams: &mut Streams) -> Result<u8> {
    let mut code = OK;
    // One that cannot go keeps no other.
    for project in &args.projects {
        match one_down(settings, project, args).await {
            Ok(affected) => show(settings, "gone", &affected, streams)?,
            Err(e) => {
                streams.error(&human::error(&e))?;
                code = FAILED;
            }
        }
    }
    Ok(code)
}

async fn one_down(settings: &Settings, project: &str, args: &DownArgs) -> Result<Affected> {
    let client = settings.client();
    match client.down(project, args.keep_logs, args.purge).await {
        Ok(affected) => Ok(affected),
        Err(e) => {
            // Also a project that never got as far as a service can be taken down, so ask first and explain after.
            Target::find(project, &client).await?;
            Err(e.into())
        }
    }
}

fn show(settings: &Settings, done: &str, affected: &Affected, streams: &mut Streams) -> Result<()> {
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
