//! `deploy`: pack, send, and show what happens until it is done.

mod asked;
mod attend;
mod follow;
mod lines;
mod progress;
mod served;

use std::{sync::Arc, time::Duration};

use anyhow::{Result, bail};
use dormouse_api::{Client, DeployAccepted, DeployQuery, Error, ErrorCode, Given};

use self::{attend::Left, follow::End, progress::Progress};
use crate::{
    FAILED, INTERRUPTED, OK,
    args::DeployArgs,
    pack,
    settings::Settings,
    source::SourceFolder,
    stop::Stop,
    streams::{Paint, Streams},
};

/// How often a folder is sent when the server goes away before it has acknowledged it.
const SENDS: u32 = 5;

/// Pause before it is sent again.
const AGAIN: Duration = Duration::from_secs(1);

/// A deploy, and how it was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    id: u64,
    /// The project it is of.
    pub(crate) project: String,
    left: Left,
}

pub(crate) async fn deploy(settings: &Settings, args: &DeployArgs, streams: &mut Streams) -> Result<u8> {
    let packed = scan(settings, args, streams)?;
    let client = settings.client();
    // Before anything is packed, so that a missing server is the first thing said.
    client.server().await?;
    let mut stop = Some(Stop::listen()?);
    let outcome = send_and_follow(settings, &client, packed, args, &mut stop, streams).await?;
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
        Some(sources) => SourceFolder::of(&asked.root, sources, &settings.state, settings.languages)?,
        None => SourceFolder::scan(&asked.root, &settings.state, settings.languages)?,
    };
    for warning in asked.warnings.iter().chain(&folder.warnings) {
        streams.warning(warning)?;
    }
    Ok(Packed { folder: Arc::new(folder), given: asked.given })
}

/// Send the folder and show the deploy's events until its last, or until `stop` is wanted.
pub(crate) async fn send_and_follow(
    settings: &Settings,
    client: &Client,
    packed: Packed,
    args: &DeployArgs,
    stop: &mut Option<Stop>,
    streams: &mut Streams,
) -> Result<Outcome> {
    let mut query = query(&packed, args);
    let accepted = tokio::select! {
        accepted = send(client, &packed, &query, streams) => accepted,
        _ = Stop::by(stop) => bail!("stopped while the folder was being sent, so nothing was deployed"),
    };
    let accepted = match accepted {
        Err(Error::Server { error, code: Some(ErrorCode::NameTaken), .. })
            if streams.can_ask() && is_to_replace(&error, stop, streams).await? =>
        {
            query.replace = true;
            send(client, &packed, &query, streams).await?
        }
        Err(gone @ (Error::Broken { .. } | Error::Unreachable { .. })) => {
            bail!("the folder could not be sent in {SENDS} tries: {gone}")
        }
        accepted => accepted?,
    };
    let mut progress = Progress::new(settings.json, args.verbose, streams);
    progress.accepted(&accepted, streams)?;
    let left = attend::attend(client, &accepted, &mut progress, stop, streams).await;
    progress.end();
    Ok(Outcome { id: accepted.id, project: accepted.project, left: left? })
}

/// Whether a project that came from elsewhere, as `error` says, is to be replaced.
async fn is_to_replace(error: &str, stop: &mut Option<Stop>, streams: &mut Streams) -> Result<bool> {
    let question = format!("{error}; replace it?");
    tokio::select! {
        answer = streams.ask(&question) => Ok(answer?),
        _ = Stop::by(stop) => bail!("stopped at the question, so nothing was deployed"),
    }
}

/// What is to be said beside the folder itself.
fn query(packed: &Packed, args: &DeployArgs) -> DeployQuery {
    let Packed { folder, given } = packed;
    // The manifest's folder: which one holds all sources changes with what it names.
    let path = if given.base.is_empty() { folder.root.clone() } else { folder.root.join(&given.base) };
    // Made when the system was installed, and kept when the machine is renamed (machine-id(5)).
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    DeployQuery {
        folder: folder.name.clone(),
        project: args.project.clone(),
        machine: Some(machine.trim().to_owned()),
        path: Some(path.to_string_lossy().into_owned()),
        replace: false,
    }
}

/// Show everything a deploy did, to its end when it still runs. However it ended, that is no failure of the showing.
pub(crate) async fn replay(
    settings: &Settings,
    client: &Client,
    id: u64,
    streams: &mut Streams,
) -> Result<()> {
    let mut progress = Progress::new(settings.json, true, streams);
    let result = follow::follow(client, id, |event| progress.event(event, streams)).await;
    progress.end();
    match result? {
        End::Failed { reason, serves } if !settings.json => {
            streams.err_line(&with_lines(&format!("failed: {reason}"), &serves))?;
            Ok(())
        }
        End::Failed { .. } | End::Done(_) => Ok(()),
    }
}

/// Send until it is acknowledged. A server that dies half way forgets the half, so sending again is safe.
async fn send(
    client: &Client,
    packed: &Packed,
    query: &DeployQuery,
    streams: &mut Streams,
) -> Result<DeployAccepted, Error> {
    let Packed { folder, given } = packed;
    let mut tries = 1;
    loop {
        match client.deploy(query, given, pack::tar(folder.clone())).await {
            Ok(accepted) => return Ok(accepted),
            // It was killed, or is stopping because another takes over.
            Err(Error::Broken { .. } | Error::Unreachable { .. } | Error::Server { status: 503, .. })
                if tries < SENDS =>
            {
                tries += 1;
                tokio::time::sleep(AGAIN).await;
                // Whether anybody reads it shows when something is written that matters.
                let _ = streams.warning("the server went away while the folder was sent; sending it again");
            }
            Err(e @ (Error::Server { .. } | Error::Broken { .. } | Error::Unreachable { .. })) => {
                return Err(e);
            }
        }
    }
}

/// Say how it ended: the URL on a line of its own, or why there is none.
pub(crate) fn finish(settings: &Settings, outcome: &Outcome, streams: &mut Streams) -> Result<u8> {
    match &outcome.left {
        Left::Running => {
            let (id, project) = (outcome.id, &outcome.project);
            streams.err_line(&format!(
                "d{id} of {project} goes on\n  hint: `dormouse logs --build d{id}` shows it, `dormouse cancel d{id}` ends it"
            ))?;
            Ok(INTERRUPTED)
        }
        Left::Ended(End::Done(urls)) => {
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
        Left::Ended(End::Failed { reason, serves }) => {
            streams.error(&with_lines(reason, serves))?;
            Ok(FAILED)
        }
    }
}

fn with_lines(first: &str, more: &[String]) -> String {
    more.iter().fold(first.to_owned(), |text, line| format!("{text}\n  {line}"))
}
