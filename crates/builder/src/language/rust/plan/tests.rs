use expect_test::expect;

use super::*;
use crate::language::plan;
use std::any::Any;

const LOCK: (&str, &str) = ("Cargo.lock", "version = 4\n");
const MAIN: (&str, &str) = ("src/main.rs", "fn main() {}");

fn show(listing: &Listing, package: Option<&str>, start: Option<&str>) -> String {
    let start = start.map(|s| shell_words::split(s).unwrap());
    let wishes = Wishes { start: start.as_deref(), package, ..Wishes::nothing() };
    match plan(listing, &wishes) {
        Ok(Plan { recipe, start, .. }) => {
            let recipe: &dyn Any = &*recipe;
            let Some(c) = recipe.downcast_ref::<Crate>() else { return "Python\n".to_owned() };
            let channel = c.channel.as_ref().map(|c| format!(" ({c})")).unwrap_or_default();
            format!(
                "{} of {} in `{}`, Rust {}{channel}\n    $ {}\n",
                c.binary,
                c.package,
                c.folder,
                c.needs,
                shell_words::join(start)
            )
        }
        Err(e) => format!("cannot: {}\n    hint: {}\n", e.why, e.hint),
    }
}

#[test]
fn packages() {
    let hello = ("Cargo.toml", "[package]\nname='hello'\nversion='0.1.0'\nedition='2021'\n");
    let bin = |name: &'static str| (name, "fn main() {}");
    let workspace = Listing::from([
        (
            "Cargo.toml",
            "[workspace]\nmembers=['crates/*']\n[workspace.package]\nedition='2024'\nrust-version='1.92'\n",
        ),
        LOCK,
        ("crates/lib/Cargo.toml", "[package]\nname='lib'\n"),
        ("crates/lib/src/lib.rs", ""),
        (
            "crates/web/Cargo.toml",
            "[package]\nname='shop-web'\nedition.workspace=true\nrust-version={workspace=true}\n",
        ),
        ("crates/web/src/main.rs", ""),
    ]);
    let two = Listing::from([
        ("Cargo.toml", "[workspace]\n"),
        LOCK,
        ("a/Cargo.toml", "[package]\nname='a'\n"),
        ("a/src/main.rs", ""),
        ("b/Cargo.toml", "[package]\nname='b'\n[[bin]]\nname='beta'\npath='src/main.rs'\n"),
        ("b/src/main.rs", ""),
        ("vendor/c/Cargo.toml", "[package]\nname='c'\n"),
        ("vendor/c/src/main.rs", ""),
    ]);
    let apart = Listing::from([
        ("engine/Cargo.toml", "[package]\nname='engine'\nedition='2024'\n"),
        ("engine/src/lib.rs", ""),
        (
            "backend/Cargo.toml",
            "[package]\nname='shop-backend'\nedition='2024'\n[[bin]]\nname='shop'\npath='src/main.rs'\n",
        ),
        ("backend/src/main.rs", ""),
        ("backend/Cargo.lock", "version = 4\n"),
        ("frontend/Cargo.toml", "[package]\nname='shop-frontend'\nrust-version='1.95.0'\n"),
        ("frontend/src/main.rs", ""),
        ("rust-toolchain.toml", "[toolchain]\nchannel = \"1.95.0\"\n"),
    ]);
    let table: &[(&str, Listing, Option<&str>, Option<&str>)] = &[
        ("one", [hello, LOCK, MAIN].into(), None, None),
        ("an old lock", [hello, ("Cargo.lock", "version = 3\n"), MAIN].into(), None, None),
        ("an old toolchain file", [hello, LOCK, MAIN, ("rust-toolchain", "nightly\n")].into(), None, None),
        ("no lock", [hello, MAIN].into(), None, None),
        ("a library", [hello, LOCK, ("src/lib.rs", "")].into(), None, None),
        ("in src/bin", [hello, LOCK, bin("src/bin/run.rs")].into(), None, None),
        (
            "several",
            [hello, LOCK, bin("src/bin/a.rs"), bin("src/bin/b/main.rs"), bin("src/bin/b/c.rs")].into(),
            None,
            None,
        ),
        (
            "several, one started",
            [hello, LOCK, bin("src/bin/a.rs"), bin("src/bin/b.rs")].into(),
            None,
            Some("./target/release/b --port $PORT"),
        ),
        (
            "a default",
            [
                ("Cargo.toml", "package={name='x',default-run='b'}"),
                LOCK,
                bin("src/bin/a.rs"),
                bin("src/bin/b.rs"),
            ]
            .into(),
            None,
            None,
        ),
        (
            "a wrong default",
            [("Cargo.toml", "package={name='x',default-run='c'}"), LOCK, bin("src/bin/a.rs")].into(),
            None,
            None,
        ),
        ("started with arguments", [hello, LOCK, MAIN].into(), None, Some("hello serve")),
        ("workspace", workspace.clone(), None, None),
        ("workspace, named", workspace.clone(), Some("shop-web"), None),
        ("workspace, a library", workspace.clone(), Some("lib"), None),
        ("workspace, misspelt", workspace, Some("shopweb"), None),
        ("two", two.clone(), None, None),
        ("two, one started", two.clone(), None, Some("beta x")),
        ("two, one named", two, Some("b"), None),
        ("apart", apart.clone(), Some("shop-backend"), Some("shop serve")),
        ("apart, without a lock", apart.clone(), Some("shop-frontend"), None),
        ("apart, unnamed", apart, None, None),
        (
            "excluded",
            [
                ("Cargo.toml", "[workspace]\nexclude=['x']"),
                ("x/Cargo.toml", "[package]\nname='x'"),
                ("x/src/main.rs", ""),
            ]
            .into(),
            None,
            None,
        ),
        ("broken", [("Cargo.toml", "[package]\nname = x\n"), LOCK].into(), None, None),
        ("no Cargo.toml", [("main.py", "")].into(), Some("x"), None),
        (
            "Python written in Rust",
            [hello, LOCK, ("pyproject.toml", ""), ("requirements.txt", ""), ("Procfile", "web: x")].into(),
            None,
            None,
        ),
    ];
    let mut out = String::new();
    for (case, listing, package, start) in table {
        out += &format!("{case}: {}", show(listing, *package, *start));
    }
    expect![[r#"
        one: hello of hello in ``, Rust 1.78
            $ hello
        an old lock: hello of hello in ``, Rust 1.56
            $ hello
        an old toolchain file: hello of hello in ``, Rust 1.78 (nightly)
            $ hello
        no lock: cannot: there is no Cargo.lock, so nobody knows which versions it was tried with
            hint: run `cargo generate-lockfile` there, make sure no ignore file leaves Cargo.lock out, and deploy again
        a library: cannot: the package `hello` is a library: it has nothing to start
            hint: add a src/main.rs, or name another package as `package` in dormouse.toml
        in src/bin: run of hello in ``, Rust 1.78
            $ run
        several: cannot: the package `hello` has several programs: a, b
            hint: name the one to start as `start` in dormouse.toml, such as start = "a", or as default-run in its Cargo.toml
        several, one started: b of hello in ``, Rust 1.78
            $ b --port '$PORT'
        a default: b of x in ``, Rust 1.78
            $ b
        a wrong default: cannot: the package `x` has default-run = "c", which is none of its programs
            hint: its programs are: a
        started with arguments: hello of hello in ``, Rust 1.78
            $ hello serve
        workspace: shop-web of shop-web in `crates/web`, Rust 1.92
            $ shop-web
        workspace, named: shop-web of shop-web in `crates/web`, Rust 1.92
            $ shop-web
        workspace, a library: cannot: the package `lib` is a library: it has nothing to start
            hint: add a src/main.rs, or name another package as `package` in dormouse.toml
        workspace, misspelt: cannot: it has no Cargo package `shopweb`
            hint: its packages are: lib, shop-web
        two: cannot: several of its Cargo packages have a program: a, b
            hint: name one in dormouse.toml, such as package = "a"
        two, one started: beta of b in `b`, Rust 1.78
            $ beta x
        two, one named: beta of b in `b`, Rust 1.78
            $ beta
        apart: shop of shop-backend in `backend`, Rust 1.85 (1.95.0)
            $ shop serve
        apart, without a lock: cannot: there is no frontend/Cargo.lock, so nobody knows which versions it was tried with
            hint: run `cargo generate-lockfile` there, make sure no ignore file leaves Cargo.lock out, and deploy again
        apart, unnamed: cannot: its top folder has no requirements.txt or pyproject.toml or setup.py or Cargo.toml, but there is `backend/Cargo.toml`
            hint: point `source` in dormouse.toml at that folder, or name the crate there as its `package`
        excluded: cannot: there is no x/Cargo.lock, so nobody knows which versions it was tried with
            hint: run `cargo generate-lockfile` there, make sure no ignore file leaves Cargo.lock out, and deploy again
        broken: cannot: Cargo.toml cannot be read: string values must be quoted, expected literal string
            hint: see line 2 of Cargo.toml
        no Cargo.toml: cannot: it has no Cargo package `x`
            hint: there is no Cargo.toml in its source folder: check `source` and `package` in dormouse.toml
        Python written in Rust: Python
    "#]].assert_eq(&out);
}
