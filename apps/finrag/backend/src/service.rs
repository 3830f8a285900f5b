//! The service put together from resolved settings, and its life from bind to stop.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::answer::Answerer;
use crate::api::{self, AppState};
use crate::config::{LlmChoice, Resolved, SettingsError, embedder};
use crate::data::{Keeper, Pool};
use crate::llm::{Bedrock, OpenAi, Remote, error_chain};
use crate::querylog::QueryLog;

/// A running service without its listener: loading, refreshing and logging go on in the background until
/// [`Service::stop`].
pub struct Service {
    state: AppState,
    drain: Duration,
    background: Vec<JoinHandle<()>>,
}

/// Why a service did not start or did not go on.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// A setting.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The HTTP client.
    #[error("failed to set up the HTTP client")]
    Client(#[from] reqwest::Error),
    /// Serving itself.
    #[error("failed to serve")]
    Serve(#[source] std::io::Error),
}

/// How long a stop waits for the log's store.
const LAST_FLUSH: Duration = Duration::from_secs(5);

impl Service {
    /// Starts the background work. Does not wait for the data: until it is there, queries are answered with 503.
    pub async fn start(settings: Resolved) -> Result<Self, ServiceError> {
        // The first to ask decides for the process; a provider that is already there serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().connect_timeout(settings.limits.connect).build()?;
        let embedder = embedder(&settings.embed, &http, settings.limits).await?;
        let remote = match settings.llm {
            LlmChoice::Extractive => None,
            LlmChoice::Bedrock(bedrock) => Some(Remote::Bedrock(Bedrock::new(bedrock).await)),
            LlmChoice::OpenAi(openai) => Some(Remote::OpenAi(OpenAi::new(http, openai))),
        };
        let keeper = Keeper::new(settings.data, settings.pace);
        let log = QueryLog::new(settings.log, settings.log_pace);
        let background =
            vec![tokio::spawn(Arc::clone(&keeper).keep()), tokio::spawn(Arc::clone(&log).keep())];
        let answerer = Answerer {
            catalogue: settings.catalogue,
            remote: remote.map(Arc::new),
            limits: settings.limits,
            embedder,
            pool: Pool::new(settings.workers),
        };
        let state =
            AppState { answerer: Arc::new(answerer), keeper, log, aws_configured: settings.aws_configured };
        Ok(Self { state, drain: settings.drain, background })
    }

    /// The routes, for a listener or to be called in process.
    pub fn router(&self) -> Router {
        api::router(self.state.clone())
    }

    /// The snapshot's keeper, to wait for a load.
    pub fn keeper(&self) -> &Arc<Keeper> {
        &self.state.keeper
    }

    /// The query log.
    pub fn log(&self) -> &Arc<QueryLog> {
        &self.state.log
    }

    /// Serves until `stop` resolves; then takes no more connections, lets queries in flight end (not longer than the
    /// drain time), and writes the log.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServiceError> {
        let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
        let router = self.router();
        let server = axum::serve(listener, router).with_graceful_shutdown(async move {
            stop.await;
            tracing::info!("stopping: letting queries in flight end");
            let _ = stopping.send(());
        });
        let drain = self.drain;
        let served = tokio::select! {
            served = server.into_future() => served,
            () = async {
                match stopped.await {
                    Ok(()) => tokio::time::sleep(drain).await,
                    Err(_) => std::future::pending().await,
                }
            } => {
                tracing::warn!(?drain, "queries are still in flight; stopping all the same");
                Ok(())
            }
        };
        self.stop().await;
        served.map_err(ServiceError::Serve)
    }

    /// Ends the background work and writes what the log still has in memory.
    pub async fn stop(self) {
        for task in &self.background {
            task.abort();
        }
        match tokio::time::timeout(LAST_FLUSH, self.state.log.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("the query log's last rows are lost: {}", error_chain(&error)),
            Err(_) => tracing::error!("the query log's last rows are lost: its store does not answer"),
        }
    }
}
