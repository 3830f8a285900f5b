//! A server's settings: as typed in `server.toml` and on the command line, then resolved.

mod bandwidth;
mod edge;
mod egress;
#[cfg(test)]
mod reference;
mod strangers;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use dormouse_builder::{HostRust, hostnet::Ecosystem};
use dormouse_control::Keep;
use dormouse_model::Limits;
use dormouse_runtime::{
    Bandwidth, EgressPolicies, machine,
    swap::{Size, SwapSettings},
};
use serde::Deserialize;

use bandwidth::TypedBandwidth;
pub(crate) use edge::Edge;
use edge::TypedEdge;
use egress::TypedEgress;
pub(crate) use strangers::strangers;

/// `server.toml` in the state folder, as typed. Every key may be missing.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Typed {
    domain: Option<String>,
    #[serde(default)]
    swap: TypedSwap,
    #[serde(default)]
    base: TypedBase,
    #[serde(default)]
    build: TypedBuild,
    #[serde(default)]
    edge: TypedEdge,
    #[serde(default)]
    sandbox: TypedSandbox,
    #[serde(default)]
    limits: TypedLimits,
    #[serde(default)]
    egress: TypedEgress,
    bandwidth: Option<TypedBandwidth>,
    #[serde(default)]
    keep: TypedKeep,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct TypedKeep {
    deploys: Option<u32>,
    days: Option<u32>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct TypedLimits {
    memory: Option<String>,
    cpu: Option<f64>,
    pids: Option<u32>,
    disk: Option<String>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct TypedSandbox {
    native_aio: Option<bool>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct TypedSwap {
    zram: Option<String>,
    file: Option<String>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct TypedBase {
    mirror: Option<String>,
    suite: Option<String>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct TypedBuild {
    memory: Option<String>,
    minutes: Option<u64>,
    compile_memory: Option<String>,
    compile_minutes: Option<u64>,
    silence: Option<String>,
    disk: Option<String>,
    host_rust: Option<String>,
    #[serde(default)]
    credentials: Vec<String>,
}

/// A server's settings, complete.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// Public host names end in this.
    pub(crate) domain: String,
    /// Where the public listener is bound.
    pub(crate) listen: SocketAddr,
    pub(crate) swap: SwapSettings,
    /// Debian mirror for the base; `None` follows the host's apt configuration.
    pub(crate) mirror: Option<String>,
    /// Debian suite for the base; `None` follows the host.
    pub(crate) suite: Option<String>,
    /// Memory limit of one build phase in bytes; `None` takes the builder's default.
    pub(crate) build_memory: Option<u64>,
    /// Time limit of one build phase in seconds; `None` takes the builder's default.
    pub(crate) build_seconds: Option<u64>,
    /// The same for phases that compile.
    pub(crate) compile_memory: Option<u64>,
    pub(crate) compile_seconds: Option<u64>,
    /// How long a build may show no sign of life; `None` takes the builder's default.
    pub(crate) build_silence: Option<Duration>,
    /// What a phase of a build may have on the disk, in bytes; `None` takes the builder's default.
    pub(crate) build_disk: Option<u64>,
    /// Whether this host's own Rust is lent to builds.
    pub(crate) host_rust: HostRust,
    /// Whose credentials of this host the builds of all projects see.
    pub(crate) credentials: BTreeSet<Ecosystem>,
    /// Whom the edge believes, and what it bears.
    pub(crate) edge: Edge,
    /// Whether apps may ask the kernel for asynchronous file IO, one budget of the whole host.
    pub(crate) native_aio: bool,
    /// What a service may ask for.
    pub(crate) most: Limits,
    /// How much of what is over is kept.
    pub(crate) keep: Keep,
    /// What projects may reach beyond their own network.
    pub(crate) egress: EgressPolicies,
    /// How what leaves the host is divided between projects; `None` leaves that to chance.
    pub(crate) bandwidth: Option<Bandwidth>,
}

impl Typed {
    /// Read `server.toml`; a missing file is an empty one.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).with_context(|| format!("in {}", path.display())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// Fill in every default; what a service may write depends on the disk of the state folder.
    pub(crate) fn resolve(self, listen: SocketAddr, state: &Path) -> Result<Settings> {
        let domain = self.domain.unwrap_or_else(|| "localhost".to_owned()).to_ascii_lowercase();
        Ok(Settings {
            domain,
            listen,
            swap: SwapSettings {
                zram: swap("swap.zram", self.swap.zram.as_deref())?,
                file: swap("swap.file", self.swap.file.as_deref())?,
            },
            mirror: self.base.mirror,
            suite: self.base.suite,
            build_memory: self.build.memory.as_deref().map(|s| bytes("build.memory", s)).transpose()?,
            build_seconds: self.build.minutes.map(|m| m.saturating_mul(60)),
            compile_memory: self
                .build
                .compile_memory
                .as_deref()
                .map(|s| bytes("build.compile_memory", s))
                .transpose()?,
            compile_seconds: self.build.compile_minutes.map(|m| m.saturating_mul(60)),
            build_silence: self
                .build
                .silence
                .as_deref()
                .map(|text| duration("build.silence", text))
                .transpose()?,
            build_disk: self.build.disk.as_deref().map(|s| bytes("build.disk", s)).transpose()?,
            host_rust: host_rust(self.build.host_rust.as_deref())?,
            credentials: credentials(&self.build.credentials)?,
            edge: self.edge.resolve()?,
            native_aio: self.sandbox.native_aio.unwrap_or(false),
            most: most(&self.limits, machine::whole(state))?,
            keep: keep(&self.keep)?,
            egress: self.egress.resolve(),
            bandwidth: self.bandwidth.map(TypedBandwidth::resolve),
        })
    }
}

/// What a service may ask for: what is said, and the machine's own otherwise.
fn most(typed: &TypedLimits, machine: Limits) -> Result<Limits> {
    let cpu_milli = match typed.cpu {
        None => machine.cpu_milli,
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 10 and 10^9")]
        Some(cpus @ 0.01..=1e6) => (cpus * 1000.0) as u32,
        Some(cpus) => {
            bail!("`limits.cpu`: `{cpus}` is not a number of processors\n  hint: write it as 4 or 0.5")
        }
    };
    Ok(Limits {
        memory: typed.memory.as_deref().map_or(Ok(machine.memory), |s| bytes("limits.memory", s))?,
        cpu_milli,
        pids: typed.pids.unwrap_or(machine.pids),
        disk: typed.disk.as_deref().map_or(Ok(machine.disk), |s| bytes("limits.disk", s))?,
    })
}

/// How much of what is over is kept: one deploy at least, and of the last day.
fn keep(typed: &TypedKeep) -> Result<Keep> {
    let default = Keep::default();
    let day = Duration::from_secs(24 * 3600);
    match (typed.deploys, typed.days) {
        (Some(0), _) => bail!("`keep.deploys`: 0 keeps nothing\n  hint: the least is 1"),
        (_, Some(0)) => bail!("`keep.days`: 0 keeps nothing\n  hint: the least is 1"),
        (deploys, days) => Ok(Keep {
            deploys: deploys.unwrap_or(default.deploys),
            age: days.map_or(default.age, |days| day.saturating_mul(days)),
        }),
    }
}

fn duration(key: &str, typed: &str) -> Result<Duration> {
    dormouse_model::manifest::duration(typed).map_err(|why| anyhow!("`{key}`: {why}"))
}

fn host_rust(typed: Option<&str>) -> Result<HostRust> {
    match typed {
        None | Some("auto") => Ok(HostRust::Auto),
        Some("never") => Ok(HostRust::Never),
        Some(path) if path.starts_with('/') => Ok(HostRust::At(path.into())),
        Some(other) => bail!(
            "`build.host_rust`: `{other}` is neither `auto`, `never` nor an absolute path\n  hint: name the folder of \
             a toolchain, as `rustc --print sysroot` does"
        ),
    }
}

fn credentials(typed: &[String]) -> Result<BTreeSet<Ecosystem>> {
    let one = |name: &String| name.parse().map_err(|why| anyhow!("`build.credentials`: {why}"));
    typed.iter().map(one).collect()
}

fn swap(key: &str, typed: Option<&str>) -> Result<Size> {
    match typed {
        None | Some("auto") => Ok(Size::Auto),
        Some("off" | "none" | "0") => Ok(Size::Off),
        Some(size) => bytes(key, size).map(Size::Bytes),
    }
}

fn bytes(key: &str, typed: &str) -> Result<u64> {
    dormouse_model::size::parse(typed)
        .with_context(|| format!("`{key}`: `{typed}` is not a size\n  hint: write it as 512MiB or 4GiB"))
}

/// What the parent hands to its children through the environment: everything they need to resolve the same settings.
pub(crate) const ENV_STATE: &str = "DORMOUSE_STATE";
/// The address the public listener is bound to.
pub(crate) const ENV_LISTEN: &str = "DORMOUSE_LISTEN";

/// Whether the apps end with the server: set, to anything, or not.
pub(crate) const ENV_STOP_APPS: &str = "DORMOUSE_STOP_APPS";

/// What the parent of this process told it.
#[derive(Debug)]
pub(crate) struct Inherited {
    /// The state folder.
    pub(crate) state: PathBuf,
    /// Where the public listener is bound.
    pub(crate) listen: SocketAddr,
    /// Whether the apps end with the server.
    pub(crate) stop_apps: bool,
}

impl Inherited {
    /// Read it from the environment.
    pub(crate) fn read() -> Result<Self> {
        let var = |name: &str| {
            std::env::var(name)
                .with_context(|| format!("{name} is not set: this command is run by `dormouse serve`"))
        };
        let listen = var(ENV_LISTEN)?;
        Ok(Self {
            state: var(ENV_STATE)?.into(),
            listen: listen.parse().with_context(|| format!("`{listen}` is not an address"))?,
            stop_apps: std::env::var_os(ENV_STOP_APPS).is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let listen = "127.0.0.1:8080".parse().unwrap();
        let shown = match Typed::parse(text).and_then(|t| t.resolve(listen, Path::new("/"))) {
            Ok(s) => format!(
                "{} zram={:?} file={:?} mirror={:?} suite={:?} memory={:?} seconds={:?} compile={:?} {:?} silence={:?} disk={:?} rust={:?} credentials={:?} aio={}",
                s.domain,
                s.swap.zram,
                s.swap.file,
                s.mirror,
                s.suite,
                s.build_memory,
                s.build_seconds,
                s.compile_memory,
                s.compile_seconds,
                s.build_silence,
                s.build_disk,
                s.host_rust,
                s.credentials,
                s.native_aio
            ),
            Err(e) => format!("{e:#}"),
        };
        expected.assert_eq(shown.trim_end());
    }

    #[test]
    fn what_services_may_ask_for() {
        let machine = Limits { memory: 8 << 30, cpu_milli: 2000, pids: 1000, disk: 64 << 30 };
        let check = |text: &str, expected: Expect| {
            let shown = match Typed::parse(text).and_then(|t| most(&t.limits, machine)) {
                Ok(Limits { memory, cpu_milli, pids, disk }) => format!("{memory} {cpu_milli} {pids} {disk}"),
                Err(e) => format!("{e:#}"),
            };
            expected.assert_eq(&shown);
        };
        check("", expect!["8589934592 2000 1000 68719476736"]);
        check(
            "[limits]\nmemory = \"2GiB\"\ncpu = 0.5\npids = 99\ndisk = \"10GB\"",
            expect!["2147483648 500 99 10000000000"],
        );
        check(
            "[limits]\ncpu = -1.0",
            expect![[r#"
                `limits.cpu`: `-1` is not a number of processors
                  hint: write it as 4 or 0.5"#]],
        );
        check(
            "[limits]\nmemory = \"much\"",
            expect![[r#"
                `limits.memory`: `much` is not a size
                  hint: write it as 512MiB or 4GiB"#]],
        );
    }

    #[test]
    fn typed_then_resolved() {
        check(
            "",
            expect![
                "localhost zram=Auto file=Auto mirror=None suite=None memory=None seconds=None compile=None None silence=None disk=None rust=Auto credentials={} aio=false"
            ],
        );
        check(
            "domain = \"Apps.example\"\n[swap]\nzram = \"1GiB\"\nfile = \"off\"\n[build]\nmemory = \"512MB\"\nminutes = 3\ncompile_memory = \"6GiB\"\ncompile_minutes = 90\nsilence = \"90s\"\ndisk = \"5GiB\"\nhost_rust = \"/opt/rust\"\ncredentials = [\"npm\", \"pip\"]\n[sandbox]\nnative_aio = true",
            expect![
                "apps.example zram=Bytes(1073741824) file=Off mirror=None suite=None memory=Some(512000000) seconds=Some(180) compile=Some(6442450944) Some(5400) silence=Some(90s) disk=Some(5368709120) rust=At(\"/opt/rust\") credentials={Pip, Npm} aio=true"
            ],
        );
        check(
            "[swap]\nzram = \"lots\"",
            expect![[r#"
                `swap.zram`: `lots` is not a size
                  hint: write it as 512MiB or 4GiB"#]],
        );
        check(
            "[build]\nhost_rust = \"nightly\"",
            expect![[r#"
                `build.host_rust`: `nightly` is neither `auto`, `never` nor an absolute path
                  hint: name the folder of a toolchain, as `rustc --print sysroot` does"#]],
        );
        check(
            "[build]\ncredentials = [\"maven\"]",
            expect!["`build.credentials`: `maven` is none of `pip`, `npm`, `cargo`, `apt`, `proxy`"],
        );
        check(
            "[edge]\ndrain = \"for ever\"",
            expect!["`edge.drain`: `for ever` is not a time; write it like `30s`, `5m` or `1h30m`"],
        );
        check(
            "[swap]\nzarm = \"1GiB\"",
            expect![[r#"
                TOML parse error at line 2, column 1
                  |
                2 | zarm = "1GiB"
                  | ^^^^
                unknown field `zarm`, expected `zram` or `file`"#]],
        );
    }

    #[test]
    fn what_is_kept() {
        let shown = |text: &str| match Typed::parse(text).and_then(|typed| keep(&typed.keep)) {
            Ok(Keep { deploys, age }) => format!("{deploys} deploys, {} days", age.as_secs() / 86_400),
            Err(error) => format!("{error:#}"),
        };
        let rows: Vec<_> =
            ["", "[keep]\ndeploys = 7", "[keep]\ndays = 30", "[keep]\ndeploys = 0", "[keep]\ndays = 0"]
                .into_iter()
                .map(shown)
                .collect();
        expect![[r#"
            100 deploys, 365 days
            7 deploys, 365 days
            100 deploys, 30 days
            `keep.deploys`: 0 keeps nothing
              hint: the least is 1
            `keep.days`: 0 keeps nothing
              hint: the least is 1"#]]
        .assert_eq(&rows.join("\n"));
    }
}
