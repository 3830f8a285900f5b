//! Names of files that are nearly those of files that are read: nobody means them to be ignored.

/// A file that is read by its name.
struct Known {
    name: &'static str,
    /// How many letters of its stem may be wrong; 0 where a word that is nearly the same means something else.
    slips: usize,
    /// What people write instead of its ending.
    endings: &'static [&'static str],
}

const fn known(name: &'static str, slips: usize, endings: &'static [&'static str]) -> Known {
    Known { name, slips, endings }
}

const TOML: &[&str] = &["toml", "tml", "tom", "tolm", "tooml", "toml.txt"];
const YAML: &[&str] = &["yml", "yaml", "yam", "yml.txt", "yaml.txt"];
const TEXT: &[&str] = &["txt", "text", "tx", "txt.txt", ""];

/// The likeliest of those that differ in their ending comes first.
const KNOWN: [Known; 19] = [
    known(
        "dormouse.toml",
        1,
        &["toml", "tml", "tom", "tolm", "tooml", "toml.txt", "yaml", "yml", "json", "ini", "cfg", "conf"],
    ),
    known("compose.yaml", 0, YAML),
    known("docker-compose.yml", 1, YAML),
    known("compose.override.yaml", 1, YAML),
    known("docker-compose.override.yml", 1, YAML),
    known("Procfile", 0, &["", "txt", "yml", "yaml"]),
    known("Procfile", 1, &[""]),
    known("requirements.txt", 1, TEXT),
    known("pyproject.toml", 1, TOML),
    known("setup.py", 0, &["py"]),
    known("setup.cfg", 0, &["cfg"]),
    known("Cargo.toml", 0, TOML),
    known("runtime.txt", 0, TEXT),
    known(".python-version", 1, &["", "txt"]),
    known("uv.lock", 0, &["lock"]),
    known("poetry.lock", 0, &["lock"]),
    known(".dormouseignore", 1, &["", "txt"]),
    known(".dockerignore", 1, &["", "txt"]),
    known("Dockerfile", 0, &["", "txt"]),
];

/// What is nearly a name and is another: words, and what the same tools call otherwise.
const OTHERS: [&str; 4] = ["profile", "composer", "profiles", "dockerfiles"];

/// The file that one of this name, in the same folder, was probably meant to be; `None` for one that has its right name.
#[must_use]
pub fn meant(name: &str) -> Option<&'static str> {
    if KNOWN.iter().any(|known| known.name == name) || is_other_form(name) {
        return None;
    }
    let plain = plain(name);
    KNOWN.iter().find(|known| known.is_near(&plain)).map(|known| known.name)
}

/// Whether a name is that of a compose file for a purpose, such as `docker-compose.prod.yml`: it is read when it is named.
#[must_use]
pub fn is_compose_variant(name: &str) -> bool {
    let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"));
    let purpose = stem.and_then(|s| s.strip_prefix("docker-").unwrap_or(s).strip_prefix("compose"));
    let purpose = purpose.and_then(|rest| rest.strip_prefix(['.', '-', '_']));
    purpose.is_some_and(|p| !p.is_empty() && p != "override") && meant(name).is_none()
}

/// Whether it is one of the other names that a compose file may have.
fn is_other_form(name: &str) -> bool {
    let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"));
    stem.is_some_and(|stem| {
        ["compose", "docker-compose", "compose.override", "docker-compose.override"].contains(&stem)
    })
}

/// Without what people get wrong: case, the dot at the beginning, and what stands between words.
fn plain(name: &str) -> String {
    name.to_lowercase().replace(['_', ' '], "-").trim_start_matches('.').to_owned()
}

impl Known {
    fn is_near(&self, name: &str) -> bool {
        let own = plain(self.name);
        let own = self.endings.iter().find_map(|e| cut(&own, e)).unwrap_or(&own);
        let own = &own.replace('.', "-");
        self.endings.iter().filter_map(|ending| cut(name, ending)).any(|stem| {
            !OTHERS.contains(&stem) && strsim::osa_distance(&stem.replace('.', "-"), own) <= self.slips
        })
    }
}

/// A name without its ending.
fn cut<'n>(name: &'n str, ending: &str) -> Option<&'n str> {
    match ending {
        "" => Some(name),
        ending => name.strip_suffix(ending)?.strip_suffix('.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compose_files_for_a_purpose() {
        for (name, yes) in [
            ("docker-compose.prod.yml", true),
            ("docker-compose-dev.yaml", true),
            ("compose.production.yaml", true),
            ("compose.yaml", false),
            ("compose.override.yml", false),
            ("compose.overide.yml", false),
            ("docker-compose.yml", false),
            ("composer.yml", false),
            ("compose.prod.json", false),
        ] {
            assert_eq!(is_compose_variant(name), yes, "{name}");
        }
    }

    #[test]
    fn names() {
        for (name, want) in [
            ("dormouse.toml", None),
            ("dormouse.yaml", Some("dormouse.toml")),
            ("dormouse.yml", Some("dormouse.toml")),
            ("dormouse.json", Some("dormouse.toml")),
            ("dormouse.tml", Some("dormouse.toml")),
            ("Dormouse.toml", Some("dormouse.toml")),
            ("domouse.toml", Some("dormouse.toml")),
            ("dormouse.toml.txt", Some("dormouse.toml")),
            (".dormouse.toml", Some("dormouse.toml")),
            ("dormouse.py", None),
            ("dormouse.log", None),
            ("dormouse.prod.toml", None),
            ("dormouse", None),
            ("docker-compose.yml", None),
            ("docker-compose.yaml", None),
            ("compose.override.yml", None),
            ("docker_compose.yml", Some("docker-compose.yml")),
            ("dockercompose.yaml", Some("docker-compose.yml")),
            ("docker-compse.yml", Some("docker-compose.yml")),
            ("Docker-Compose.yml", Some("docker-compose.yml")),
            ("compose.yaml.txt", Some("compose.yaml")),
            ("docker-compose.overide.yml", Some("docker-compose.override.yml")),
            ("compose-overide.yaml", Some("compose.override.yaml")),
            ("docker-compose.prod.yml", None),
            ("composer.json", None),
            ("composer.yml", None),
            ("procfile", Some("Procfile")),
            ("Procfile.txt", Some("Procfile")),
            ("Procfle", Some("Procfile")),
            ("Procfile.dev", None),
            ("profile", None),
            ("requirement.txt", Some("requirements.txt")),
            ("Requirements.txt", Some("requirements.txt")),
            ("requirments.txt", Some("requirements.txt")),
            ("requirements", Some("requirements.txt")),
            ("requirements.txt.txt", Some("requirements.txt")),
            ("requirements.in", None),
            ("requirements-dev.txt", None),
            ("pyproject.tml", Some("pyproject.toml")),
            ("python-version", Some(".python-version")),
            (".python_version", Some(".python-version")),
            ("runtimes.txt", None),
            ("dormouseignore", Some(".dormouseignore")),
            (".dormousignore", Some(".dormouseignore")),
            (".docker-ignore", Some(".dockerignore")),
            ("dockerfile", Some("Dockerfile")),
            ("Dockerfile.dev", None),
            ("cargo.toml", Some("Cargo.toml")),
            ("setups.py", None),
            ("Setup.py", Some("setup.py")),
            ("main.py", None),
            ("", None),
        ] {
            assert_eq!(meant(name), want, "{name}");
        }
    }
}
