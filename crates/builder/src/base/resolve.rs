//! Which packages a base is made of.

use std::collections::{BTreeMap, VecDeque};

use super::{
    BaseError,
    index::{Index, Package},
    relation::{Relation, groups},
};

/// The required packages, `wanted`, and all they depend on, by name. Recommendations are left out. Of alternatives
/// one that is chosen already does; otherwise it is the first that exists.
pub(super) fn closure<'a>(index: &'a Index, wanted: &[&str]) -> Result<Vec<&'a Package>, BaseError> {
    let mut chosen: BTreeMap<&str, &Package> = BTreeMap::new();
    let mut certain: VecDeque<(String, Vec<Relation>)> = index
        .required()
        .into_iter()
        .chain(wanted.iter().copied())
        .map(|n| ("the base".to_owned(), vec![Relation::any(n)]))
        .collect();
    // Looked at once nothing certain is left, so that what is needed anyhow decides between alternatives.
    let mut open: VecDeque<(String, Vec<Relation>)> = VecDeque::new();
    while let Some((by, group)) = certain.pop_front().or_else(|| open.pop_front()) {
        let done = group
            .iter()
            .any(|relation| index.satisfying(relation).any(|p| chosen.contains_key(p.name.as_str())));
        if done {
            continue;
        }
        let Some(package) = group.iter().find_map(|relation| index.satisfying(relation).next()) else {
            let names: Vec<_> = group.iter().map(|r| r.name.as_str()).collect();
            return Err(BaseError::Unresolved(format!(
                "{by} needs {}, which the archive does not have",
                names.join(" or ")
            )));
        };
        chosen.insert(&package.name, package);
        for group in groups(&package.depends) {
            let is_certain = matches!(&group[..], [only] if index.has(&only.name));
            let queue = if is_certain { &mut certain } else { &mut open };
            queue.push_back((package.name.clone(), group));
        }
    }
    Ok(chosen.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(archive: &str, wanted: &[&str]) -> String {
        let mut index = Index::default();
        let text: String = archive
            .split(';')
            .map(|p| {
                let mut parts = p.trim().split('/').map(str::trim);
                let (name, version) = parts.next().unwrap().split_once(' ').unwrap();
                let mut text = format!("Package: {name}\nVersion: {version}\n");
                for field in parts {
                    text.push_str(&format!("{field}\n"));
                }
                text + &format!("Filename: f\nSHA256: {}\n\n", "0".repeat(64))
            })
            .collect();
        index.add(&text, &[].into());
        index.finish();
        match closure(&index, wanted) {
            Ok(all) => all.iter().map(|p| format!("{} {}", p.name, p.version)).collect::<Vec<_>>().join(", "),
            Err(e) => e.to_string().lines().next().unwrap().to_owned(),
        }
    }

    #[test]
    fn table() {
        for (what, archive, wanted, want) in [
            (
                "what is required comes unasked",
                "a 1/Priority: required;b 1/Essential: yes;c 1",
                &[][..],
                "a 1, b 1",
            ),
            (
                "dependencies of dependencies",
                "a 1/Depends: b;b 1/Pre-Depends: c;c 1;d 1",
                &["a"],
                "a 1, b 1, c 1",
            ),
            ("a circle", "a 1/Depends: b;b 1/Depends: a", &["a"], "a 1, b 1"),
            ("the newest version", "a 1;a 3;a 2", &["a"], "a 3"),
            ("the first alternative", "a 1/Depends: b | c;b 1;c 1", &["a"], "a 1, b 1"),
            ("the first that exists", "a 1/Depends: x | c;c 1", &["a"], "a 1, c 1"),
            (
                "one that is chosen anyhow",
                "a 1/Depends: b | c, d;b 1;c 1;d 1/Depends: c",
                &["a"],
                "a 1, c 1, d 1",
            ),
            (
                "a virtual package",
                "a 1/Depends: awk;mawk 1/Provides: awk;gawk 1/Provides: awk",
                &["a"],
                "a 1, gawk 1",
            ),
            (
                "a provider that is chosen",
                "a 1/Depends: awk, mawk;mawk 1/Provides: awk;gawk 1/Provides: awk",
                &["a"],
                "a 1, mawk 1",
            ),
            ("recommendations are not taken", "a 1/Recommends: b;b 1", &["a"], "a 1"),
            (
                "a version that is too old",
                "a 1/Depends: b (>= 2);b 1",
                &["a"],
                "cannot put a base together: a needs b, which the archive does not have",
            ),
            ("an alternative that is new enough", "a 1/Depends: b (>= 2) | c;b 1;c 1", &["a"], "a 1, c 1"),
            (
                "a virtual package has no version",
                "a 1/Depends: v (>= 1);b 1/Provides: v",
                &["a"],
                "cannot put a base together: a needs v, which the archive does not have",
            ),
            ("unless it says so", "a 1/Depends: v (>= 1);b 1/Provides: v (= 1)", &["a"], "a 1, b 1"),
            (
                "nobody has it",
                "a 1",
                &["z"],
                "cannot put a base together: the base needs z, which the archive does not have",
            ),
        ] {
            assert_eq!(resolve(archive, wanted), want, "{what}");
        }
    }
}
