//! Which Rust a service is compiled with: Debian's when it is new enough, else the operator's.

use dormouse_backend::BuildError;
use dormouse_images::CacheKey;

use super::{Job, Stack, host_rust::HostToolchain};
use crate::language::rust::plan::{Crate, RustVersion};

/// Where a build sees the operator's.
pub(super) const MOUNTED: &str = "/opt/rust";

/// What compiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Toolchain {
    /// The base's mirror has it as packages.
    Mirror(RustVersion),
    /// The operator's, mounted.
    Host(HostToolchain),
}

impl Toolchain {
    /// Tells what compiles differently.
    pub(super) fn identity(&self) -> String {
        match self {
            Self::Mirror(version) => format!("mirror {version}"),
            Self::Host(host) => format!("host {}", host.identity),
        }
    }

    /// Debian packages it needs: it links with gcc, against the base's C library.
    fn packages(&self) -> &'static [&'static str] {
        match self {
            Self::Mirror(_) => &["gcc", "libc6-dev", "rustc", "cargo"],
            Self::Host(_) => &["gcc", "libc6-dev"],
        }
    }
}

/// What each release of Debian has, for as long as it lives.
const DEBIAN: [(&str, RustVersion); 2] =
    [("bullseye", RustVersion::one(48)), ("bookworm", RustVersion::one(63))];

/// What trixie has, and every release after it at least.
const SINCE: RustVersion = RustVersion::one(85);

fn of_suite(suite: &str) -> RustVersion {
    DEBIAN.iter().find(|(known, _)| *known == suite).map_or(SINCE, |(_, version)| *version)
}

impl Job<'_> {
    /// Decide.
    pub(super) fn toolchain(&self, stack: &Stack, program: &Crate) -> Result<Toolchain, BuildError> {
        let mirror = stack.suite.as_deref().map(|suite| (suite, of_suite(suite)));
        let builder = self.builder;
        let host =
            || HostToolchain::find(&builder.host, &builder.settings.host_rust, program.channel.as_deref());
        choose(program, mirror, host, |note| self.say(note)).map_err(|(why, hint)| BuildError::Unknown {
            service: self.request.spec.name.to_string(),
            why,
            hint,
        })
    }

    /// A layer that only builds see: the linker, and Debian's Rust where that is used.
    pub(super) async fn rust_tools(
        &self,
        stack: &mut Stack,
        toolchain: &Toolchain,
    ) -> Result<(), BuildError> {
        let Some(base) = stack.layers.first().cloned() else { return Ok(()) };
        let packages = toolchain.packages();
        let key = CacheKey::new("tools rust 1").on(&base).with("packages", packages.join(" "));
        let only_base = Stack { layers: vec![base], tools: None, suite: None };
        let layer = self
            .phase("tools", key, async |draft| self.apt(&only_base, draft, "tools", packages).await)
            .await?;
        stack.tools = Some(layer);
        Ok(())
    }
}

/// Why there is none, and what to do.
type Refusal = (String, String);

fn choose(
    program: &Crate,
    mirror: Option<(&str, RustVersion)>,
    host: impl FnOnce() -> Result<HostToolchain, String>,
    say: impl FnOnce(&str),
) -> Result<Toolchain, Refusal> {
    let needs = program.needs;
    // A name other than `stable` means one release or another; only the operator may have exactly that.
    let is_pinned = program.channel.as_deref().is_some_and(|c| c != "stable");
    let fitting = mirror.filter(|(_, has)| *has >= needs);
    if let (Some((_, version)), false) = (fitting, is_pinned) {
        return Ok(Toolchain::Mirror(version));
    }
    let why_not = match host() {
        Ok(found) if found.version >= needs => {
            if let Some(channel) = program.channel.as_deref().filter(|c| !found.is(c)) {
                say(&format!("rust-toolchain asks for {channel}; using Rust {} of this host", found.version));
            }
            return Ok(Toolchain::Host(found));
        }
        Ok(found) => format!("this host's own is {}", found.version),
        Err(why) => why,
    };
    if let (Some((suite, version)), Some(channel)) = (fitting, &program.channel) {
        say(&format!("rust-toolchain asks for {channel}; using Rust {version} of Debian {suite}"));
        return Ok(Toolchain::Mirror(version));
    }
    let debian = match mirror {
        Some((suite, version)) => format!("Debian {suite} has {version}"),
        None => "what its base's mirror has is not known".to_owned(),
    };
    Err((
        format!("`{}` needs Rust {needs}; {debian}, and {why_not}", program.package),
        "install a newer Rust with rustup for the user the server runs as, name a toolchain's folder as `host_rust` \
         under [build] in the server's settings, or a newer `suite` under [base]"
            .to_owned(),
    ))
}

impl HostToolchain {
    /// Whether it is what a channel means.
    fn is(&self, channel: &str) -> bool {
        let name = self.folder.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        name.strip_prefix(channel).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn debians_before_the_operators() {
        let host = |minor| {
            Ok(HostToolchain {
                folder: "/r/stable-x".into(),
                version: RustVersion::one(minor),
                identity: String::new(),
            })
        };
        let none = || Err("this host has none".to_owned());
        let bookworm = Some(("bookworm", RustVersion::one(63)));
        let mut out = String::new();
        for (needs, channel, mirror, host) in [
            (56, None, bookworm, host(95)),
            (56, Some("stable"), bookworm, host(95)),
            (85, None, bookworm, host(95)),
            (85, Some("stable"), bookworm, host(95)),
            (56, Some("nightly"), bookworm, host(95)),
            (56, Some("nightly"), bookworm, none()),
            (85, None, bookworm, host(70)),
            (85, None, bookworm, none()),
            (0, None, None, host(95)),
            (0, None, None, none()),
        ] {
            let program = Crate {
                folder: String::new(),
                package: "hello".into(),
                binary: "hello".into(),
                needs: RustVersion::one(needs),
                channel: channel.map(str::to_owned),
            };
            let said = RefCell::new(String::new());
            let got = choose(&program, mirror, || host, |note| *said.borrow_mut() = format!(" ({note})"));
            let got = match got {
                Ok(Toolchain::Mirror(version)) => format!("Debian's {version}"),
                Ok(Toolchain::Host(host)) => format!("the host's {}", host.version),
                Err((why, _)) => why,
            };
            out += &format!("1.{needs} {}: {got}{}\n", channel.unwrap_or_default(), said.borrow());
        }
        expect_test::expect![[r#"
            1.56 : Debian's 1.63
            1.56 stable: Debian's 1.63
            1.85 : the host's 1.95
            1.85 stable: the host's 1.95
            1.56 nightly: the host's 1.95 (rust-toolchain asks for nightly; using Rust 1.95 of this host)
            1.56 nightly: Debian's 1.63 (rust-toolchain asks for nightly; using Rust 1.63 of Debian bookworm)
            1.85 : `hello` needs Rust 1.85; Debian bookworm has 1.63, and this host's own is 1.70
            1.85 : `hello` needs Rust 1.85; Debian bookworm has 1.63, and this host has none
            1.0 : the host's 1.95
            1.0 : `hello` needs Rust 1.0; what its base's mirror has is not known, and this host has none
        "#]]
        .assert_eq(&out);
    }
}
