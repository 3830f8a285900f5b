//! The control process: the mind with its hands. May be killed at any instant; the next one adopts what runs.

use std::{os::unix::net::UnixListener, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use dormouse_builder::{
    Base, BuildSettings, Builder,
    base::{BaseSettings, BaseWishes, Bases},
    hostnet::{self, HostNet, NetSettings},
};
use dormouse_control::{Control, ControlSettings};
use dormouse_images::Store;
use dormouse_runtime::{Host, HostSettings, Network, Sandboxes, swap::Swap, tag};
use dormouse_web::WebSettings;
use listenfd::ListenFd;
use tracing::warn;

use crate::{
    collect, link, memory,
    settings::{self, Settings, Typed},
    state::StateDir,
    stop,
};

/// Builds at the same time. Two keep a small host usable while a slow download does not hold up everybody.
const BUILDS_AT_ONCE: usize = 2;

type Mind = Control<Host<Arc<Network>>, Builder>;

/// Control what runs until told to end, then stop it all.
pub(crate) fn run() -> Result<()> {
    let (dir, listen) = settings::inherited()?;
    let state = StateDir::open(&dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let made = async {
            let settings = Typed::read(&state.settings())?.resolve(listen)?;
            let (api, edge) = sockets()?;
            Ok::<_, anyhow::Error>((compose(&state, &settings).await?, api, edge, settings))
        };
        match Box::pin(made).await {
            Ok((parts, api, edge, settings)) => Box::pin(serve(parts, api, edge, &settings)).await,
            Err(error) => {
                // It would fail the same way again: the parent ends, and says why.
                state.leave_word(&format!("{error:#}"))?;
                Err(error)
            }
        }
    })
}

/// The mind, and what has to be taken down behind it.
struct Parts {
    control: Arc<Mind>,
    network: Arc<Network>,
    swap: Swap,
    store: Store,
}

async fn compose(state: &StateDir, settings: &Settings) -> Result<Parts> {
    let root = state.root();
    let tag = tag(root)?;
    let swap = Swap::set_up(&root.join("swap"), &tag, settings.swap);
    let network = Network::open(root, &tag).await.context("cannot set up the apps' networks")?;
    let network = Arc::new(network);
    let store = Store::open(&root.join("images"))?;
    let sandboxes = Arc::new(Sandboxes::open(root)?.on_network(network.clone()));
    let machine = hostnet::Host::this();
    let rules = HostNet::read(&machine, &NetSettings::default(), &root.join("hostnet"))
        .context("cannot take over this host's network settings")?;
    let hands = HostSettings {
        state: root.to_owned(),
        images: store.clone(),
        can_page: swap.can_page(),
        mounts: rules.app_mounts().to_vec(),
        env: rules.app_env().clone(),
    };
    let builder = builder(root, settings, &store, &sandboxes, &machine, rules)?;
    let host = Host::open(hands, network.clone())?;
    let control = Control::open(
        ControlSettings {
            state: root.to_owned(),
            pool: network.pool(),
            domain: settings.domain.clone(),
            scheme: "http".to_owned(),
            public_port: settings.listen.port(),
            builds_at_once: BUILDS_AT_ONCE,
        },
        host,
        builder,
    );
    Ok(Parts { control: Box::pin(control).await?, network, swap, store })
}

fn builder(
    root: &Path,
    settings: &Settings,
    store: &Store,
    sandboxes: &Arc<Sandboxes>,
    machine: &hostnet::Host,
    rules: HostNet,
) -> Result<Builder> {
    let wishes = BaseWishes {
        mirror: settings.mirror.clone(),
        suite: settings.suite.clone(),
        ..BaseWishes::default()
    };
    let base = BaseSettings::read(machine, &wishes)?;
    let cache = root.join("cache");
    let bases = Bases::new(store.clone(), sandboxes.clone(), base, machine.clone(), &cache.join("base"));
    let mut limits = BuildSettings { parallel: BUILDS_AT_ONCE, ..BuildSettings::default() };
    if let Some(bytes) = settings.build_memory {
        limits.limits.memory = bytes;
    }
    if let Some(seconds) = settings.build_seconds {
        limits.time_limit = Duration::from_secs(seconds);
    }
    if let Some(bytes) = settings.compile_memory {
        limits.compile_limits.memory = bytes;
    }
    if let Some(seconds) = settings.compile_seconds {
        limits.compile_time_limit = Duration::from_secs(seconds);
    }
    limits.host_rust = settings.host_rust.clone();
    let (sandboxes, rules, base) = (sandboxes.clone(), Arc::new(rules), Base::Debian(Arc::new(bases)));
    Ok(Builder::new(store.clone(), sandboxes, rules, base, limits, &cache.join("builds")))
}

async fn serve(parts: Parts, api: UnixListener, edge: UnixListener, settings: &Settings) -> Result<()> {
    let Parts { control, network, swap, store } = parts;
    let shutdown = stop::token()?;
    edge.set_nonblocking(true)?;
    let edge = tokio::net::UnixListener::from_std(edge).context("cannot use the edge's socket")?;
    let line = tokio::spawn(link::serve(edge, control.clone()));
    let web = WebSettings::new(env!("CARGO_PKG_VERSION"), settings.listen.to_string());
    let doors =
        tokio::spawn(dormouse_web::serve(api, control.clone(), web, shutdown.clone().cancelled_owned()));
    let housekeeping = tokio::spawn(collect::run(store, control.clone()));
    let frugality = tokio::spawn(memory::give_back_when_idle());
    control.run(shutdown.cancelled_owned()).await;
    // Word of what is being stopped still reaches the edge.
    control.stop_all().await;
    for task in [&housekeeping, &frugality] {
        task.abort();
    }
    line.abort();
    doors.abort();
    if let Err(error) = network.tear_down().await {
        warn!("some of the apps' networks stay: {:#}", anyhow::Error::from(error));
    }
    swap.tear_down();
    Ok(())
}

fn sockets() -> Result<(UnixListener, UnixListener)> {
    let mut inherited = ListenFd::from_env();
    let mut take = |i, what: &str| {
        inherited
            .take_unix_listener(i)
            .ok()
            .flatten()
            .with_context(|| format!("{what} was not inherited: this command is run by `dormouse serve`"))
    };
    Ok((take(0, "the API's socket")?, take(1, "the edge's socket")?))
}
