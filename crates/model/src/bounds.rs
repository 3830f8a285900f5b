//! What a server gives a service at most.

use crate::{Limits, ServiceSpec, size};

/// Something that is asked for, and is more than a server gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooMuch {
    /// The key: `memory`, `cpu`, `pids`, `disk`.
    pub what: &'static str,
    /// How much is asked for.
    pub asked: String,
    /// How much there is at most.
    pub most: String,
}

impl TooMuch {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        format!("ask for less, or raise `{}` under [limits] in its server.toml", self.what)
    }
}

/// What of this is more than a server gives. Defaults never are: nobody asked for them.
#[must_use]
pub fn too_much(asked: &Limits, most: &Limits) -> Vec<TooMuch> {
    let default = Limits::default();
    let cpus = |milli: u32| (f64::from(milli) / 1000.0).to_string();
    let mut out = Vec::new();
    let mut more = |what, is: bool, asked, most| {
        if is {
            out.push(TooMuch { what, asked, most });
        }
    };
    more(
        "memory",
        asked.memory > most.memory && asked.memory != default.memory,
        size::show(asked.memory),
        size::show(most.memory),
    );
    more(
        "cpu",
        asked.cpu_milli > most.cpu_milli && asked.cpu_milli != default.cpu_milli,
        cpus(asked.cpu_milli),
        cpus(most.cpu_milli),
    );
    more(
        "pids",
        asked.pids > most.pids && asked.pids != default.pids,
        asked.pids.to_string(),
        most.pids.to_string(),
    );
    more(
        "disk",
        asked.disk > most.disk && asked.disk != default.disk,
        size::show(asked.disk),
        size::show(most.disk),
    );
    out
}

/// A service within what its server gives. Defaults that are more than that become as much as that is.
///
/// # Errors
/// With what the service asks for, the bound, and whose setting that is; a manifest has told of it with its place before
/// ([`crate::manifest::ManifestInput::bound`]).
pub fn bounded(spec: &ServiceSpec, most: &Limits) -> Result<ServiceSpec, String> {
    let asked = spec.limits;
    if let Some(over) = too_much(&asked, most).first() {
        return Err(format!(
            "{} asks for {} = {}, and this server gives a service {} at most\n  hint: {}",
            spec.name,
            over.what,
            over.asked,
            over.most,
            over.hint()
        ));
    }
    let limits = Limits {
        memory: asked.memory.min(most.memory),
        cpu_milli: asked.cpu_milli.min(most.cpu_milli),
        pids: asked.pids.min(most.pids),
        disk: asked.disk.min(most.disk),
    };
    Ok(ServiceSpec { limits, ..spec.clone() })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::manifest::{ManifestInput, NoLanguages, resolve};

    const GIB: u64 = 1 << 30;

    fn check(asked: &str, most: Limits, expected: &Expect) {
        let mut input = ManifestInput::new("shop");
        input.add_file("dormouse.toml", format!("[services.web]\nstart = 'x'\n{asked}"));
        let (project, _) = resolve(&input, &NoLanguages).unwrap();
        let shown = match bounded(project.services.values().next().unwrap(), &most) {
            Ok(ServiceSpec { limits, .. }) => {
                let (memory, disk) = (size::show(limits.memory), size::show(limits.disk));
                format!("{memory} {} {} {disk}", limits.cpu_milli, limits.pids)
            }
            Err(why) => why,
        };
        expected.assert_eq(&shown);
    }

    /// Bug: a tebibyte, a thousand processors and four million processes were accepted.
    #[test]
    fn what_a_manifest_may_ask_for() {
        let large = Limits { memory: 8 * GIB, cpu_milli: 4000, pids: 9000, disk: 20 * GIB };
        let small = Limits { memory: GIB / 2, cpu_milli: 500, pids: 100, disk: GIB };
        check("", large, &expect!["1 GiB 1000 512 8 GiB"]);
        check(
            "memory = '8GiB'\ncpu = 4\npids = 9000\ndisk = '20GiB'",
            large,
            &expect!["8 GiB 4000 9000 20 GiB"],
        );
        check("", small, &expect!["512 MiB 500 100 1 GiB"]);
        check("memory = '256MiB'\ncpu = 0.1", small, &expect!["256 MiB 100 100 1 GiB"]);
        check(
            "memory = '1TiB'",
            large,
            &expect![[r#"
                web asks for memory = 1024 GiB, and this server gives a service 8 GiB at most
                  hint: ask for less, or raise `memory` under [limits] in its server.toml"#]],
        );
        check(
            "cpu = 4.5",
            large,
            &expect![[r#"
                web asks for cpu = 4.5, and this server gives a service 4 at most
                  hint: ask for less, or raise `cpu` under [limits] in its server.toml"#]],
        );
        check(
            "pids = 4000000",
            large,
            &expect![[r#"
                web asks for pids = 4000000, and this server gives a service 9000 at most
                  hint: ask for less, or raise `pids` under [limits] in its server.toml"#]],
        );
        check(
            "disk = '1TiB'",
            large,
            &expect![[r#"
                web asks for disk = 1024 GiB, and this server gives a service 20 GiB at most
                  hint: ask for less, or raise `disk` under [limits] in its server.toml"#]],
        );
    }
}
