use std::{net::Ipv4Addr, process::Command};

use dormouse_model::AddressBlock;
use expect_test::expect;

use super::*;
use crate::net::{EgressPolicy, elsewhere::within, links};

const TAG: &str = "0badcafe";

fn run(program: &str, args: &str) -> String {
    let out = Command::new(program).args(args.split(' ')).output().unwrap();
    assert!(out.status.success(), "{program} {args}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// A host with two ways out, of which the first is used.
fn host() {
    for args in [
        "link add wan type veth peer name isp",
        "link add other type veth peer name otherisp",
        "addr add 192.0.2.1/24 dev wan",
        "addr add 198.51.100.1/24 dev other",
        "link set isp up",
        "link set otherisp up",
        "link set wan up",
        "link set other up",
        "route add default via 192.0.2.2 metric 100",
        "route add default via 198.51.100.2 metric 200",
    ] {
        run("ip", args);
    }
}

fn line(bandwidth: Option<Bandwidth>) -> Line {
    Line::new(TAG, bandwidth)
}

fn bandwidth(out: &str) -> Bandwidth {
    Bandwidth::new(out.parse().unwrap())
}

fn nets(line: &Line, numbers: impl Iterator<Item = u32>) -> Vec<Subnet> {
    let net = |n: u32| {
        let block = AddressBlock::around(Ipv4Addr::from_bits(0x0a4d_0100 + n * 32), 27);
        let name = format!("p{n}").parse().unwrap();
        Subnet {
            bridge: format!("dm-{TAG}-{n:03x}"),
            gateway: block.at(1),
            blocks: vec![block],
            vips: vec![],
            apart: n == 0,
            egress: EgressPolicy::default(),
            share: line.share(block.at(1), (n > 0).then_some(&name)),
        }
    };
    numbers.map(net).collect()
}

/// What divides an interface, as `tc` tells it.
fn shown(interface: &str) -> String {
    let sorted = |text: String| {
        let mut lines: Vec<_> = text.lines().map(|l| l.trim_end().to_owned() + "\n").collect();
        lines.sort();
        lines.concat()
    };
    let qdiscs = sorted(run("tc", &format!("qdisc show dev {interface}")));
    qdiscs + &sorted(run("tc", &format!("class show dev {interface}")))
}

#[test]
fn what_leaves_is_divided() {
    within(async || {
        host();
        let conn = links().unwrap();
        let untouched = (shown("wan"), shown("other"));
        let off = line(None);
        assert_eq!(off.settle(&conn, &nets(&off, 0..3)).await.unwrap(), Found::Right);
        assert_eq!((shown("wan"), shown("other")), untouched);

        let projects = BTreeMap::from([("p2".parse().unwrap(), "5mbit".parse().unwrap())]);
        let on = line(Some(Bandwidth { projects, ..bandwidth("100mbit") }));
        assert_eq!(on.settle(&conn, &nets(&on, 0..3)).await.unwrap(), Found::Moved);
        assert_eq!(on.settle(&conn, &nets(&on, 0..3)).await.unwrap(), Found::Right);
        expect![[r#"
            qdisc bfifo 1008: parent 4153:1008 limit 1250000b
            qdisc bfifo 1009: parent 4153:1009 limit 1250000b
            qdisc bfifo 100a: parent 4153:100a limit 1250000b
            qdisc bfifo 2: parent 4153:2 limit 1250000b
            qdisc htb 4153: root refcnt 3 r2q 10 default 0x2 direct_packets_stat 0 direct_qlen 1000
            class htb 4153:1 root rate 100Mbit ceil 100Mbit burst 64Kb cburst 64Kb
            class htb 4153:1008 parent 4153:1 leaf 1008: prio 1 rate 5Mbit ceil 100Mbit burst 32Kb cburst 64Kb
            class htb 4153:1009 parent 4153:1 leaf 1009: prio 0 rate 24408bit ceil 100Mbit burst 32Kb cburst 64Kb
            class htb 4153:100a parent 4153:1 leaf 100a: prio 0 rate 24408bit ceil 5Mbit burst 32Kb cburst 64Kb
            class htb 4153:2 parent 4153:1 leaf 2: prio 0 rate 25Mbit ceil 100Mbit burst 32Kb cburst 64Kb
        "#]].assert_eq(&shown("wan"));
        // One comes, and one goes.
        on.add(&conn, &nets(&on, 3..4)[0]).await.unwrap();
        on.take(&conn, &nets(&on, 1..2)[0]).await.unwrap();
        on.take(&conn, &nets(&on, 9..10)[0]).await.unwrap();
        let now = [nets(&on, 0..1), nets(&on, 2..4)].concat();
        assert_eq!(on.settle(&conn, &now).await.unwrap(), Found::Right);

        // A server that begins finds what another has left, also when the line has become another or nothing is divided.
        let whole = shown("wan");
        let again = line(on.bandwidth.clone());
        assert_eq!(again.settle(&conn, &now).await.unwrap(), Found::Moved);
        assert_eq!(shown("wan"), whole);
        let faster = line(Some(bandwidth("1gbit")));
        assert_eq!(faster.settle(&conn, &now).await.unwrap(), Found::Moved);
        assert!(shown("wan").contains("ceil 1Gbit"), "{}", shown("wan"));
        assert_eq!(line(None).settle(&conn, &now).await.unwrap(), Found::Right);
        assert_eq!((shown("wan"), shown("other")), untouched);
        assert_eq!(faster.settle(&conn, &now).await.unwrap(), Found::Damaged);
        faster.remove(&conn).await.unwrap();
        faster.remove(&conn).await.unwrap();
        assert_eq!((shown("wan"), shown("other")), untouched);
    });
}

#[test]
fn the_way_out_is_followed() {
    within(async || {
        let (conn, on) = (links().unwrap(), line(Some(bandwidth("100mbit"))));
        assert_eq!(on.settle(&conn, &[]).await.unwrap(), Found::Right, "there is no way out yet");
        host();
        let untouched = (shown("wan"), shown("other"));
        assert_eq!(on.settle(&conn, &[]).await.unwrap(), Found::Moved);
        let whole = shown("wan");
        run("ip", "route del default via 192.0.2.2");
        assert_eq!(on.settle(&conn, &[]).await.unwrap(), Found::Moved);
        assert_eq!((shown("wan"), shown("other")), (untouched.0, whole.replace("wan", "other")));
        // It is gone, with all there was.
        run("ip", "link del other");
        assert_eq!(on.settle(&conn, &[]).await.unwrap(), Found::Right);

        let named = Bandwidth { interface: Some("isp".into()), ..bandwidth("100mbit") };
        let named = line(Some(named));
        assert_eq!(named.settle(&conn, &[]).await.unwrap(), Found::Moved);
        assert_eq!(shown("isp"), whole);
        run("ip", "link del isp");
        assert_eq!(named.settle(&conn, &[]).await.unwrap(), Found::Right);
    });
}

#[test]
fn what_is_somebody_elses_stays() {
    within(async || {
        host();
        let (conn, on) = (links().unwrap(), line(Some(bandwidth("100mbit"))));
        for theirs in ["tbf rate 50mbit burst 10k latency 50ms", "handle 1: htb default 10"] {
            run("tc", &format!("qdisc add dev wan root {theirs}"));
            let there = shown("wan");
            let refused = on.settle(&conn, &nets(&on, 0..3)).await.unwrap_err().to_string();
            let handle = there.split_whitespace().nth(2).unwrap();
            let told = refused.replace(handle, "N:");
            match theirs {
                "handle 1: htb default 10" => expect![[r#"
                    [bandwidth] cannot divide what leaves by wan: a queueing discipline that is not this server's is there (htb N:)
                      hint: `tc qdisc del dev wan root` removes it; or name another `interface` in server.toml, or leave [bandwidth] out"#]],
                _ => expect![[r#"
                    [bandwidth] cannot divide what leaves by wan: a queueing discipline that is not this server's is there (tbf N:)
                      hint: `tc qdisc del dev wan root` removes it; or name another `interface` in server.toml, or leave [bandwidth] out"#]],
            }
            .assert_eq(&told);
            on.add(&conn, &nets(&on, 3..4)[0]).await.ok();
            on.remove(&conn).await.unwrap();
            assert_eq!(shown("wan"), there);
            run("tc", "qdisc del dev wan root");
        }
        assert_eq!(on.settle(&conn, &[]).await.unwrap(), Found::Moved);
    });
}

#[test]
fn what_others_do_to_it() {
    within(async || {
        host();
        let (conn, on) = (links().unwrap(), line(Some(bandwidth("100mbit"))));
        let nets = nets(&on, 0..3);
        on.settle(&conn, &nets).await.unwrap();
        let whole = shown("wan");
        for damage in [
            "qdisc del dev wan root",
            "class del dev wan classid 4153:1009",
            "class change dev wan parent 4153:1 classid 4153:1009 htb rate 50mbit ceil 100mbit quantum 1500",
            "class change dev wan parent 4153:1 classid 4153:100a htb rate 1mbit ceil 1mbit prio 7",
            "class add dev wan parent 4153:1 classid 4153:77 htb rate 90mbit ceil 100mbit",
            "class change dev wan parent 4153: classid 4153:1 htb rate 1gbit ceil 1gbit",
            "qdisc del dev wan parent 4153:1009",
        ] {
            run("tc", damage);
            assert_ne!(shown("wan"), whole, "{damage}");
            assert_eq!(on.settle(&conn, &nets).await.unwrap(), Found::Damaged, "{damage}");
            assert_eq!(shown("wan"), whole, "{damage}");
            assert_eq!(on.settle(&conn, &nets).await.unwrap(), Found::Right, "{damage}");
        }
    });
}

#[test]
fn as_many_as_there_can_be() {
    within(async || {
        host();
        let (conn, on) = (links().unwrap(), line(Some(bandwidth("100mbit"))));
        let nets = nets(&on, 0..2032);
        assert_eq!(on.settle(&conn, &nets).await.unwrap(), Found::Moved);
        assert_eq!(on.settle(&conn, &nets).await.unwrap(), Found::Right);
        assert_eq!(shown("wan").matches("class htb").count(), 2034);
    });
}
