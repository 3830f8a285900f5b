//! What a service's Dockerfile adds to what the compose file says, which comes first.

use std::collections::BTreeSet;

use super::{
    super::{
        dockerfile::{self, Hint, Hints, Recipe},
        outside::Outside,
        port,
        read::Reader,
        typed::{ProbeKind, Service, Written},
    },
    health,
};
use crate::server;

/// Hints and instructions told at most, of each Dockerfile.
const MOST: usize = 12;

/// What of a command the compose file has itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    pub(super) entrypoint: bool,
    pub(super) command: bool,
}

/// Take what the Dockerfile tells, and say so.
pub(super) fn take(
    r: &mut Reader<'_>,
    outside: &mut Outside<'_>,
    recipe: &Recipe,
    own: Own,
    name: &str,
    s: &mut Service,
) {
    let Some(mut hints) = dockerfile::look(outside, recipe, r.report) else { return };
    let mut taken = Vec::new();
    start(&mut hints, own, s, &mut taken);
    if let (Some(hint), None) = (&hints.workdir, &s.workdir) {
        match &hint.value {
            Some(folder) if folder == "." => {}
            Some(folder) => {
                taken.push(hint.with(format!("workdir `{folder}`")));
                s.workdir = Some(Written { value: folder.clone(), place: hint.place.clone() });
            }
            None => hints.unhonoured.push(hint.with("WORKDIR, which is no folder of the source".to_owned())),
        }
    }
    if let Some(hint) = hints.requirements.take() {
        taken.push(hint.with(format!("requirements `{}`", hint.value)));
        s.requirements = Some(Written { value: hint.value, place: hint.place });
    }
    if let Some(hint) = hints.install.take() {
        taken.push(hint.with("what is installed".to_owned()));
        s.install = Some(Written { value: hint.value, place: hint.place });
    }
    for hint in hints.env.drain(..).filter(|h| s.env.iter().all(|v| v.name != h.value.0)) {
        taken.push(hint.with(format!("`{}`", hint.value.0)));
        s.env_hints.push(hint.value);
    }
    // What listens, and what is asked, is the image's own command.
    if !own.command && !own.entrypoint {
        let in_start = port::of(s);
        if let Some(hint) = hints.port.take().filter(|_| s.port.is_none() && in_start.is_none()) {
            taken.push(hint.with(format!("port {}", hint.value)));
            s.port = Some(hint.value);
        }
        check(&mut hints, name, s, &mut taken);
    }
    tell(r, name, &hints.file, taken, hints.unhonoured);
}

/// The command. A Procfile's comes before it.
fn start(hints: &mut Hints, own: Own, s: &mut Service, taken: &mut Vec<Hint<String>>) {
    if own.entrypoint || (hints.has_procfile && !own.command) {
        return;
    }
    if own.command {
        let own = hints.own.take();
        if let (Some(hint), Some(start)) = (own, &mut s.start) {
            taken.push(hint.with(format!("what `{}` starts", start[0])));
            *start = hint.value;
            // It says itself what is to be run.
            hints.before = None;
        }
        match (hints.before.take(), &mut s.start) {
            (Some(before), Some(start)) => {
                taken.push(before.with("what stands before its command".to_owned()));
                start.splice(0..0, before.value);
            }
            // Compose would run it before the command.
            (_, _) => {
                let script = hints
                    .start
                    .take()
                    .map(|start| start.with(format!("ENTRYPOINT {}", start.value.join(" "))));
                let all = hints.refused.drain(..).chain(script);
                hints.unhonoured.extend(all.filter(|h| h.by == "ENTRYPOINT"));
            }
        }
        return;
    }
    hints.unhonoured.append(&mut hints.refused);
    if let Some(hint) = hints.start.take() {
        taken.push(hint.with("start".to_owned()));
        s.start = Some(hint.value);
        s.start_at = Some(hint.place);
    }
}

fn check(hints: &mut Hints, name: &str, s: &mut Service, taken: &mut Vec<Hint<String>>) {
    let Some(hint) = hints.check.take().filter(|_| s.health.probe.is_none()) else { return };
    match health::of_image(&hint.value, name) {
        Some((ProbeKind::Http(path), port)) => {
            taken.push(hint.with(format!("health path `{path}`")));
            s.health.probe = Some(ProbeKind::Http(path));
            s.port = s.port.or_else(|| port.filter(|_| port::of(s).is_none()));
        }
        Some((ProbeKind::Tcp, _)) => {}
        None => hints.unhonoured.push(hint.with("HEALTHCHECK other than of a local address".to_owned())),
    }
}

/// Say what is taken and what is not, each with its line.
fn tell(r: &mut Reader<'_>, name: &str, file: &str, taken: Vec<Hint<String>>, unhonoured: Vec<Hint<String>>) {
    let shown = |mut all: Vec<Hint<String>>, code: bool| {
        all.sort_by_key(|h| h.place.line);
        let each = all.iter().take(MOST).map(|h| match code {
            true => format!("`{}` (line {})", h.value, h.place.line),
            false => format!("{} ({}, line {})", h.value, h.by, h.place.line),
        });
        let each = each.collect::<Vec<_>>().join(", ");
        match all.len().saturating_sub(MOST) {
            0 => each,
            n => format!("{each} and {n} more"),
        }
    };
    let install = unhonoured.iter().any(|h| h.value.contains("apt-get ") || h.value.contains("apt "));
    let packages: BTreeSet<_> = unhonoured.iter().flat_map(|h| debian_packages(&h.value)).collect();
    let cut = unhonoured.iter().any(|h| h.value.contains("apt") && h.value.ends_with('…'));
    let mut parts = Vec::new();
    if !taken.is_empty() {
        parts.push(format!("taken: {}", shown(taken, false)));
    }
    if !unhonoured.is_empty() {
        parts.push(format!("not honoured: {}", shown(unhonoured, true)));
    }
    if parts.is_empty() {
        return;
    }
    let named: Vec<_> = packages.iter().map(|p| format!("\"{p}\"")).collect();
    let more = if cut { ", and what else is installed there" } else { "" };
    let hint = match (install, named.is_empty()) {
        (false, _) => String::new(),
        (true, false) => format!(
            "\n  hint: Debian packages are named in a dormouse.toml: packages = [{}]{more}",
            named.join(", ")
        ),
        (true, true) => "\n  hint: Debian packages are named in a dormouse.toml, as `packages`".to_owned(),
    };
    r.report.warn(format!("`{name}` is built without {file}; {}{hint}", parts.join("; ")));
}

/// What a `RUN` of apt installs; of one that is cut off, as far as it is there.
fn debian_packages(line: &str) -> Vec<String> {
    let whole = match line.strip_suffix('…') {
        // The last word may be half of one.
        Some(cut) => cut.rsplit_once(' ').map_or("", |(whole, _)| whole),
        None => line,
    };
    let script = whole.strip_prefix("RUN ").unwrap_or(whole);
    let commands = server::commands(script).into_iter();
    let installed = commands.filter_map(|words| {
        let mut words = words.into_iter().skip_while(|w| w == "sudo" || w.contains('='));
        words.next().filter(|w| w == "apt-get" || w == "apt")?;
        let mut words = words.filter(|w| !w.starts_with('-'));
        words.next().filter(|w| w == "install")?;
        // Without its version and its architecture.
        let name = |w: String| w.split(['=', ':']).next().unwrap_or_default().to_owned();
        let is_name =
            |w: &String| !w.is_empty() && w.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        Some(words.map(name).filter(is_name).collect::<Vec<_>>())
    });
    installed.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bug: whatever a Dockerfile installed, `libpq-dev` was named.
    #[test]
    fn what_apt_installs() {
        for (line, want) in [
            (
                "RUN apt-get update && apt-get install -y curl gcc=4:12 && rm -rf /var/lib/apt/lists/*",
                "curl gcc",
            ),
            (
                "RUN DEBIAN_FRONTEND=noninteractive apt install --no-install-recommends -y libgl1:amd64",
                "libgl1",
            ),
            ("RUN apt-get install -y ffmpeg libsm6 libxe…", "ffmpeg libsm6"),
            ("RUN apt-get install -y $PACKAGES", ""),
            ("RUN apt-get update", ""),
            ("RUN curl -o apt x", ""),
        ] {
            assert_eq!(debian_packages(line).join(" "), want, "{line}");
        }
    }
}
