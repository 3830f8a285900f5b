//! `up`: the whole product in one command.

use std::net::SocketAddr;

use anyhow::Result;
use dormouse_api::LogQuery;
use futures_util::StreamExt;

use crate::{
    FAILED, OK,
    args::DeployArgs,
    deploy, human, logs,
    server::{Server, free_address},
    settings::Settings,
    stop::Stop,
    streams::Streams,
    target::Target,
};

pub(crate) async fn up(settings: &Settings, args: &DeployArgs, streams: &mut Streams) -> Result<u8> {
    let packed = deploy::scan(settings, args, streams)?;
    let client = settings.client();
    match client.server().await {
        Ok(info) => {
            settings.say(
                streams,
                &format!("deploying to the server that already runs at {}", settings.state.display()),
            )?;
            if settings.listen_given && info.listen != settings.listen.to_string() {
                streams.warning(&format!("it listens on {}, not on {}", info.listen, settings.listen))?;
            }
            let mut stop = Some(Stop::listen()?);
            let outcome =
                deploy::send_and_follow(settings, &client, packed, args, &mut stop, streams).await?;
            return deploy::finish(settings, &outcome, streams);
        }
        Err(e) if e.is_unreachable() => {}
        Err(e) => return Err(e.into()),
    }
    let mut stop = Stop::listen()?;
    let listen = free_address(settings)?;
    let mut server = Server::start(settings, listen)?;
    let result = with_server(settings, args, packed, &mut server, listen, &mut stop, streams).await;
    // Whatever happened, it is our server, and it goes with us.
    server.end(settings, &mut stop, streams).await?;
    result
}

/// Deploy and stay. Returns when told to stop, or when it makes no sense to stay.
async fn with_server(
    settings: &Settings,
    args: &DeployArgs,
    packed: deploy::Packed,
    server: &mut Server,
    listen: SocketAddr,
    stop: &mut Stop,
    streams: &mut Streams,
) -> Result<u8> {
    let client = settings.client();
    settings.say(
        streams,
        &format!("starting a server on {listen}, with its state in {}", settings.state.display()),
    )?;
    if listen != settings.listen {
        settings.say(streams, &format!("port {} is taken", settings.listen.port()))?;
    }
    tokio::select! {
        ready = server.ready(&client) => { ready?; }
        _ = stop.wanted() => return Ok(FAILED),
    }
    let since = human::now();
    let project;
    // Stopping is about the server here, and it takes the deploy with it.
    let mut alone = None;
    let outcome = tokio::select! {
        outcome = deploy::send_and_follow(settings, &client, packed, args, &mut alone, streams) => {
            let outcome = outcome?;
            project = outcome.project.clone();
            outcome
        }
        e = server.unexpected_end() => return Err(e),
        _ = stop.wanted() => return Ok(FAILED),
    };
    let code = deploy::finish(settings, &outcome, streams)?;
    if code != OK {
        return Ok(code);
    }
    settings.say(streams, "Ctrl-C stops it")?;
    let target = Target { project, service: None };
    let query = LogQuery { since_ms: Some(since), follow: true, platform: true, ..LogQuery::default() };
    let mut lines = Box::pin(logs::follow(client, target, query));
    let mut show = logs::Show::new(false, false, streams);
    loop {
        tokio::select! {
            line = lines.next() => match line {
                Some(Ok(line)) if !settings.json => show.line(&line, streams)?,
                Some(Ok(_)) => {}
                // Logs are a courtesy here; the app goes on without them.
                Some(Err(_)) | None => break,
            },
            e = server.unexpected_end() => return Err(e),
            _ = stop.wanted() => return Ok(OK),
        }
    }
    tokio::select! {
        e = server.unexpected_end() => Err(e),
        _ = stop.wanted() => Ok(OK),
    }
}
