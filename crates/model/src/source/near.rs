//! Names of files that are nearly those of files that are read: nobody means them to be ignored.

/// A file that is read by its name.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    name: &'static str,
    /// How many letters of its stem may be wrong; 0 where a word that is nearly the same means something else.
    slips: usize,
    /// What people write instead of its ending.
    endings: &'static [&'static str],
}

/// A file that is read by its name: of whose stem so many letters may be wrong (0 where a word that is nearly the same means
/// something else), and what people write instead of its ending.
#[must_use]
pub const fn known(name: &'static str, slips: usize, endings: &'static [&'static str]) -> Known {
    Known { name, slips, endings }
}

/// Endings of what is TOML.
pub const TOML: &[&str] = &["toml", "tml", "tom", "tolm", "tooml", "toml.txt"];
const YAML: &[&str] = &["yml", "yaml", "yam", "yml.txt", "yaml.txt"];
/// Endings of what is plain text.
pub const TEXT: &[&str] = &["txt", "text", "tx", "txt.txt", ""];

/// Those of no language. The likeliest of those that differ in their ending comes first.
const KNOWN: [Known; 10] = [
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
    known(".dormouseignore", 1, &["", "txt"]),
    known(".dockerignore", 1, &["", "txt"]),
    known("Dockerfile", 0, &["", "txt"]),
];

/// What is nearly a name and is another: words, and what the same tools call otherwise.
const OTHERS: [&str; 4] = ["profile", "composer", "profiles", "dockerfiles"];

/// The file that one of this name, in the same folder, was probably meant to be, also one of those that languages
/// read; `None` for one that has its right name.
#[must_use]
pub fn meant(name: &str, languages: &[Known]) -> Option<&'static str> {
    let mut known = KNOWN.iter().chain(languages);
    if known.clone().any(|known| known.name == name) || is_other_form(name) {
        return None;
    }
    let plain = plain(name);
    known.find(|known| known.is_near(&plain)).map(|known| known.name)
}

/// Whether a name is that of a compose file for a purpose, such as `docker-compose.prod.yml`: it is read when it is named.
#[must_use]
pub fn is_compose_variant(name: &str) -> bool {
    let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"));
    let purpose = stem.and_then(|s| s.strip_prefix("docker-").unwrap_or(s).strip_prefix("compose"));
    let purpose = purpose.and_then(|rest| rest.strip_prefix(['.', '-', '_']));
    purpose.is_some_and(|p| !p.is_empty() && p != "override") && meant(name, &[]).is_none()
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
            ("dormouseignore", Some(".dormouseignore")),
            (".dormousignore", Some(".dormouseignore")),
            (".docker-ignore", Some(".dockerignore")),
            ("dockerfile", Some("Dockerfile")),
            ("Dockerfile.dev", None),
            ("main.py", None),
            ("", None),
        ] {
            assert_eq!(meant(name, &[]), want, "{name}");
        }
    }
}
