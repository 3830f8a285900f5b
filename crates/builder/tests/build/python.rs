//! Python services.

use std::fs;

use dormouse_backend::{BuildError, BuildEvent, Builds};
use dormouse_builder::BuildSettings;
use dormouse_model::{ExitStatus, Limits};
use tokio::sync::mpsc;

use crate::bench::{Bench, example};

pub(crate) async fn hello_becomes_an_image_and_a_change_reinstalls_nothing(b: &Bench) {
    let builder = b.builder(b.settings.clone());
    let source = example("hello-fastapi");
    let text = |file: &str| fs::read_to_string(source.join(file)).unwrap();
    let (main, requirements) = (text("main.py"), text("requirements.txt"));
    let folder = b.folder("hello", &[("main.py", &main), ("requirements.txt", &requirements)]);
    let first = b.build(&builder, &b.request(1, &folder)).await;
    let outcome = first.ok();
    println!("{}", first.said.join("\n"));
    assert_eq!(outcome.start, ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "$PORT"]);
    assert!(first.phases().ends_with("tools! dependencies! source!"), "{}", first.phases());
    let ask = "import main, asyncio; print(asyncio.run(main.hello()))";
    let (status, lines) = b.run(&outcome.image, &["python", "-c", ask]).await;
    assert_eq!(
        (status, &lines[..]),
        (ExitStatus::Code(0), &["{'hello': 'world', 'visits': 1}".to_owned()][..])
    );
    let (status, _) = b.run(&outcome.image, &["uvicorn", "--version"]).await;
    assert_eq!(status, ExitStatus::Code(0));

    let again = b.build(&builder, &b.request(2, &folder)).await;
    assert_eq!(again.ok().image, outcome.image);
    assert_eq!(again.phases(), "base tools dependencies source");

    let folder = b.folder("hello", &[("main.py", &main.replace("world", "moon"))]);
    let changed = b.build(&builder, &b.request(3, &folder)).await;
    assert_eq!(changed.phases(), "base tools dependencies source!");
    assert_eq!(changed.said, Vec::<String>::new(), "nothing is installed again");
    let (_, lines) = b.run(&changed.ok().image, &["python", "-c", ask]).await;
    assert_eq!(lines, ["{'hello': 'moon', 'visits': 1}"]);
}

pub(crate) async fn a_requirement_that_does_not_exist_is_explained(b: &Bench) {
    let folder = b.folder(
        "missing",
        &[
            ("requirements.txt", "fastapi==999.1\nuvicorn\n"),
            ("main.py", "from fastapi import FastAPI\napp = FastAPI()\n"),
        ],
    );
    let built = b.build(&b.builder(b.settings.clone()), &b.request(1, &folder)).await;
    let error = built.error().to_string();
    assert_eq!(
        error,
        "the dependencies phase failed: there is no version `fastapi==999.1`\n  hint: ask for a version that exists"
    );
    assert_eq!(b.leftovers(), Vec::<String>::new());
}

pub(crate) async fn a_build_over_its_memory_limit_is_told_so(b: &Bench) {
    // A package that is built by a backend of its own, which takes more than there is.
    let backend = "def get_requires_for_build_wheel(config_settings=None):\n    return []\n\
                   def build_wheel(*args, **kwargs):\n    held = [bytearray(b'x') * (64 << 20) for _ in range(64)]\n";
    let folder = b.folder(
        "hog",
        &[
            ("requirements.txt", "./hog\n"),
            ("main.py", "x = 1\n"),
            ("Procfile", "web: python main.py\n"),
            (
                "hog/pyproject.toml",
                "[build-system]\nrequires = []\nbuild-backend = \"hog\"\nbackend-path = [\".\"]\n[project]\nname = \"hog\"\nversion = \"1\"\n",
            ),
            ("hog/hog.py", backend),
        ],
    );
    let limits = Limits { memory: 300 << 20, ..b.settings.limits };
    let builder = b.builder(BuildSettings { limits, ..b.settings.clone() });
    let built = b.build(&builder, &b.request(1, &folder)).await;
    match built.error() {
        BuildError::Limit { phase, limit, hint: _ } => {
            assert_eq!((phase.as_str(), limit.as_str()), ("install", "memory: 300 MiB"));
        }
        other @ (BuildError::Unknown { .. } | BuildError::Phase { .. } | BuildError::Host { .. }) => {
            panic!("{other}\n{}", built.said.join("\n"))
        }
    }
    assert_eq!(b.leftovers(), Vec::<String>::new());
}

/// Bug: what a build wrote to files was not bounded: one could fill the disk of all, and keep it full.
pub(crate) async fn a_build_over_its_disk_is_told_so(b: &Bench) {
    const DISK: u64 = 1 << 30;
    let hog = "import os, sys, time\nwith open(sys.argv[1], 'wb') as f:\n    for _ in range(1200):\n        f.write(bytes(1 << 20))\n        \
               f.flush()\ntime.sleep(60)\n";
    for (id, to) in [(1, "/usr/local/much"), (2, "/var/cache/uv/much")] {
        let manifest =
            format!("[services.web]\ninstall = [\"python hog.py {to}\"]\nstart = \"python main.py\"\n");
        let files = [("dormouse.toml", manifest.as_str()), ("main.py", "x = 1\n"), ("hog.py", hog)];
        let folder = b.folder(&format!("writes{id}"), &files);
        let limits = Limits { disk: DISK, ..b.settings.limits };
        let builder = b.builder(BuildSettings { limits, ..b.settings.clone() });
        let built = b.build(&builder, &b.request(id, &folder)).await;
        assert_eq!(
            built.error().to_string(),
            "the install phase exceeded its limit: disk: its layer and the caches of its project took more than 1024 MiB\n  \
             hint: raise `disk` under [build] in server.toml",
            "{}",
            built.said.join("\n")
        );
        assert_eq!(b.leftovers(), Vec::<String>::new());
        let cache = b.dir.join("cache/builds/uv").join(format!("writes{id}"));
        let begin = std::time::Instant::now();
        while cache.join("much").exists() {
            assert!(begin.elapsed() < std::time::Duration::from_secs(60), "it stays in the cache");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

pub(crate) async fn a_cancelled_build_leaves_nothing_and_frees_its_lock(b: &Bench) {
    let builder = b.builder(b.settings.clone());
    let folder = b.folder(
        "cancelled",
        &[
            ("requirements.txt", "fastapi\nuvicorn\nanyio<4.9\n"),
            ("main.py", "from fastapi import FastAPI\napp = FastAPI()\n"),
        ],
    );
    let request = b.request(1, &folder);
    let (to, mut from) = mpsc::unbounded_channel();
    let at_work = async {
        while let Some(event) = from.recv().await {
            // The environment is made; now packages are fetched.
            if matches!(&event, BuildEvent::Output { text, .. } if text.contains("Creating virtual environment"))
            {
                break;
            }
        }
    };
    tokio::select! {
        built = builder.build(&request, to) => panic!("it ended before it could be cancelled: {built:?}"),
        () = at_work => {}
    }
    assert_eq!(b.leftovers(), Vec::<String>::new());
    let built = b.build(&builder, &request).await;
    built.ok();
    assert!(built.phases().ends_with("dependencies! source!"), "{}", built.phases());
}

/// Bug: a `requirements.txt` that is a link, or in UTF-16, was none; secrets that an ignore file names were in the image.
pub(crate) async fn what_is_written_reaches_the_image_and_secrets_do_not(b: &Bench) {
    let main = "import os, six, sys\nprint(os.environ['X'], six.__name__, sorted(os.listdir('/app')))\n";
    let folder = b.folder(
        "written",
        &[
            ("main.py", main),
            ("Procfile", "web: X='a b' python main.py\n"),
            (".dockerignore", "*.csv\n"),
            ("data.csv", "1"),
            (".env", "SECRET=1"),
            (".env.example", "SECRET="),
            ("tls.pem", "-----BEGIN PRIVATE KEY-----\n"),
        ],
    );
    let utf16: Vec<u8> =
        [0xFEFF].into_iter().chain("six\r\n".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    fs::create_dir_all(folder.join("requirements")).unwrap();
    fs::write(folder.join("requirements/base.txt"), utf16).unwrap();
    std::os::unix::fs::symlink("requirements/base.txt", folder.join("requirements.txt")).unwrap();
    let built = b.build(&b.builder(b.settings.clone()), &b.request(1, &folder)).await;
    let outcome = built.ok();
    assert_eq!(outcome.start, ["python", "main.py"]);
    assert_eq!(outcome.start_origin.as_ref().unwrap().to_string(), "Procfile:1");
    let (status, lines) = b.run(&outcome.image, &["python", "main.py"]).await;
    assert_eq!(
        (status, &lines[..]),
        (
            ExitStatus::Code(0),
            &["a b six ['.env.example', '.venv', 'Procfile', 'main.py', 'requirements', 'requirements.txt']"
                .to_owned()][..]
        )
    );
    assert!(built.said.iter().any(|l| l.contains("`.env`, `tls.pem`")), "{}", built.said.join("\n"));
}

/// Bug: a folder with only a setup.py was refused; a `.python-version` of another patch release broke the installation of a
/// locked package.
pub(crate) async fn setup_py_and_commands_of_ones_own_install(b: &Bench) {
    let setup = "from setuptools import setup\nsetup(name='shop', version='1', py_modules=['shop'], install_requires=['six'])\n";
    let files = [
        ("setup.py", setup),
        ("shop.py", "import six\nprint(six.__name__)\n"),
        ("Procfile", "web: python -m shop\n"),
    ];
    let builder = b.builder(b.settings.clone());
    let folder = b.folder("setup", &files);
    let built = b.build(&builder, &b.request(1, &folder)).await;
    assert!(built.phases().ends_with("dependencies! source! install!"), "{}", built.phases());
    let (_, lines) = b.run(&built.ok().image, &["python", "-m", "shop"]).await;
    assert_eq!(lines, ["six"]);

    let manifest = "[services.web]\nworkdir = 'serving'\ninstall = ['pip install six', 'pip --version']\nstart = 'python where.py'\n";
    let folder = b.folder(
        "commands",
        &[("dormouse.toml", manifest), ("serving/where.py", "import os, six\nprint(os.getcwd())\n")],
    );
    let built = b.build(&builder, &b.request(2, &folder)).await;
    let outcome = built.ok();
    assert_eq!(outcome.start_origin.as_ref().unwrap().to_string(), "dormouse.toml:4");
    let (_, lines) = b.run(&outcome.image, &["python", "where.py"]).await;
    assert_eq!(lines, ["/app/serving"]);
}
