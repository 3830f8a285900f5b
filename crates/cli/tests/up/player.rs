//! `dormouse` with a server that keeps to a script.

use std::process::ExitCode;

use anyhow::{Result, bail};
use axum::{
    Router,
    body::{Body, Bytes},
    routing::{delete, get, post},
};
use dormouse_cli::{Hooks, ServeArgs};
use tokio::{
    net::UnixListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Which part to play, in the environment.
pub(crate) const PART: &str = "DORMOUSE_TEST_PART";

/// File in the state folder that tells of a clean end.
pub(crate) const CLEAN: &str = "ended-cleanly";

pub(crate) fn dormouse() -> ExitCode {
    dormouse_cli::run(
        std::env::args_os(),
        &Hooks { serve, doctor: |_| Vec::new(), languages: dormouse_builder::LANGUAGES, version: "0" },
    )
}

fn serve(args: &ServeArgs) -> Result<()> {
    let part = std::env::var(PART)?;
    if part == "broken" {
        bail!("there is no room for a bridge\n  hint: make some");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(play(args, &part))
}

async fn play(args: &ServeArgs, part: &str) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let listen = args.listen;
    let events = match part {
        "failing" => r#"{"seq":0,"at":0,"event":"failed","reason":"its build failed"}"#.to_owned() + "\n",
        _ => {
            r#"{"seq":0,"at":0,"service":"web","event":"ready","deployment":"d1"}"#.to_owned()
                + "\n"
                + &format!(
                    r#"{{"seq":1,"at":0,"event":"done","urls":["http://shop.localhost:{}"]}}"#,
                    listen.port()
                )
                + "\n"
        }
    };
    let info = format!(
        r#"{{"version":"1","pid":1,"listen":"{listen}","state_dir":"/s","started_at":0,"can_page":true}}"#
    );
    let (dies, building) = (part == "dies", part == "building");
    let (cancel, cancelled) = watch::channel(false);
    let app = Router::new()
        .route("/v1/server", get(async move || info))
        .route(
            "/v1/deploys",
            post(async |_: Bytes| r#"{"id":7,"project":"shop","services":["web"],"urls":[]}"#),
        )
        .route(
            "/v1/deploys/7/events",
            get(async move || if building { until_cancelled(cancelled).await } else { Body::from(events) }),
        )
        .route(
            "/v1/deploys/7",
            delete(async move || {
                cancel.send_replace(true);
                r#"{"project":"shop","services":["web"]}"#
            }),
        )
        .route("/v1/projects/shop/logs", get(async move || logs(dies)));
    let listener = UnixListener::bind(args.state.join("api.sock"))?;
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    loop {
        terminate.recv().await;
        if part != "stubborn" {
            break;
        }
    }
    server.abort();
    std::fs::write(args.state.join(CLEAN), "")?;
    Ok(())
}

/// A build that goes on until it is cancelled.
async fn until_cancelled(mut cancelled: watch::Receiver<bool>) -> Body {
    let lines = async_lines(async move {
        // Nobody cancels any more when the server ends.
        drop(cancelled.wait_for(|c| *c).await);
    });
    Body::from_stream(lines)
}

/// The first events at once, the last when `end` is over.
fn async_lines(
    end: impl Future<Output = ()> + Send + 'static,
) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send {
    let first = r#"{"seq":0,"at":0,"service":"web","event":"building"}"#;
    let last = r#"{"seq":1,"at":0,"event":"cancelled"}
{"seq":2,"at":0,"event":"failed","reason":"cancelled"}"#;
    let line = |text: &str| Ok(Bytes::from(format!("{text}\n")));
    let rest = futures_util::stream::once(async move {
        end.await;
        line(last)
    });
    futures_util::StreamExt::chain(futures_util::stream::iter([line(first)]), rest)
}

/// One line and then silence, as of a service that waits; or sudden death.
fn logs(dies: bool) -> Body {
    if dies {
        use std::io::Write;
        let _ = std::io::stderr().write_all(b"about to die\n");
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
    }
    let line =
        r#"{"at":1,"service":"web","instance":"i1","stream":"out","text":"listening"}"#.to_owned() + "\n";
    let lines = futures_util::stream::unfold(Some(line), |line| async move {
        let Some(line) = line else { return std::future::pending().await };
        Some((Ok::<_, std::io::Error>(Bytes::from(line)), None))
    });
    Body::from_stream(lines)
}
