//! `finrag serve`.

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::Service;
use crate::config::ServeArgs;

/// Serves until SIGTERM or SIGINT.
pub async fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let settings = args.resolve()?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("failed to listen on {}", settings.listen))?;
    let mut terminate = signal(SignalKind::terminate()).context("failed to watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to watch for SIGINT")?;
    tracing::info!(address = %listener.local_addr()?, data = %settings.data, "listening");
    let service = Service::start(settings).await?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    service.serve(listener, stop).await?;
    Ok(())
}
