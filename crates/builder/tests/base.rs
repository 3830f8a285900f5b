//! A base made for real: fetched from the mirror this host uses, verified, unpacked, configured in a sandbox.
//! Needs root and a mirror; ignored where root is missing.
//!
//! Without the usual harness, because a sandbox begins as a re-execution of this very program.
#![allow(clippy::print_stdout, missing_docs)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use dormouse_backend::{BuildEvent, Stream};
use dormouse_builder::{
    base::{BaseError, BaseLayer, BaseSettings, BaseWishes, Bases},
    hostnet::Host,
};
use dormouse_images::Store;
use dormouse_model::{ExitStatus, Limits};
use dormouse_runtime::{Profile, Resolver, RunSpec, Sandboxes, Share, become_sandbox_if_asked};
use tokio::sync::mpsc;

struct Bench {
    dir: PathBuf,
    store: Store,
    sandboxes: Arc<Sandboxes>,
}

impl Bench {
    fn new(dir: &Path) -> Self {
        let store = Store::open(&dir.join("images")).unwrap();
        Self { dir: dir.to_owned(), store, sandboxes: Arc::new(Sandboxes::open(dir).unwrap()) }
    }

    fn bases(&self, wishes: &BaseWishes, refresh: Duration) -> Bases {
        let host = Host::this();
        let settings = BaseSettings::read(&host, wishes).unwrap().refresh_after(refresh);
        Bases::new(self.store.clone(), self.sandboxes.clone(), settings, host, &self.dir.join("cache"))
    }

    /// What it came to, and what was said on the way.
    async fn ensure(&self, bases: &Bases) -> (Result<BaseLayer, BaseError>, Vec<String>) {
        let (to, mut from) = mpsc::unbounded_channel();
        let base = bases.ensure(&to).await;
        drop(to);
        let mut said = Vec::new();
        while let Some(event) = from.recv().await {
            if let BuildEvent::Output { text, .. } = event {
                said.push(text);
            }
        }
        (base, said)
    }

    async fn run(&self, base: &BaseLayer, argv: &[&str]) -> (ExitStatus, String) {
        let upper = tempfile::tempdir_in(&self.dir).unwrap();
        let (to, mut from) = mpsc::channel::<(Stream, String)>(10_000);
        let spec = RunSpec {
            name: "look".into(),
            lowers: vec![self.store.layer_path(&base.layer)],
            upper: upper.path().join("upper"),
            argv: argv.iter().map(|a| (*a).to_owned()).collect(),
            env: BTreeMap::from([("PATH".into(), "/usr/sbin:/usr/bin".into())]),
            cwd: "/".into(),
            mounts: vec![],
            limits: Limits { memory: 512 << 20, cpu_milli: 2000, pids: 64, ..Limits::default() },
            time_limit: Duration::from_secs(60),
            silence_limit: None,
            room: None,
            network: false,
            resolver: Resolver::Host,
            profile: Profile::App,
            share: Share::Build,
        };
        let end = self.sandboxes.run(spec, to).await.unwrap();
        let mut text = String::new();
        while let Some((_, line)) = from.recv().await {
            text += &line;
            text.push('\n');
        }
        (end.status, text)
    }
}

async fn bootstraps(b: &Bench) -> BaseLayer {
    let bases = b.bases(&BaseWishes::default(), Duration::from_secs(3600));
    assert_eq!(bases.current().await, None);
    let started = Instant::now();
    // Two builds at once: one makes it, the other waits.
    let ((first, said), (second, _)) = tokio::join!(b.ensure(&bases), b.ensure(&bases));
    let first = first.unwrap_or_else(|e| panic!("{e}\n{}", said.join("\n")));
    println!("{}\nmade in {:?}", said.join("\n"), started.elapsed());
    assert_eq!(second.unwrap(), first);
    assert_eq!(bases.current().await, Some(first.clone()));
    for package in ["apt", "base-files", "ca-certificates", "libc6", "python3", "python3-venv"] {
        assert!(first.packages.contains_key(package), "{package}");
    }
    first
}

async fn works_inside(b: &Bench, base: &BaseLayer) {
    for (argv, want) in [
        (&["dpkg", "--audit"][..], ""),
        (&["sh", "-c", "dpkg-query -W -f '${db:Status-Abbrev}\\n' | sort -u"], "ii \n"),
        (
            &[
                "python3",
                "-c",
                "import ssl, sqlite3, venv; print(len(ssl.create_default_context().get_ca_certs()) > 50)",
            ],
            "True\n",
        ),
        (&["sh", "-c", "find / -xdev -name '*.dpkg-new' -o -path '/var/lib/apt/lists/*' -type f"], ""),
        (
            &[
                "sh",
                "-c",
                "readlink /bin /sbin /lib; stat -c %a /tmp /root /usr/bin/passwd; awk 'BEGIN { print 1 }'",
            ],
            "usr/bin\nusr/sbin\nusr/lib\n1777\n700\n4755\n1\n",
        ),
        (&["sh", "-c", "python3 -m venv --without-pip /tmp/v && /tmp/v/bin/python -c 'print(2)'"], "2\n"),
        (&["apt-get", "--simulate", "install", "base-files"], "apt"),
    ] {
        let (status, text) = b.run(base, argv).await;
        assert_eq!(status, ExitStatus::Code(0), "{argv:?}: {text}");
        if want != "apt" {
            assert_eq!(text, want, "{argv:?}");
        }
    }
}

async fn asks_again_and_makes_do_without_a_mirror(b: &Bench, base: &BaseLayer) {
    let started = Instant::now();
    let (again, said) = b.ensure(&b.bases(&BaseWishes::default(), Duration::ZERO)).await;
    println!("asked again in {:?}", started.elapsed());
    assert_eq!(again.unwrap(), *base, "{said:?}");

    // Nothing listens there.
    let gone = BaseWishes { mirror: Some("http://127.0.0.1:9/debian".into()), ..BaseWishes::default() };
    let (kept, said) = b.ensure(&b.bases(&gone, Duration::from_secs(3600))).await;
    assert_eq!(kept.unwrap(), *base);
    assert!(said.iter().any(|l| l.contains("warning") && l.contains("127.0.0.1:9")), "{said:?}");

    let elsewhere = tempfile::tempdir_in(&b.dir).unwrap();
    let (none, _) = b.ensure(&Bench::new(elsewhere.path()).bases(&gone, Duration::ZERO)).await;
    let error = none.unwrap_err();
    assert!(matches!(error, BaseError::Fetch { .. }) && error.to_string().contains("hint:"), "{error}");
}

fn a_base_is_made_used_and_kept() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let b = Bench::new(dir.path());
        let base = bootstraps(&b).await;
        works_inside(&b, &base).await;
        asks_again_and_makes_do_without_a_mirror(&b, &base).await;
    });
}

fn main() -> ExitCode {
    become_sandbox_if_asked();
    // One after the other, on the one base that the first of them makes.
    let tests: &[(&str, fn())] = &[("a_base_is_made_used_and_kept", a_base_is_made_used_and_kept)];
    dormouse_trials::run(dormouse_trials::lacks_root(), tests)
}
