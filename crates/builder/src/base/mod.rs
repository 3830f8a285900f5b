//! The base: a small Debian put together by our own code from a signed mirror.
//!
//! Releases are checked against Debian's keys, indexes and packages against the digests in them. Packages are
//! unpacked side by side here, and their own scripts run in a sandbox; what comes out is one layer.

mod archive;
mod configure;
mod deb;
mod dpkg;
mod error;
mod fetch;
#[cfg(test)]
pub(crate) mod fuzzing;
mod index;
mod proxy;
mod record;
mod relation;
mod release;
mod resolve;
mod settings;
mod signature;
mod sources;
mod stanza;
mod unpack;
mod version;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Instant, SystemTime},
};

use dormouse_backend::{BuildEvent, Stream};
use dormouse_images::{CacheKey, LayerDraft, LayerId, Lookup, Soundness, Store};
use dormouse_model::Time;
use dormouse_runtime::Sandboxes;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::{Mutex, Semaphore, mpsc};

pub use error::BaseError;
pub(crate) use fetch::chain;
pub(crate) use proxy::Proxies;
pub use record::BaseLayer;
pub use settings::{BaseSettings, BaseWishes};
pub(crate) use settings::{apt_config, sources_of};

use self::{deb::Deb, dpkg::Unpacked, fetch::Fetcher, index::Package, record::Record, unpack::Root};
use crate::hostnet::Host;

/// Changes whenever the same packages would make another base.
const RECIPE: &str = "1";

/// On top of what Debian requires: TLS, names of protocols, time zones, and what Python needs to make environments.
/// Our `/usr` is merged from the start; without a word of that, what merges it would come along with all of Perl.
const WANTED: [&str; 7] =
    ["apt", "ca-certificates", "netbase", "python3", "python3-venv", "tzdata", "usr-is-merged"];

/// Archives fetched at a time, and unpacked at a time.
const FETCHES: usize = 8;
const UNPACKS: usize = 2;

type Events = mpsc::UnboundedSender<BuildEvent>;

/// Makes bases, and remembers them.
#[derive(Debug)]
pub struct Bases {
    store: Store,
    sandboxes: Arc<Sandboxes>,
    settings: BaseSettings,
    host: Host,
    cache: PathBuf,
    /// Builds that need a base at the same time wait for one to make it.
    turn: Mutex<()>,
}

impl Bases {
    /// Bases kept in `store`, made of packages kept in `cache`, a folder of its own.
    #[must_use]
    pub fn new(
        store: Store,
        sandboxes: Arc<Sandboxes>,
        settings: BaseSettings,
        host: Host,
        cache: &Path,
    ) -> Self {
        Self { store, sandboxes, settings, host, cache: cache.to_owned(), turn: Mutex::new(()) }
    }

    /// The base that is known and need not be looked at again yet. Asks nobody.
    #[must_use]
    pub async fn current(&self) -> Option<BaseLayer> {
        self.known().await.filter(|r| self.is_fresh(r)).map(|r| r.base)
    }

    /// The base: the known one while it is fresh, otherwise made of what the archive offers now. When no mirror can
    /// be reached, a known one has to do. Progress, and what the packages' scripts say, goes to `events`.
    ///
    /// # Errors
    /// [`BaseError`], each with what to do about it.
    pub async fn ensure(&self, events: &Events) -> Result<BaseLayer, BaseError> {
        let _turn = self.turn.lock().await;
        let known = self.known().await;
        if let Some(record) = known.as_ref().filter(|r| self.is_fresh(r)) {
            return Ok(record.base.clone());
        }
        match (self.make(events).await, known) {
            (Err(e @ BaseError::Fetch { .. }), Some(known)) => {
                let said = e.to_string();
                let first = said.lines().next().unwrap_or_default();
                say(
                    events,
                    &format!("warning: no newer base can be looked for, the one here is used: {first}"),
                );
                Ok(known.base)
            }
            (made, _) => made,
        }
    }

    fn record_path(&self) -> PathBuf {
        record::path(&self.cache, &self.settings.suite, self.settings.arch)
    }

    /// What is recorded, if its layer is still there and sound; asking for it spares it from collection.
    async fn known(&self) -> Option<Record> {
        let record = Record::read(&self.record_path())?;
        let key = self.key(record.base.packages.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let (store, layer) = (self.store.clone(), record.base.layer.clone());
        let is_sound = move || match store.layer_for_key(&key) {
            Lookup::Found(_) => true,
            // The key may be gone before the layer is.
            Lookup::Missing => matches!(store.check_layer(&layer), Ok(Soundness::Sound)),
            Lookup::Damaged(_) => false,
        };
        wait(is_sound).await.then_some(record)
    }

    fn is_fresh(&self, record: &Record) -> bool {
        let age = Time::from(SystemTime::now()).since(record.checked_at);
        record.settings == self.settings.digest() && age < self.settings.refresh
    }

    /// What decides how a base of these packages, sorted by name, comes out.
    fn key<'a>(&self, packages: impl Iterator<Item = (&'a str, &'a str)>) -> CacheKey {
        let key = CacheKey::new("base")
            .with("recipe", RECIPE)
            .with("arch", self.settings.arch)
            .with("sources", self.settings.digest());
        packages.fold(key, |key, (name, version)| key.with(name, version))
    }

    async fn make(&self, events: &Events) -> Result<BaseLayer, BaseError> {
        let started = Instant::now();
        let fetcher = Fetcher::new(&self.settings.proxies, &self.settings.ca)?;
        let (index, warnings) =
            archive::index(&fetcher, &self.settings, &self.host, &self.cache, SystemTime::now()).await?;
        warnings.iter().for_each(|w| say(events, w));
        let packages: Vec<Package> = resolve::closure(&index, &WANTED)?.into_iter().cloned().collect();
        drop(index);

        let versions = packages.iter().map(|p| (p.name.as_str(), p.version.as_str()));
        let key = self.key(versions.clone());
        let base = |layer: LayerId| BaseLayer {
            layer,
            suite: self.settings.suite.clone(),
            packages: versions.clone().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        };
        let layer = match self.store.layer_for_key(&key).found() {
            Some(layer) => layer,
            None => {
                let size: u64 = packages.iter().map(|p| p.size).sum();
                say(
                    events,
                    &format!(
                        "Debian {}: {} packages, {:.1} MB",
                        self.settings.suite,
                        packages.len(),
                        size as f64 / 1e6
                    ),
                );
                let layer = self.assemble(&fetcher, &packages, &key, events).await?;
                say(events, &format!("the base is ready after {:.1} s", started.elapsed().as_secs_f64()));
                layer
            }
        };
        let base = base(layer);
        let record = Record {
            base: base.clone(),
            settings: self.settings.digest(),
            // Something was left out: look again at the next build.
            checked_at: if warnings.is_empty() { SystemTime::now().into() } else { Time::default() },
        };
        record.write(&self.record_path())?;
        archive::forget_debs(&self.cache, &packages);
        Ok(base)
    }

    async fn assemble(
        &self,
        fetcher: &Fetcher,
        packages: &[Package],
        key: &CacheKey,
        events: &Events,
    ) -> Result<LayerId, BaseError> {
        let step = Instant::now();
        let draft = self.store.begin_layer()?;
        configure::skeleton(draft.path(), self.settings.arch)?;
        let unpacked = self.unpack(fetcher, packages, &draft, events).await?;
        dpkg::write(draft.path(), &unpacked)?;
        configure::files(draft.path(), &self.settings, &self.host)?;
        let fetched = step.elapsed();
        let count = packages.len();
        say(
            events,
            &format!("fetched and unpacked in {:.1} s; configuring {count} packages", fetched.as_secs_f64()),
        );
        configure::run(&self.sandboxes, &draft, &unpacked, self.settings.arch).await?;
        let configured = step.elapsed();
        let key = key.clone();
        let layer = wait(move || draft.commit(Some(&key))).await?;
        say(
            events,
            &format!(
                "configured in {:.1} s, kept in {:.1} s",
                (configured - fetched).as_secs_f64(),
                (step.elapsed() - configured).as_secs_f64()
            ),
        );
        Ok(layer)
    }

    /// Fetch and unpack side by side. In the order of `packages` again at the end.
    async fn unpack(
        &self,
        fetcher: &Fetcher,
        packages: &[Package],
        draft: &LayerDraft,
        events: &Events,
    ) -> Result<Vec<Unpacked>, BaseError> {
        let path = draft.path().to_owned();
        let root = Root::open(&path).map_err(|source| BaseError::Io { what: "open", path, source })?;
        let root = Arc::new(root);
        let turns = Semaphore::new(UNPACKS);
        let total: u64 = packages.iter().map(|p| p.size).sum();
        let done = AtomicI64::new(0);
        let progress = |n: i64| {
            let now = done.fetch_add(n, Ordering::Relaxed) + n;
            events.send(BuildEvent::Progress { done: now.try_into().unwrap_or(0), total: Some(total) }).ok();
        };
        let one = async |package: &Package| {
            let bytes = archive::package(fetcher, package, &self.cache, &progress).await?;
            let _turn = turns.acquire().await;
            let root = root.clone();
            let unpacked = wait(move || unpack_one(&root, &bytes)).await;
            unpacked.map_err(|why| BaseError::Package { package: package.name.clone(), why })
        };
        let mut all: Vec<Unpacked> =
            stream::iter(packages).map(one).buffer_unordered(FETCHES).try_collect().await?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        for (got, wanted) in all.iter().zip(packages) {
            if got.name != wanted.name || got.version != wanted.version {
                return Err(BaseError::Package {
                    package: wanted.name.clone(),
                    why: format!("the archive holds {} {} instead", got.name, got.version),
                });
            }
        }
        Ok(all)
    }
}

fn unpack_one(root: &Root, bytes: &[u8]) -> Result<Unpacked, String> {
    let deb = Deb::parse(bytes).map_err(|e| e.to_string())?;
    let conffiles = dpkg::conffiles(&deb.text("conffiles"));
    let mut data = deb.data().map_err(|e| e.to_string())?;
    let list = root.unpack(&mut data, &conffiles).map_err(|e| e.to_string())?;
    drop(data);
    Unpacked::new(deb.control, list)
}

/// Nobody listening is no reason to stop.
fn say(events: &Events, text: &str) {
    events.send(BuildEvent::Output { stream: Stream::Err, text: text.to_owned() }).ok();
}

/// Run something that blocks or computes for long away from the async threads.
async fn wait<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) => match e.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only when the whole program ends.
            Err(_) => std::future::pending().await,
        },
    }
}
