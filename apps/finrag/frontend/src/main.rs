//! The binary: settings from the environment, pages until told to stop.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use finrag_frontend::settings::RawSettings;
use finrag_frontend::{App, router};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How long answers under way may take after a signal to stop.
const GRACE: Duration = Duration::from_secs(8);

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    // One thread renders thousands of pages a second, and sleeps in the least memory.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.context("failed to start the runtime").and_then(|runtime| runtime.block_on(serve()));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    let settings = RawSettings::from_env().resolve()?;
    let listen = settings.listen;
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("failed to listen on {listen}"))?;
    tracing::info!(address = %listener.local_addr()?, backend = %settings.backend, "serving");
    let app = App::new(settings).context("failed to set up the way to the backend")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stopping, mut stopped) = tokio::sync::watch::channel(false);
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stopping.send_replace(true);
    };
    let server = axum::serve(listener, router(app)).with_graceful_shutdown(stop);
    tokio::select! {
        served = server.into_future() => served.context("failed to serve"),
        () = async {
            let _ = stopped.wait_for(|stopped| *stopped).await;
            tokio::time::sleep(GRACE).await;
        } => Ok(()),
    }
}
