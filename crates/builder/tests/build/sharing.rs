//! What projects share of each other's layers, and what they do not.

use std::{path::PathBuf, sync::Arc};

use dormouse_backend::{BuildEvent, BuildOutcome, Builds};
use dormouse_builder::Builder;
use dormouse_model::ImageId;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::bench::Bench;

const SHOWS: &str = "import six\nprint(six.__version__)\n";
const PROCFILE: (&str, &str) = ("Procfile", "web: python main.py\n");

/// The layer that lies `n` below the top.
fn layer(b: &Bench, image: &ImageId, n: usize) -> PathBuf {
    b.store.image(image).unwrap().layers[n].clone()
}

/// Bug: each project installed and kept for itself what another had already.
pub(crate) async fn equal_dependencies_are_installed_and_kept_once(b: &Bench) {
    let builder = b.builder(b.settings.clone());
    let project = |name: &str, requirements: &str| {
        let main = format!("{SHOWS}print('{name}')\n");
        b.folder(name, &[("main.py", &main), ("requirements.txt", requirements), PROCFILE])
    };
    let one = b.build(&builder, &b.request(1, &project("one", "six==1.16.0\n"))).await;
    assert!(one.phases().ends_with("dependencies! source!"), "{}", one.phases());
    let two = b.build(&builder, &b.request(2, &project("two", "six==1.16.0\n"))).await;
    assert_eq!(two.phases(), "base tools dependencies source!");
    let (one, two) = (&one.ok().image, &two.ok().image);
    assert_eq!(layer(b, one, 1), layer(b, two, 1));
    let (_, lines) = b.run(two, &["python", "main.py"]).await;
    assert_eq!(lines, ["1.16.0", "two"]);

    // Another text may mean another installation. It comes to the same, and the same is kept once.
    let third = b.build(&builder, &b.request(3, &project("three", "# ours\nsix==1.16.0\n"))).await;
    assert!(third.phases().ends_with("dependencies! source!"), "{}", third.phases());
    assert_eq!(layer(b, &third.ok().image, 1), layer(b, one, 1));
    // What is compiled is still used as it is.
    let verbose = ["python", "-v", "-c", "import six"];
    let (_, lines) = b.run(&third.ok().image, &verbose).await;
    let told = lines.join("\n");
    assert!(told.contains("matches /app/.venv/lib") && !told.contains("bytecode is stale"), "{told}");
    let other = b.build(&builder, &b.request(4, &project("four", "six==1.17.0\n"))).await;
    assert_ne!(layer(b, &other.ok().image, 1), layer(b, one, 1));
}

/// What was installed with a project's source in sight is in no layer and no cache that another's build can see.
pub(crate) async fn what_saw_the_source_stays_with_its_project(b: &Bench) {
    let builder = b.builder(b.settings.clone());
    // Equal in all that is written down, but for the source.
    let project = |name: &str| {
        let manifest = "[services.web]\ninstall = ['cp /app/hers-alone.txt /var/cache/uv/left-by-a-build', 'pip --version']\n";
        b.folder(name, &[("main.py", SHOWS), ("dormouse.toml", manifest), ("hers-alone.txt", name), PROCFILE])
    };
    let mut layers = Vec::new();
    for (id, name) in [(1, "hers"), (2, "his")] {
        let built = b.build(&builder, &b.request(id, &project(name))).await;
        assert!(built.phases().ends_with("install!"), "{}", built.phases());
        layers.push(layer(b, &built.ok().image, 2));
    }
    assert_eq!(layers[0], layers[1], "before the source there is only an empty environment");
    let found: Vec<_> = walkdir::WalkDir::new(b.dir.join("cache/builds"))
        .into_iter()
        .map(Result::unwrap)
        .filter(|e| e.file_name() == "left-by-a-build")
        .map(|e| e.path().strip_prefix(&b.dir).unwrap().to_str().unwrap().to_owned())
        .collect();
    let (hers, his) = ("cache/builds/uv/hers/left-by-a-build", "cache/builds/uv/his/left-by-a-build");
    assert!(found.len() == 2 && found.iter().all(|f| f == hers || f == his), "{found:?}");

    // A package of the source folder, of the same name in both.
    let backend = "import zipfile\nMETADATA = 'Metadata-Version: 2.1\\nName: ours\\nVersion: 1\\n'\n\
                   WHEEL = 'Wheel-Version: 1.0\\nGenerator: ours\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'\n\
                   def build_wheel(folder, *args, **kwargs):\n    name = 'ours-1-py3-none-any.whl'\n    \
                   with zipfile.ZipFile(folder + '/' + name, 'w') as wheel:\n        wheel.write('ours.py')\n        \
                   for file, text in (('METADATA', METADATA), ('WHEEL', WHEEL), ('RECORD', '')):\n            \
                   wheel.writestr('ours-1.dist-info/' + file, text)\n    return name\n";
    let described = "[project]\nname = \"ours\"\nversion = \"1\"\n[build-system]\nrequires = []\n\
                     build-backend = \"backend\"\nbackend-path = [\".\"]\n";
    let local = |name: &str| {
        let whose = format!("WHOSE = '{name}'\n");
        let files = [
            ("main.py", "import ours\nprint(ours.WHOSE)\n"),
            ("requirements.txt", "./ours\n"),
            ("ours/pyproject.toml", described),
            ("ours/backend.py", backend),
            ("ours/ours.py", &whose),
            PROCFILE,
        ];
        b.folder(name, &files)
    };
    for (id, name) in [(3, "hers-too"), (4, "his-too")] {
        let built = b.build(&builder, &b.request(id, &local(name))).await;
        assert!(built.phases().ends_with("source! install!"), "{}", built.phases());
        assert_ne!(layer(b, &built.ok().image, 2), layers[0], "that one has pip for people's own commands");
        let (_, lines) = b.run(&built.ok().image, &["python", "main.py"]).await;
        assert_eq!(lines, [name]);
    }
}

/// One builds and the other waits; who waited takes over when the first is cancelled, and does it itself when that one failed.
pub(crate) async fn a_layer_that_two_want_is_made_by_one(b: &Bench) {
    let builder = Arc::new(b.builder(b.settings.clone()));
    let project = |name: &str, requirements: &str| {
        b.folder(name, &[("main.py", SHOWS), ("requirements.txt", requirements), PROCFILE])
    };
    let both = ["six==1.15.0\n", "six==1.14.0\n", "six==99.1\n"];
    let mut said = String::new();
    for (case, requirements) in both.into_iter().enumerate() {
        let start =
            |name: &str| Watched::start(&builder, b, &project(&format!("{name}{case}"), requirements));
        let (mut first, mut second) = (start("first"), start("second"));
        // Which is which shows.
        if first.waits().await {
            (first, second) = (second, first);
            assert!(!first.waits().await, "both wait");
        } else {
            assert!(second.waits().await, "both make it");
        }
        let first = if case == 1 {
            first.build.abort();
            "cancelled".to_owned()
        } else {
            first.end().await
        };
        said += &format!("{first}\n{}\n", second.end().await);
    }
    expect_test::expect![[r#"
        built: dependencies!
        built: dependencies
        cancelled
        built: dependencies!
        dependencies! the dependencies phase failed: there is no version `six==99.1`
        dependencies! the dependencies phase failed: there is no version `six==99.1`
    "#]]
    .assert_eq(&said);
    assert_eq!(b.leftovers(), Vec::<String>::new());
}

/// A build under way, and what it says.
struct Watched {
    build: JoinHandle<Result<BuildOutcome, String>>,
    events: mpsc::UnboundedReceiver<BuildEvent>,
    phase: String,
}

impl Watched {
    fn start(builder: &Arc<Builder>, b: &Bench, folder: &std::path::Path) -> Self {
        let (to, events) = mpsc::unbounded_channel();
        let (builder, request) = (builder.clone(), b.request(1, folder));
        let build = tokio::spawn(async move {
            let built = builder.build(&request, to).await;
            built.map_err(|e| e.to_string().lines().next().unwrap_or_default().to_owned())
        });
        Self { build, events, phase: String::new() }
    }

    /// Whether it waits for another build's layer, as soon as it either does or makes it.
    async fn waits(&mut self) -> bool {
        while let Some(event) = self.events.recv().await {
            self.note(&event);
            if let BuildEvent::Output { text, .. } = &event {
                if text.contains("another build makes the layer of the dependencies phase") {
                    return true;
                } else if text.contains("Creating virtual environment") {
                    return false;
                }
            }
        }
        panic!("it ended: {:?}", (&mut self.build).await);
    }

    fn note(&mut self, event: &BuildEvent) {
        if let BuildEvent::Phase { name, cached } = event
            && name == "dependencies"
        {
            self.phase = format!("dependencies{}", if *cached { "" } else { "!" });
        }
    }

    /// How it ended, and whether it made the layer itself.
    async fn end(mut self) -> String {
        while let Some(event) = self.events.recv().await {
            self.note(&event);
        }
        match self.build.await.unwrap() {
            Ok(_) => format!("built: {}", self.phase),
            Err(e) => format!("{} {e}", self.phase),
        }
    }
}
