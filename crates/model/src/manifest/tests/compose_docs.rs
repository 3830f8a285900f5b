//! What docs/compose.md says becomes of a key is what becomes of it.

use std::collections::BTreeMap;

use crate::manifest::compose::keys::{
    BUILD, DEPENDENCY, DEPLOY, EXTENDS, HEALTHCHECK, Honour, INCLUDE, Keys, LIMITS, NETWORK, PORT, RESOURCES,
    SERVICE, TOP, TOP_NETWORK,
};

const DOCS: &str = include_str!("../../../../../docs/compose.md");

/// What becomes of the keys below a heading.
fn said(heading: &str) -> BTreeMap<&'static str, Honour> {
    let (_, below) = DOCS.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let mut said = BTreeMap::new();
    for line in below.split("\n#").next().unwrap_or_default().lines().filter(|l| l.starts_with("| `")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, keys, becomes, _, _] = cells[..] else { panic!("{line}") };
        let honour = match becomes {
            "read" => Honour::Read,
            "anyway" => Honour::Anyway,
            "named" => Honour::Not,
            other => panic!("{other}: {line}"),
        };
        for key in keys.split(", ").map(|key| key.trim_matches('`')) {
            assert_eq!(said.insert(key, honour), None, "{key} stands twice below {heading}");
        }
    }
    said
}

#[test]
fn every_key_is_documented() {
    let tables: [(&str, Keys); 13] = [
        ("The file", TOP),
        ("A service", SERVICE),
        ("`build`", BUILD),
        ("`deploy`", DEPLOY),
        ("`deploy.resources`", RESOURCES),
        ("`deploy.resources.limits`", LIMITS),
        ("`healthcheck`", HEALTHCHECK),
        ("A service in `depends_on`", DEPENDENCY),
        ("A port in its long form", PORT),
        ("A service's network", NETWORK),
        ("A network of the file", TOP_NETWORK),
        ("`extends`", EXTENDS),
        ("An `include`", INCLUDE),
    ];
    for (heading, keys) in tables {
        assert_eq!(said(heading), keys.iter().copied().collect(), "below {heading}");
    }
    assert_eq!(DOCS.matches("\n## ").count(), tables.len());
}
