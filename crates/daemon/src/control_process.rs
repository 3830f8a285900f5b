//! The control process: the mind with its hands. May be killed at any instant; the next one adopts what runs.

use std::{collections::BTreeSet, net::SocketAddr, os::unix::net::UnixListener, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use dormouse_builder::{
    Base, BuildSettings, Builder,
    base::{BaseSettings, BaseWishes, Bases},
    hostnet::{self, HostNet, NetSettings},
};
use dormouse_control::{Ballast, Control, ControlSettings};
use dormouse_images::Store;
use dormouse_model::{Clock, ServiceKey};
use dormouse_runtime::{Host, HostSettings, Network, Sandboxes, swap::Swap, tag};
use dormouse_web::WebSettings;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    collect,
    given::Given,
    line::{BEAT, FromChild, ToChild, Upward},
    link, memory, records,
    role::Role,
    settings::{Inherited, Settings, Typed, strangers},
    soundness,
    state::StateDir,
    stop::Asked,
    swap,
};

/// How long to wait for whoever may end us when our parent has died before the server served.
const AFTER_PARENT: Duration = Duration::from_secs(2);

/// Between two looks whether all the room is there that is kept on the disk.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// Builds at the same time: two of a project, so that a slow download does not hold up its other services, and one that
/// is left to other projects.
const BUILDS_AT_ONCE: usize = 3;

pub(crate) type Mind = Control<Host<Arc<Network>>, Builder>;

/// Control what runs until told to end. The apps run on, unless they are to end with the server.
pub(crate) fn run() -> Result<()> {
    let mut given = Given::read();
    let parent = Upward::new(given.parent()?);
    parent.tell_panic()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ended = runtime.block_on(Box::pin(be_control(&mut given, &parent)));
    if let Err(error) = &ended {
        parent.say(&FromChild::Failed { why: format!("{error:#}") });
    }
    // A page-out under way is not waited for: whoever comes next adopts what it meets.
    runtime.shutdown_background();
    ended
}

async fn be_control(given: &mut Given, parent: &Upward) -> Result<()> {
    let Inherited { state, listen, stop_apps } = Inherited::read()?;
    let sockets = given.control()?;
    let prepared = Prepared::read(StateDir::open(&state)?, listen)?;
    parent.say(&FromChild::Prepared);
    // Until then another control may be at work.
    parent.wait_for(&ToChild::Go)?;
    let asked = Asked::listen()?;
    let parts = Box::pin(compose(&prepared)).await?;
    Box::pin(serve(parts, sockets, &prepared, asked, stop_apps, parent)).await
}

/// All that can be read and checked while another control is at work.
struct Prepared {
    state: StateDir,
    settings: Settings,
    tag: String,
    machine: hostnet::Host,
    rules: HostNet,
    base: BaseSettings,
}

impl Prepared {
    fn read(state: StateDir, listen: SocketAddr) -> Result<Self> {
        let settings = Typed::read(&state.settings())?.resolve(listen, state.root())?;
        let root = state.root();
        dormouse_control::check_database(root)?;
        let tag = tag(root)?;
        let machine = hostnet::Host::this();
        let net = NetSettings {
            credentials: settings.credentials.clone(),
            mirrors: settings.mirror.clone().into_iter().collect(),
            ..NetSettings::default()
        };
        let rules = HostNet::read(&machine, &net, &root.join("hostnet"))
            .context("cannot take over this host's network settings")?;
        let wishes = BaseWishes {
            mirror: settings.mirror.clone(),
            suite: settings.suite.clone(),
            ..BaseWishes::default()
        };
        let base = BaseSettings::read(&machine, &wishes)?;
        Ok(Self { settings, tag, machine, rules, base, state })
    }
}

/// The mind, and what has to be taken down behind it.
struct Parts {
    control: Arc<Mind>,
    host: Host<Arc<Network>>,
    network: Arc<Network>,
    swap: Swap,
    store: Store,
}

async fn compose(prepared: &Prepared) -> Result<Parts> {
    let Prepared { state, settings, tag, rules, .. } = prepared;
    let root = state.root();
    let swap = Swap::set_up(&root.join("swap"), tag, settings.swap);
    let pool = dormouse_control::recorded_pool(root)?;
    let network = Network::open(root, tag, settings.egress.clone(), settings.bandwidth.clone(), pool).await;
    let network = network.context("cannot set up the apps' networks")?;
    let network = Arc::new(network);
    network.watch().context("cannot watch the apps' networks")?;
    let store = Store::open(&root.join("images"))?;
    let sandboxes = Arc::new(Sandboxes::open(root)?.on_network(network.clone()));
    let hands = HostSettings {
        state: root.to_owned(),
        images: store.clone(),
        can_page: swap.can_page(),
        mounts: rules.app_mounts().to_vec(),
        env: rules.app_env().clone(),
        native_aio: settings.native_aio,
    };
    hostnet::forget_former(&root.join("hostnet"))?;
    let builder = builder(prepared, &store, &sandboxes);
    let host = Host::open(hands, network.clone())?;
    let control = Control::open(
        ControlSettings {
            state: root.to_owned(),
            pool: network.pool(),
            domain: settings.domain.clone(),
            scheme: settings.edge.scheme.as_str().to_owned(),
            public_port: settings.edge.public_port(settings.listen.port()),
            builds_at_once: BUILDS_AT_ONCE,
            keep: settings.keep,
            most: settings.most,
            clock: Clock::system(),
        },
        host.clone(),
        builder,
    );
    Ok(Parts { control: Box::pin(control).await?, host, network, swap, store })
}

fn builder(prepared: &Prepared, store: &Store, sandboxes: &Arc<Sandboxes>) -> Builder {
    let Prepared { state, settings, machine, rules, base, .. } = prepared;
    let cache = state.root().join("cache");
    let bases =
        Bases::new(store.clone(), sandboxes.clone(), base.clone(), machine.clone(), &cache.join("base"));
    let mut limits = BuildSettings::default();
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
    if let Some(time) = settings.build_silence {
        limits.silence_limit = time;
    }
    if let Some(bytes) = settings.build_disk {
        limits.limits.disk = bytes;
        limits.compile_limits.disk = bytes;
    }
    limits.host_rust = settings.host_rust.clone();
    let (sandboxes, rules, base) =
        (sandboxes.clone(), Arc::new(rules.clone()), Base::Debian(Arc::new(bases)));
    Builder::new(store.clone(), sandboxes, rules, base, limits, &cache.join("builds"))
}

async fn serve(
    parts: Parts,
    (api, edge): (UnixListener, UnixListener),
    prepared: &Prepared,
    asked: Asked,
    stop_apps: bool,
    parent: &Upward,
) -> Result<()> {
    let Parts { control, host, network, swap, store } = parts;
    edge.set_nonblocking(true)?;
    let edge = tokio::net::UnixListener::from_std(edge).context("cannot use the edge's socket")?;
    let edges = records::living(&prepared.state, Role::Edge);
    let line = tokio::spawn(link::serve(edge, control.clone(), edges));
    let web = WebSettings::new(env!("CARGO_PKG_VERSION"), prepared.settings.listen.to_string());
    let opened = opened(parent.again()?);
    let (mind, ends) = (control.clone(), asked.clone().either());
    let doors = tokio::spawn(async move {
        opened.await;
        mind.settle();
        dormouse_web::serve(api, mind, web, ends).await
    });
    let housekeeping = tokio::spawn(collect::run(store.clone(), control.clone()));
    let looking = tokio::spawn(soundness::run(store, control.clone()));
    let end = CancellationToken::new();
    let swap = tokio::spawn(swap::keep(swap, host, control.clone(), end.clone()));
    let ballast = tokio::spawn(keep(Ballast::of(prepared.state.root())));
    let frugality = tokio::spawn(memory::give_back_when_idle());
    parent.say(&FromChild::Serving);
    let naming = tokio::spawn(name_strangers(control.clone(), prepared.settings.clone()));
    let pulse = tokio::spawn(pulse(control.clone(), parent.again()?));
    control.run(asked.clone().either()).await;
    let replaced = asked.leave.is_cancelled();
    if stop_apps && !replaced {
        // Word of what is being stopped still reaches the edge.
        control.stop_all().await;
    }
    let left = control.left_running().await;
    for task in [&housekeeping, &looking, &frugality, &naming, &pulse, &ballast] {
        task.abort();
    }
    line.abort();
    doors.abort();
    let left = left.context("what runs on is not known")?;
    if replaced {
        return Ok(());
    }
    if !left.is_empty() {
        info!("{}", run_on(&left));
        return Ok(());
    }
    if let Err(error) = network.tear_down().await {
        warn!("some of the apps' networks stay: {:#}", anyhow::Error::from(error));
    }
    end.cancel();
    if let Ok(Some(swap)) = swap.await {
        swap.tear_down();
    }
    Ok(())
}

/// Let the parent know that we work, for as long as the reconciler takes its turns.
async fn pulse(mind: Arc<Mind>, parent: Upward) {
    while mind.pulse().await.is_ok() {
        parent.beat();
        tokio::time::sleep(BEAT).await;
    }
}

/// Say which tables of `server.toml` are of projects that there are not.
async fn name_strangers(mind: Arc<Mind>, settings: Settings) {
    let Ok(all) = mind.ps().await else { return };
    let there = all.iter().map(|service| service.key.project.as_str());
    if let Some((what, hint)) = strangers(&settings, there) {
        warn!(hint, "{what}");
    }
}

/// Keep room on the disk for ourselves, for ever.
async fn keep(ballast: Ballast) {
    let mut was_refused = false;
    loop {
        let ballast = ballast.clone();
        let refused = match tokio::task::spawn_blocking(move || ballast.keep()).await {
            Ok(kept) => kept.err(),
            Err(_) => return,
        };
        if let Some(error) = refused.as_ref().filter(|_| !was_refused) {
            warn!(%error, "no room is kept on the disk for the server itself");
        }
        was_refused = refused.is_some();
        tokio::time::sleep(KEEP_EVERY).await;
    }
}

/// Returns once the whole server serves. Until then, when it takes over from another, that other one may take back what we
/// did, so nobody is promised anything; what is asked waits in the socket's backlog.
async fn opened(parent: Upward) {
    let told = tokio::task::spawn_blocking(move || parent.wait_for(&ToChild::Open)).await;
    if !matches!(told, Ok(Ok(()))) {
        // The parent was killed. Should another server live, it ends us now.
        tokio::time::sleep(AFTER_PARENT).await;
    }
}

/// What is left behind, and what can be done about it.
fn run_on(left: &BTreeSet<ServiceKey>) -> String {
    let projects = left.iter().map(|key| &key.project).collect::<BTreeSet<_>>().len();
    let many = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!(
        "{} of {} run on without this server, and the next `dormouse serve` takes them over; \
         `dormouse down --all` ends and forgets them",
        many(left.len(), "service"),
        many(projects, "project"),
    )
}
