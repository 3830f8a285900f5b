//! What reads bytes of a mirror, given what is nearly as it should be.

use std::{
    collections::BTreeSet,
    io::{self, Read},
    path::Path,
};

use tar::Archive;

use super::{
    deb::{self, Deb},
    dpkg, relation,
    release::Release,
    stanza::stanzas,
    unpack::Root,
    version,
};

/// Bytes that a run may read of what was made small.
const MOST: u64 = 1 << 20;

/// A package.
pub fn deb(bytes: &[u8]) {
    let Ok(deb) = Deb::parse(bytes) else { return };
    for stanza in stanzas(&deb.text("control")) {
        for field in ["Depends", "Provides"] {
            let value = stanza.get(field).unwrap_or_default();
            relation::groups(value);
            relation::provided(value);
        }
    }
    dpkg::conffiles(&deb.text("conffiles"));
    let Ok(mut data) = deb.data() else { return };
    let Ok(entries) = data.entries() else { return };
    for mut entry in entries.map_while(Result::ok).take(1000) {
        if io::copy(&mut entry.by_ref().take(MOST), &mut io::sink()).is_err() {
            return;
        }
    }
}

/// The tar of a package's files, into a folder that is empty and nowhere else.
pub fn unpack(bytes: &[u8], dir: &Path) {
    let conffiles = BTreeSet::from(["etc/app.conf".into()]);
    // What it lists is what dpkg would be told, also of what broke off.
    Root::open(dir).and_then(|root| root.unpack(&mut Archive::new(bytes.take(MOST)), &conffiles)).ok();
}

/// An index, compressed or not, and what it lists.
pub fn index(bytes: &[u8]) {
    for name in ["Packages.xz", "Packages.gz", "Packages"] {
        let Ok(text) = deb::index(name, bytes, MOST) else { continue };
        let release = Release::parse(&text);
        release.file("main/binary-amd64/Packages.xz");
        let mut last = "";
        for stanza in stanzas(&text) {
            let version_of = stanza.get("Version").unwrap_or_default();
            assert_eq!(version::compare(last, version_of), version::compare(version_of, last).reverse());
            last = version_of;
            for (_, value) in stanza.fields() {
                for relation in relation::groups(value).iter().flatten() {
                    relation.allows(Some(version_of));
                }
            }
        }
    }
}

/// Whether it can be read as a package.
#[cfg(test)]
pub(crate) fn is_package(bytes: &[u8]) -> bool {
    Deb::parse(bytes).is_ok_and(|deb| deb.data().is_ok())
}
