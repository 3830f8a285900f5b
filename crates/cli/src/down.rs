//! `down`: projects go, some or all of them.

use std::{net::Ipv4Addr, path::Path};

use anyhow::{Result, bail};
use dormouse_api::{Affected, Client};

use crate::{
    FAILED, OK, args::DownArgs, human, server::Server, settings::Settings, stop::Stop, streams::Streams,
    target::Target, verbs::show,
};

pub(crate) async fn down(settings: &Settings, args: &DownArgs, streams: &mut Streams) -> Result<u8> {
    let client = settings.client();
    if args.all {
        return all(settings, &client, args, streams).await;
    }
    let mut code = OK;
    // One that cannot go keeps no other.
    for project in &args.projects {
        match one(&client, project, args).await {
            Ok(affected) => show(settings, "gone", &affected, streams)?,
            Err(e) => {
                streams.error(&human::error(&e))?;
                code = FAILED;
            }
        }
    }
    Ok(code)
}

async fn one(client: &Client, project: &str, args: &DownArgs) -> Result<Affected> {
    let asked = if args.quarantined {
        client.end_quarantined(project).await
    } else {
        client.down(project, args.keep_logs, args.purge).await
    };
    match asked {
        Ok(affected) => Ok(affected),
        Err(e) => {
            // Also a project that never got as far as a service can be taken down, so ask first and explain after.
            let target = Target::find(project, client).await?;
            if let Some(service) = target.service {
                let whole = target.project;
                bail!(
                    "a project goes as a whole, and `{service}` is a service of it\n  hint: `dormouse down {whole}` ends all of it; without \
                     `{service}` in its manifest, the next deploy ends that one"
                );
            }
            Err(e.into())
        }
    }
}

async fn all(settings: &Settings, client: &Client, args: &DownArgs, streams: &mut Streams) -> Result<u8> {
    let gone = match client.down_all(args.keep_logs, args.purge).await {
        Err(e) if e.is_unreachable() => left_behind(settings, client, args, streams).await?,
        asked => asked?,
    };
    if settings.json {
        streams.out_json(&gone)?;
        return Ok(OK);
    }
    if gone.is_empty() {
        streams.out_line("nothing is deployed")?;
    }
    for affected in &gone {
        show(settings, "gone", affected, streams)?;
    }
    Ok(OK)
}

/// No server runs, but apps may: one of our own takes them over for as long as it takes to end them.
async fn left_behind(
    settings: &Settings,
    client: &Client,
    args: &DownArgs,
    streams: &mut Streams,
) -> Result<Vec<Affected>> {
    if !ever_served(&settings.state)? {
        return Ok(Vec::new());
    }
    settings.say(streams, "no server runs; starting one to end what an earlier one left")?;
    let mut stop = Stop::listen()?;
    let mut server = Server::start(settings, (Ipv4Addr::LOCALHOST, 0).into())?;
    let asked = async {
        server.ready(client).await?;
        Ok(client.down_all(args.keep_logs, args.purge).await?)
    };
    let gone = tokio::select! {
        gone = asked => gone,
        _ = stop.wanted() => Err(anyhow::anyhow!("interrupted; some projects may still be there")),
    };
    server.end(settings, &mut stop, streams).await?;
    gone
}

/// Whether a server has ever kept its state here.
fn ever_served(state: &Path) -> Result<bool> {
    // What runs is there without the database too.
    Ok(state.join("dormouse.db").try_exists()? || state.join("run").try_exists()?)
}
