//! `deploy`: pack, send, and show what happens until it is done.

mod asked;
mod follow;
mod lines;
mod progress;

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use dormouse_api::{Client, DeployAccepted, Error, Given};

use self::{follow::End, progress::Progress};
use crate::{
    FAILED, OK,
    args::DeployArgs,
    pack,
    settings::Settings,
    source::SourceFolder,
    streams::{Paint, Streams},
};

/// How often a folder is sent when the server goes away before it has acknowledged it.
const SENDS: u32 = 5;

/// A deploy that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The project the manifest names.
    pub(crate) project: String,
    end: End,
}

pub(crate) async fn deploy(settings: &Settings, args: &DeployArgs, streams: &mut Streams) -> Result<u8> {
    let packed = scan(settings, args, streams)?;
    let client = settings.client();
    // Before anything is packed, so that a missing server is the first thing said.
    client.server().await?;
    let outcome = send_and_follow(settings, &client, packed, args.verbose, streams).await?;
    finish(settings, &outcome, streams)
}

/// What is sent.
pub(crate) struct Packed {
    folder: Arc<SourceFolder>,
    given: Given,
}

/// The folder and what its manifest asks for besides, with its warnings said.
pub(crate) fn scan(settings: &Settings, args: &DeployArgs, streams: &mut Streams) -> Result<Packed> {
    let asked = asked::ask(args)?;
    let folder = match &asked.sources {
        Some(sources) => SourceFolder::of(&asked.root, sources, &settings.state)?,
        None => SourceFolder::scan(&asked.root, &settings.state)?,
    };
    for warning in &folder.warnings {
        streams.warning(warning)?;
    }
    Ok(Packed { folder: Arc::new(folder), given: asked.given })
}

/// Send the folder and show the deploy's events until its last.
pub(crate) async fn send_and_follow(
    settings: &Settings,
    client: &Client,
    packed: Packed,
    verbose: bool,
    streams: &mut Streams,
) -> Result<Outcome> {
    let mut progress = Progress::new(settings.json, verbose, streams);
    let accepted = send(client, &packed).await?;
    progress.accepted(&accepted, streams)?;
    let result = follow::follow(client, accepted.id, |event| progress.event(event, streams)).await;
    progress.end();
    Ok(Outcome { project: accepted.project, end: result? })
}

/// Show everything a project's newest deploy did, to its end when it still runs. However it ended, that is no failure
/// of the showing.
pub(crate) async fn replay(
    settings: &Settings,
    client: &Client,
    project: &str,
    streams: &mut Streams,
) -> Result<()> {
    let id = client.latest_deploy(project).await?;
    let mut progress = Progress::new(settings.json, true, streams);
    let result = follow::follow(client, id, |event| progress.event(event, streams)).await;
    progress.end();
    match result? {
        End::Failed(reason) if !settings.json => Ok(streams.err_line(&format!("failed: {reason}"))?),
        End::Failed(_) | End::Done(_) => Ok(()),
    }
}

/// Send until it is acknowledged. A server that dies half way forgets the half, so sending again is safe.
async fn send(client: &Client, packed: &Packed) -> Result<DeployAccepted> {
    let Packed { folder, given } = packed;
    let mut tries = 1;
    loop {
        match client.deploy(&folder.name, given, pack::tar(folder.clone())).await {
            Ok(accepted) => return Ok(accepted),
            Err(Error::Broken { .. } | Error::Unreachable { .. }) if tries < SENDS => {
                tries += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(e @ (Error::Server { .. } | Error::Broken { .. } | Error::Unreachable { .. })) => {
                return Err(e.into());
            }
        }
    }
}

/// Say how it ended: the URL on a line of its own, or why there is none.
pub(crate) fn finish(settings: &Settings, outcome: &Outcome, streams: &mut Streams) -> Result<u8> {
    match &outcome.end {
        End::Done(urls) => {
            // The stream of events has said it already.
            if !settings.json {
                for also in urls.iter().skip(1) {
                    streams.err_line(&format!("also at {also}"))?;
                }
                match urls.first() {
                    Some(url) => {
                        let url = streams.out_paint(Paint::Bold, url);
                        streams.out_line(&url)?;
                    }
                    None => streams.err_line("no service is public, so there is no URL")?,
                }
            }
            Ok(OK)
        }
        End::Failed(reason) => {
            streams.error(reason)?;
            Ok(FAILED)
        }
    }
}
