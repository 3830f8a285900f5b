//! A builder on a state folder of its own.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dormouse_backend::{BuildError, BuildEvent, BuildOutcome, BuildRequest, Builds, Stream};
use dormouse_builder::{
    Base, BuildSettings, Builder, LANGUAGES,
    base::{BaseSettings, BaseWishes, Bases},
    hostnet::{Host, HostNet, NetSettings},
};
use dormouse_images::Store;
use dormouse_model::{BuildId, ExitStatus, ImageId, Limits, ServiceKey, ServiceName, ServiceSpec, manifest};
use dormouse_runtime::{EgressPolicies, Profile, Resolver, RunSpec, Sandboxes, Share, net::Network};
use tokio::sync::mpsc;

pub(crate) struct Bench {
    pub(crate) dir: PathBuf,
    pub(crate) store: Store,
    pub(crate) network: Arc<Network>,
    sandboxes: Arc<Sandboxes>,
    net: Arc<HostNet>,
    bases: Arc<Bases>,
    pub(crate) settings: BuildSettings,
}

impl Bench {
    pub(crate) async fn new(dir: &Path) -> Self {
        let store = Store::open(&dir.join("images")).unwrap();
        let tag = dormouse_runtime::tag(dir).unwrap();
        let network =
            Arc::new(Network::open(dir, &tag, EgressPolicies::default(), None, None).await.unwrap());
        let sandboxes = Arc::new(Sandboxes::open(dir).unwrap().on_network(network.clone()));
        let host = Host::this();
        let net = Arc::new(HostNet::read(&host, &NetSettings::default(), &dir.join("hostnet")).unwrap());
        let base = BaseSettings::read(&host, &BaseWishes::default()).unwrap();
        let cache = dir.join("cache/base");
        let bases = Arc::new(Bases::new(store.clone(), sandboxes.clone(), base, host, &cache));
        Self {
            dir: dir.to_owned(),
            store,
            network,
            sandboxes,
            net,
            bases,
            settings: BuildSettings::default(),
        }
    }

    pub(crate) fn builder(&self, settings: BuildSettings) -> Builder {
        self.builder_with(self.net.clone(), settings)
    }

    /// One on a host with other settings of its network.
    pub(crate) fn builder_on(&self, net: HostNet) -> Builder {
        self.builder_with(Arc::new(net), self.settings.clone())
    }

    fn builder_with(&self, net: Arc<HostNet>, settings: BuildSettings) -> Builder {
        Builder::new(
            self.store.clone(),
            self.sandboxes.clone(),
            net,
            Base::Debian(self.bases.clone()),
            settings,
            &self.dir.join("cache/builds"),
        )
    }

    /// A project's folder with these files.
    pub(crate) fn folder(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let dir = self.dir.join("sources").join(name);
        for (file, text) in files {
            let path = dir.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    /// What is asked for when the folder is deployed.
    pub(crate) fn request(&self, id: u64, folder: &Path) -> BuildRequest {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let mut input = manifest::ManifestInput::new(name);
        for entry in walkdir::WalkDir::new(folder).min_depth(1).into_iter().map(Result::unwrap) {
            let path = entry.path().strip_prefix(folder).unwrap().to_str().unwrap();
            if entry.file_type().is_dir() {
                input.add_folder(path);
            } else if manifest::is_relevant(path, LANGUAGES) {
                input.add_bytes(path, &fs::read(entry.path()).unwrap());
            }
        }
        let (project, _) = manifest::resolve(&input, LANGUAGES).unwrap();
        let service: ServiceName = "web".parse().unwrap();
        let spec = project.services[&service].clone();
        let key = ServiceKey { project: project.name, service };
        BuildRequest {
            id: BuildId(id),
            key,
            source: folder.join(&spec.source),
            project: folder.to_owned(),
            spec: ServiceSpec::clone(&spec),
        }
    }

    pub(crate) async fn build(&self, builder: &Builder, request: &BuildRequest) -> Built {
        let (to, mut from) = mpsc::unbounded_channel();
        let outcome = builder.build(request, to).await;
        let mut built = Built { outcome, phases: Vec::new(), said: Vec::new() };
        while let Some(event) = from.recv().await {
            match event {
                BuildEvent::Phase { name, cached } => built.phases.push((name, cached)),
                BuildEvent::Output { text, .. } => built.said.push(text),
                BuildEvent::PhaseDone { .. }
                | BuildEvent::Progress { .. }
                | BuildEvent::LayerDamaged { .. } => {}
            }
        }
        built
    }

    /// Run something in an image, as an instance would.
    pub(crate) async fn run(&self, image: &ImageId, argv: &[&str]) -> (ExitStatus, Vec<String>) {
        let image = self.store.image(image).unwrap();
        let upper = tempfile::tempdir_in(&self.dir).unwrap();
        let (to, mut from) = mpsc::channel::<(Stream, String)>(10_000);
        let spec = RunSpec {
            name: "look".into(),
            lowers: image.layers,
            upper: upper.path().join("upper"),
            argv: argv.iter().map(|a| (*a).to_owned()).collect(),
            env: image.config.env.into_iter().collect::<BTreeMap<_, _>>(),
            cwd: image.config.workdir.into(),
            mounts: vec![],
            limits: Limits::default(),
            time_limit: Duration::from_secs(60),
            silence_limit: None,
            room: None,
            network: false,
            resolver: Resolver::Host,
            profile: Profile::App,
            share: Share::App,
        };
        let end = self.sandboxes.run(spec, to).await.unwrap();
        let mut lines = Vec::new();
        while let Some((_, line)) = from.recv().await {
            lines.push(line);
        }
        (end.status, lines)
    }

    /// Drafts in the store, and sandboxes: both must be gone when no build runs.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let names = |dir: PathBuf| {
            let entries = fs::read_dir(dir).into_iter().flatten().flatten();
            entries.map(|e| e.file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        let tag = dormouse_runtime::tag(&self.dir).unwrap();
        let mut all = names(self.dir.join("images/tmp"));
        for top in ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/freezer", "/sys/fs/cgroup"] {
            let groups = names(Path::new(top).join("dormouse").join(&tag));
            all.extend(groups.into_iter().filter(|n| n.starts_with("run-")));
        }
        all
    }
}

/// One of the examples that ship.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// How a build went.
pub(crate) struct Built {
    pub(crate) outcome: Result<BuildOutcome, BuildError>,
    /// Each with whether its layer was there already.
    pub(crate) phases: Vec<(String, bool)>,
    pub(crate) said: Vec<String>,
}

impl Built {
    pub(crate) fn ok(&self) -> &BuildOutcome {
        match &self.outcome {
            Ok(outcome) => outcome,
            Err(e) => panic!("{e}\n{}", self.said.join("\n")),
        }
    }

    pub(crate) fn error(&self) -> &BuildError {
        match &self.outcome {
            Ok(_) => panic!("it was built\n{}", self.said.join("\n")),
            Err(e) => e,
        }
    }

    /// `base source!`: each phase, with a mark behind those that had to be done.
    pub(crate) fn phases(&self) -> String {
        let one = |(name, cached): &(String, bool)| format!("{name}{}", if *cached { "" } else { "!" });
        self.phases.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}
