//! A server that begins with its `networks.json` lost, damaged or of another time; in a network namespace of its own.

use std::{collections::BTreeSet, fs, net::Ipv4Addr, path::Path, thread};

use dormouse_backend::NetworkSpec;
use dormouse_runtime::{EgressPolicies, Network, Networks};

use crate::{
    many::{knock, project},
    repairs::{TAG, elsewhere, instance, run},
};

/// Bug: without `networks.json` and without bridges the pool was another one, because the route that is left of the old one
/// made that look taken; and what was garbage refused the start.
pub(crate) fn a_database_is_enough() {
    let test = || {
        elsewhere();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(damages());
    };
    thread::spawn(test).join().unwrap();
}

async fn damages() {
    let dir = tempfile::tempdir().unwrap();
    let open =
        async |pool| Network::open(dir.path(), TAG, EgressPolicies::default(), None, pool).await.unwrap();
    let network = open(None).await;
    let pool = network.pool();
    let specs = [project(pool, 70), project(pool, 71)];
    for spec in &specs {
        network.ensure(spec).await.unwrap();
    }
    let block = |n| project(pool, n).blocks().next().unwrap();
    let (first, second, other) = (block(70).at(9), block(70).at(10), block(71).at(9));
    let one = instance(&network, "p70", first).await;
    let _two = instance(&network, "p70", second).await;
    let stranger = instance(&network, "p71", other).await;
    let reach = || [knock(&one, second, 7000), knock(&one, other, 7000), knock(&stranger, first, 7000)];
    let (bridges, before) = (bridges(), addresses());
    assert_eq!(reach(), [true, false, false]);
    drop(network);

    let record = read(dir.path());
    let of_another = record.replace(&format!("10.{}.", pool.octets()[1]), "10.99.");
    // The first project has other addresses, and another has its bridge; the second is not known yet.
    let old = NetworkSpec { project: "old".parse().unwrap(), vips: vec![], ..specs[0].clone() };
    let older = serde_json::json!({ "pool": pool, "projects": { "old": old, "p70": project(pool, 80) } });
    for (what, text) in [
        ("lost", None),
        ("empty", Some(String::new())),
        ("garbage", Some("\u{1}{{{".to_owned())),
        ("cut off", Some(record[..record.len() / 2].to_owned())),
        ("of another server", Some(of_another)),
        ("older", Some(older.to_string())),
    ] {
        for are_gone in [false, true] {
            for name in ["networks.json", "networks.json.1"] {
                let path = dir.path().join(name);
                match &text {
                    Some(text) => fs::write(path, text).unwrap(),
                    None => fs::remove_file(path).unwrap(),
                }
            }
            for bridge in bridges.iter().filter(|_| are_gone) {
                run("ip", &format!("link del {bridge}"));
            }
            let again = open(Some(pool)).await;
            assert!(again.ensure_all(&specs, &BTreeSet::new()).await.unwrap().is_empty());
            assert_eq!((again.pool(), addresses()), (pool, before.clone()), "{what}, are gone: {are_gone}");
            assert_eq!(reach(), [true, false, false], "{what}, are gone: {are_gone}");
            assert_eq!(read(dir.path()), record, "{what}");
        }
    }
    open(Some(pool)).await.tear_down().await.unwrap();
}

fn read(state: &Path) -> String {
    fs::read_to_string(state.join("networks.json")).unwrap()
}

fn bridges() -> Vec<String> {
    let all = run("ip", "-brief link show type bridge");
    all.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The addresses of every bridge.
fn addresses() -> BTreeSet<(String, Ipv4Addr)> {
    let all = run("ip", "-brief -4 addr show type bridge");
    let of = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        let name = words.next().unwrap();
        let addrs: Vec<_> = words.skip(1).collect();
        addrs.into_iter().map(move |a| (name.clone(), a.split('/').next().unwrap().parse().unwrap()))
    };
    all.lines().flat_map(of).collect()
}
