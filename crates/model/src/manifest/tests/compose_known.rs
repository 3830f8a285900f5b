//! Keys of compose files: those of the specification are known.

use super::folder;
use crate::manifest::{
    NoLanguages,
    compose::keys::{
        BUILD, DEPENDENCY, DEPLOY, HEALTHCHECK, Honour, Keys, LIMITS, NETWORK, PORT, RESOURCES, SERVICE, TOP,
        TOP_NETWORK,
    },
    resolve,
};

/// Its warnings, or what is wrong with it.
fn shown(text: &str) -> String {
    match resolve(&folder("shop", &[("compose.yaml", text)]), &NoLanguages) {
        Ok((_, warnings)) => warnings.iter().map(|w| format!("{w}\n")).collect(),
        Err(e) => e.to_string(),
    }
}

/// Every key of the specification, in its place, without a value.
#[test]
fn none_is_unknown() {
    let tables: [(Keys, &str); 11] = [
        (TOP, "services: {web: {build: ., ports: ['80']}}\n"),
        (SERVICE, "services:\n  web:\n    build: .\n    "),
        (BUILD, "services:\n  web:\n    build:\n      "),
        (DEPLOY, "services:\n  web:\n    build: .\n    deploy:\n      "),
        (RESOURCES, "services:\n  web:\n    build: .\n    deploy:\n      resources:\n        "),
        (
            LIMITS,
            "services:\n  web:\n    build: .\n    deploy:\n      resources:\n        limits:\n          ",
        ),
        (HEALTHCHECK, "services:\n  web:\n    build: .\n    healthcheck:\n      "),
        (DEPENDENCY, "services:\n  web:\n    build: .\n    depends_on:\n      db:\n        "),
        (PORT, "services:\n  web:\n    build: .\n    ports:\n      - target: 80\n        "),
        (NETWORK, "services:\n  web:\n    build: .\n    networks:\n      n:\n        "),
        (TOP_NETWORK, "services: {web: {build: ., ports: ['80']}}\nnetworks:\n  n:\n    "),
    ];
    for (keys, before) in tables {
        assert!(keys.is_sorted_by_key(|(key, _)| key), "a table is read by people");
        for (key, honour) in keys {
            if before.contains(&format!("{key}:")) {
                continue;
            }
            let text = format!("{before}{key}:\n");
            let shown = shown(&text);
            assert!(!shown.contains("unknown key"), "{text}{shown}");
            let named = shown.contains(&format!("not honoured: `{key}` (compose.yaml:"));
            assert_eq!(named, *honour == Honour::Not, "{text}{shown}");
        }
    }
}
