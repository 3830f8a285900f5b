//! What an archive offers: the `Packages` files of all suites, merged.

use std::{cmp::Ordering, collections::HashMap};

use super::{
    relation::{Relation, provided},
    stanza::stanzas,
    version::compare,
};

/// One binary package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// `Priority: required` or `Essential: yes`.
    pub(super) required: bool,
    /// `Pre-Depends` and `Depends` joined.
    pub(super) depends: String,
    pub(super) provides: String,
    /// Below the archive's root.
    pub(super) filename: String,
    /// Of the archive, in bytes.
    pub(super) size: u64,
    pub(super) sha256: String,
    /// Roots of the archive it is in, as URLs, the first to be asked first.
    pub(super) roots: std::sync::Arc<[String]>,
}

/// The newest version of every package, and who provides what.
#[derive(Debug, Default)]
pub(super) struct Index {
    packages: HashMap<String, Package>,
    /// Virtual name → packages that say they provide it.
    providers: HashMap<String, Vec<String>>,
}

impl Index {
    /// Add a `Packages` file; of two versions the newer stays, of two equal ones the first.
    pub(super) fn add(&mut self, text: &str, roots: &std::sync::Arc<[String]>) {
        for stanza in stanzas(text) {
            let mut p = Package { roots: roots.clone(), ..Package::default() };
            for (field, value) in stanza.fields() {
                match field {
                    "Package" => value.clone_into(&mut p.name),
                    "Version" => value.clone_into(&mut p.version),
                    "Priority" => p.required |= value == "required",
                    "Essential" => p.required |= value == "yes",
                    "Pre-Depends" | "Depends" => {
                        p.depends.push_str(value);
                        p.depends.push(',');
                    }
                    "Provides" => value.clone_into(&mut p.provides),
                    "Filename" => value.clone_into(&mut p.filename),
                    "Size" => p.size = value.parse().unwrap_or(0),
                    "SHA256" => p.sha256 = value.to_ascii_lowercase(),
                    _ => {}
                }
            }
            let newer = self
                .packages
                .get(&p.name)
                .is_none_or(|old| compare(&p.version, &old.version) == Ordering::Greater);
            if newer && !p.filename.is_empty() && p.sha256.len() == 64 {
                self.packages.insert(p.name.clone(), p);
            }
        }
    }

    /// To be called when all files have been added.
    pub(super) fn finish(&mut self) {
        self.providers.clear();
        for p in self.packages.values().filter(|p| !p.provides.is_empty()) {
            for (name, _) in provided(&p.provides) {
                self.providers.entry(name).or_default().push(p.name.clone());
            }
        }
        self.providers.values_mut().for_each(|names| names.sort());
    }
    /// Whether a package has this very name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.packages.contains_key(name)
    }

    /// Names of everything a Debian system cannot be without, sorted.
    pub(super) fn required(&self) -> Vec<&str> {
        let mut names: Vec<_> =
            self.packages.values().filter(|p| p.required).map(|p| p.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Packages that satisfy a relation: the one of that name first, then providers by name.
    pub(super) fn satisfying<'a, 'r>(
        &'a self,
        relation: &'r Relation,
    ) -> impl Iterator<Item = &'a Package> + use<'a, 'r> {
        let own = self.packages.get(&relation.name).filter(|p| relation.allows(Some(&p.version)));
        let providers = self.providers.get(&relation.name).into_iter().flatten();
        let virtually = providers.filter_map(|n| self.packages.get(n)).filter(|p| {
            provided(&p.provides).iter().any(|(n, v)| *n == relation.name && relation.allows(v.as_deref()))
        });
        own.into_iter().chain(virtually)
    }
}
