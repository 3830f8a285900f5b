//! Rust services.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use dormouse_backend::{BuildEvent, Builds};
use dormouse_builder::{BuildSettings, HostRust};
use dormouse_model::{ExitStatus, Limits};
use tokio::sync::mpsc;

use crate::bench::{Bench, Built, example};

/// Start the program, ask it, and end it.
const ASK: &str = "import os, subprocess, sys, urllib.request\n\
p = subprocess.Popen(sys.argv[1:], env={**os.environ, 'PORT': '9000'}, stdout=subprocess.PIPE, text=True)\n\
print(p.stdout.readline().strip())\n\
print(urllib.request.urlopen('http://127.0.0.1:9000/').read().decode().strip())\n\
p.kill()\n";

fn compiled(built: &Built) -> Vec<&str> {
    let names = built.said.iter().filter_map(|l| l.trim().strip_prefix("Compiling ")?.split(' ').next());
    names.collect()
}

pub(crate) async fn hello_becomes_an_image_and_only_what_changed_is_compiled(b: &Bench) {
    let builder = b.builder(b.settings.clone());
    let from = example("hello-rust");
    let text = |file: &str| fs::read_to_string(from.join(file)).unwrap();
    let main = text("src/main.rs");
    let files = ["Cargo.toml", "Cargo.lock", "data/greeting.txt"].map(|f| (f, text(f)));
    let mut files: Vec<(&str, &str)> = files.iter().map(|(f, t)| (*f, t.as_str())).collect();
    files.push(("src/main.rs", &main));
    let folder = b.folder("hello-rust", &files);
    let first = b.build(&builder, &b.request(1, &folder)).await;
    println!("{}", first.said.join("\n"));
    let outcome = first.ok();
    assert_eq!(outcome.start, ["hello-rust"]);
    // Another test may have had the tools made.
    assert!(first.phases().ends_with("compile! source!"), "{}", first.phases());
    assert_eq!(compiled(&first), ["httparse", "hello-rust"]);
    assert!(
        !first.said.iter().any(|l| l.contains("\"reason\"")),
        "what cargo says to programs is not logged"
    );
    assert_eq!(b.store.image(&outcome.image).unwrap().config.port, Some(8080));
    let ask = ["python3", "-c", ASK, "hello-rust"];
    let (status, lines) = b.run(&outcome.image, &ask).await;
    assert_eq!(status, ExitStatus::Code(0), "{lines:?}");
    assert_eq!(lines, ["Hello from Rust: listening on 9000", "Hello from Rust, visit 1"]);
    let (_, lines) = b.run(&outcome.image, &["ls", "-A", "/app", "/usr/local/bin", "/root"]).await;
    assert_eq!(
        lines,
        ["/app:", "data", "", "/root:", ".bashrc", ".profile", "", "/usr/local/bin:", "hello-rust"]
    );
    assert_eq!(b.leftovers(), Vec::<String>::new());

    let again = b.build(&builder, &b.request(2, &folder)).await;
    assert_eq!(
        (again.ok().image.clone(), again.phases().as_str()),
        (outcome.image.clone(), "base tools compile source")
    );

    // A file that came from elsewhere is older than what was compiled here, and still another.
    let folder = b.folder("hello-rust", &[("src/main.rs", &main.replace(", visit ", ", number "))]);
    let old = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().append(true).open(folder.join("src/main.rs")).unwrap().set_modified(old).unwrap();
    let changed = b.build(&builder, &b.request(3, &folder)).await;
    assert_eq!(compiled(&changed), ["hello-rust"], "{}", changed.said.join("\n"));
    let (_, lines) = b.run(&changed.ok().image, &ask).await;
    assert_eq!(lines[1..], ["Hello from Rust, number 1"]);

    // Touched and moved to a fresh folder: nothing is compiled, and only the data is new.
    let folder = b.folder(
        "hello-rust",
        &[("data/greeting.txt", "Good evening\n"), ("src/main.rs", &main.replace(", visit ", ", number "))],
    );
    let data = b.build(&builder, &b.request(4, &folder)).await;
    assert_eq!(compiled(&data), Vec::<&str>::new(), "{}", data.said.join("\n"));
    let (_, lines) = b.run(&data.ok().image, &ask).await;
    assert_eq!(lines[1..], ["Good evening, number 1"]);
}

pub(crate) async fn a_package_among_others_is_built_with_the_lock_beside_it(b: &Bench) {
    let folder = b.folder(
        "shop",
        &[
            ("dormouse.toml", "[services.web]\npackage = \"shop-web\"\nstart = \"shop serve\"\n"),
            ("engine/Cargo.toml", "[package]\nname = \"shop-engine\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
            ("engine/src/lib.rs", "pub fn name() -> &'static str { \"engine\" }\n"),
            (
                "web/Cargo.toml",
                "[package]\nname = \"shop-web\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n\
                 shop-engine = { path = \"../engine\" }\n[[bin]]\nname = \"shop\"\npath = \"src/main.rs\"\n",
            ),
            (
                "web/Cargo.lock",
                "version = 4\n\n[[package]]\nname = \"shop-engine\"\nversion = \"0.1.0\"\n\n[[package]]\n\
                 name = \"shop-web\"\nversion = \"0.1.0\"\ndependencies = [\n \"shop-engine\",\n]\n",
            ),
            (
                "web/src/main.rs",
                "fn main() {\n    let args: Vec<_> = std::env::args().skip(1).collect();\n    \
                 let page = std::fs::read_to_string(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/pages/home.html\")).unwrap();\n    \
                 println!(\"{} {args:?} {}\", shop_engine::name(), page.trim());\n}\n",
            ),
            ("web/pages/home.html", "<p>home</p>\n"),
        ],
    );
    let built = b.build(&b.builder(b.settings.clone()), &b.request(1, &folder)).await;
    let outcome = built.ok();
    // Bug: what the manifest names was kept with the image too, unsealed.
    assert!(outcome.start.is_empty(), "{:?}", outcome.start);
    let (status, lines) = b.run(&outcome.image, &["shop", "serve"]).await;
    assert_eq!(
        (status, &lines[..]),
        (ExitStatus::Code(0), &["engine [\"serve\"] <p>home</p>".to_owned()][..])
    );
}

/// A crate that needs nothing.
fn plain<'a>(edition: &'a str, lock: &'a str, main: &'a str) -> [(&'static str, String); 3] {
    let toml = format!("[package]\nname = \"plain\"\nversion = \"0.1.0\"\nedition = \"{edition}\"\n");
    let lock = format!("version = {lock}\n\n[[package]]\nname = \"plain\"\nversion = \"0.1.0\"\n");
    [("Cargo.toml", toml), ("Cargo.lock", lock), ("src/main.rs", main.to_owned())]
}

fn write(b: &Bench, name: &str, files: &[(&'static str, String)]) -> PathBuf {
    let files: Vec<(&str, &str)> = files.iter().map(|(f, t)| (*f, t.as_str())).collect();
    b.folder(name, &files)
}

/// With a build script that does something first.
fn scripted(b: &Bench, name: &str, script: &str) -> PathBuf {
    let mut files = plain("2024", "4", "fn main() {\n    println!(\"done\");\n}\n").to_vec();
    files.push(("build.rs", script.to_owned()));
    write(b, name, &files)
}

pub(crate) async fn compiling_over_its_memory_limit_is_told_so(b: &Bench) {
    let folder = scripted(b, "large", "fn main() {\n    std::hint::black_box(vec![1u8; 2 << 30]);\n}\n");
    let limits = Limits { memory: 400 << 20, ..b.settings.compile_limits };
    let builder = b.builder(BuildSettings { compile_limits: limits, ..b.settings.clone() });
    assert_eq!(
        b.build(&builder, &b.request(1, &folder)).await.error().to_string(),
        "the compile phase exceeded its limit: memory: 400 MiB\n  hint: raise `compile_memory` under [build] in server.toml"
    );
    assert_eq!(b.leftovers(), Vec::<String>::new());
}

pub(crate) async fn cancelled_while_compiling_it_starts_again_well(b: &Bench) {
    let builder = b.builder(b.settings.clone());
    let folder =
        scripted(b, "slow", "fn main() {\n    std::thread::sleep(std::time::Duration::from_secs(600));\n}\n");
    let request = b.request(1, &folder);
    let (to, mut from) = mpsc::unbounded_channel();
    let at_work = async {
        while let Some(event) = from.recv().await {
            if matches!(&event, BuildEvent::Output { text, .. } if text.contains("Compiling plain")) {
                break;
            }
        }
    };
    tokio::select! {
        built = builder.build(&request, to) => panic!("it ended before it could be cancelled: {built:?}"),
        () = at_work => {}
    }
    assert_eq!(b.leftovers(), Vec::<String>::new());
    scripted(b, "slow", "fn main() {}\n");
    let built = b.build(&builder, &request).await;
    let (_, lines) = b.run(&built.ok().image, &["plain"]).await;
    assert_eq!(lines, ["done"]);
}

pub(crate) async fn an_error_of_the_compiler_is_told_with_its_place(b: &Bench) {
    let folder = write(b, "broken", &plain("2024", "4", "fn main() {\n    println!(\"{}\", missing);\n}\n"));
    let built = b.build(&b.builder(b.settings.clone()), &b.request(1, &folder)).await;
    assert_eq!(
        built.error().to_string(),
        "the compile phase failed: src/main.rs:2:20: error[E0425]: cannot find value `missing` in this scope"
    );
    assert_eq!(b.leftovers(), Vec::<String>::new());
}

pub(crate) async fn without_a_toolchain_that_is_new_enough_it_says_so(b: &Bench) {
    let folder = write(b, "new", &plain("2024", "4", "fn main() {}\n"));
    let builder = b.builder(BuildSettings { host_rust: HostRust::Never, ..b.settings.clone() });
    let error = b.build(&builder, &b.request(1, &folder)).await.error().to_string();
    assert!(error.starts_with("cannot tell how to build `web`: `plain` needs Rust 1.85; Debian "), "{error}");
    assert!(error.contains("and this server lends builds none of its own\n  hint: "), "{error}");
    let builder = b.builder(BuildSettings {
        host_rust: HostRust::At(Path::new("/nowhere").into()),
        ..b.settings.clone()
    });
    let error = b.build(&builder, &b.request(2, &folder)).await.error().to_string();
    assert!(error.contains("/nowhere holds no bin/cargo and lib/rustlib"), "{error}");
}

pub(crate) async fn debians_own_compiles_what_is_old_enough_for_it(b: &Bench) {
    let folder = write(b, "old", &plain("2021", "3", "fn main() {\n    println!(\"old and well\");\n}\n"));
    let builder = b.builder(BuildSettings { host_rust: HostRust::Never, ..b.settings.clone() });
    let built = b.build(&builder, &b.request(1, &folder)).await;
    let (_, lines) = b.run(&built.ok().image, &["plain"]).await;
    assert_eq!(lines, ["old and well"]);
}
