use dormouse_backend::Vip;
use dormouse_model::{AddressBlock, Classes};
use expect_test::expect;

use super::*;
use crate::net::{EgressPolicy, elsewhere::within, share::Share};

/// The same for any number of networks.
const RULES: usize = 30;

fn shop() -> Subnet {
    let vip = |name: &str, last, port| Vip {
        service: name.parse().unwrap(),
        addr: Ipv4Addr::new(10, 77, 1, last),
        port,
    };
    Subnet {
        bridge: "dm-0badcafe-01a".into(),
        gateway: Ipv4Addr::new(10, 77, 1, 1),
        blocks: vec![
            AddressBlock::around([10, 77, 1, 1].into(), 27),
            AddressBlock::around([10, 77, 9, 64].into(), 26),
        ],
        vips: vec![vip("web", 2, 8000)],
        apart: false,
        egress: EgressPolicy::default(),
        share: Some(share(1)),
    }
}

fn share(n: u32) -> Share {
    let gateway = Ipv4Addr::from_bits(0x0a4d_0101 + n * 32);
    Share { class: Classes::of("0badcafe").network(gateway), most: None }
}

/// What `nlink` has no words for shows as `?`: the doors of the own networks. The tests with real networks show them, as `nft`
/// lists them.
#[test]
fn the_rules() {
    let rules = rules("t", "dm-0badcafe-", Ipv4Addr::new(10, 77, 0, 0), true, true);
    let shown: Vec<_> = rules.iter().map(|r| r.nft_syntax().unwrap_or_else(|| "?".into())).collect();
    expect![[r#"
        ?
        ?
        iifname "dm-0badcafe-*" ct state established,related accept
        ?
        iifname "dm-0badcafe-*" reject with icmpx admin-prohibited
        meta priority set iifname . meta nfproto map @classes
        iifname "dm-0badcafe-*" ct state established,related accept
        oifname "dm-0badcafe-*" ct state established,related accept
        iifname "dm-0badcafe-*" add @connections { iifname ct count over 8192 } reject with icmpx admin-prohibited
        iifname . ip saddr @own iifname . oifname @inside accept
        iifname "dm-0badcafe-*" ip daddr 10.77.0.0/16 reject with icmpx admin-prohibited
        oifname "dm-0badcafe-*" reject with icmpx admin-prohibited
        ?
        iifname "dm-0badcafe-*" ip daddr 169.254.0.0/16 reject with icmpx admin-prohibited
        iifname "dm-0badcafe-*" ip daddr 100.100.100.200 reject with icmpx admin-prohibited
        iifname "dm-0badcafe-*" ip daddr 168.63.129.16 reject with icmpx admin-prohibited
        iifname "dm-0badcafe-*" ip daddr 192.0.0.192 reject with icmpx admin-prohibited
        iifname "dm-0badcafe-*" tcp dport 25 iifname . meta nfproto != @mail reject with icmpx admin-prohibited
        iifname . ip saddr @own ip daddr 10.0.0.0/8 iifname . meta nfproto @lan accept
        iifname "dm-0badcafe-*" ip daddr 10.0.0.0/8 reject with icmpx admin-prohibited
        iifname . ip saddr @own ip daddr 172.16.0.0/12 iifname . meta nfproto @lan accept
        iifname "dm-0badcafe-*" ip daddr 172.16.0.0/12 reject with icmpx admin-prohibited
        iifname . ip saddr @own ip daddr 192.168.0.0/16 iifname . meta nfproto @lan accept
        iifname "dm-0badcafe-*" ip daddr 192.168.0.0/16 reject with icmpx admin-prohibited
        iifname . ip saddr @own ip daddr 100.64.0.0/10 iifname . meta nfproto @lan accept
        iifname "dm-0badcafe-*" ip daddr 100.64.0.0/10 reject with icmpx admin-prohibited
        iifname . ip saddr @own iifname . meta nfproto @internet accept
        iifname . ip saddr @own reject with icmpx admin-prohibited
        iifname "dm-0badcafe-*" drop
        ip saddr 10.77.0.0/16 ip daddr != 10.77.0.0/16 masquerade"#]]
    .assert_eq(&shown.join("\n"));
}

/// Of every kind, one after the other.
fn egress(n: u32) -> EgressPolicy {
    let allow = ["192.168.0.0/16:5000-5999", "192.168.7.10:5432", "10.0.0.0/8"].map(|d| d.parse().unwrap());
    let allow = if n.is_multiple_of(5) { allow.to_vec() } else { Vec::new() };
    EgressPolicy { internet: n.is_multiple_of(2), lan: n.is_multiple_of(3), smtp: n.is_multiple_of(7), allow }
}

fn nets(numbers: impl Iterator<Item = u32>) -> Vec<Subnet> {
    let net = |n: u32| {
        let block = AddressBlock::around(Ipv4Addr::from_bits(0x0a4d_0100 + n * 32), 27);
        let vip = Vip { service: "web".parse().unwrap(), addr: block.at(2), port: 8000 };
        let bridge = format!("dm-0badcafe-{n:03x}");
        Subnet {
            bridge,
            gateway: block.at(1),
            blocks: vec![block],
            vips: vec![vip],
            apart: n == 0,
            egress: egress(n),
            share: n.is_multiple_of(4).then(|| share(n)),
        }
    };
    numbers.map(net).collect()
}

/// The table, as a set of members and a number of rules.
async fn table(firewall: &Firewall) -> (BTreeSet<Member>, usize) {
    let conn = firewall.open().unwrap();
    let members = firewall.members(&conn).await.unwrap();
    (members, conn.list_rules(&firewall.table, FAMILY).await.unwrap().len())
}

fn all(nets: &[Subnet]) -> BTreeSet<Member> {
    nets.iter().flat_map(members).collect()
}

/// Bug: all rules were one message, and with the 66th project that no longer fitted the socket's buffer.
#[test]
fn a_thousand_networks() {
    within(async || {
        let firewall = Firewall::new(&Names::new("0badcafe"), Ipv4Addr::new(10, 77, 0, 0), true);
        let nets = nets(0..1000);
        firewall.settle(&nets[..1]).await.unwrap();
        for net in &nets[1..] {
            firewall.change(None, Some(net)).await.unwrap();
        }
        assert_eq!(table(&firewall).await, (all(&nets), RULES));
        // As after a reboot, at once.
        firewall.remove().await.unwrap();
        firewall.settle(&nets).await.unwrap();
        assert_eq!(table(&firewall).await, (all(&nets), RULES));
        for net in &nets[..10] {
            firewall.change(Some(net), None).await.unwrap();
        }
        assert_eq!(table(&firewall).await, (all(&nets[10..]), RULES));
        // Some come back, and half go.
        firewall.settle(&nets[..500]).await.unwrap();
        assert_eq!(table(&firewall).await, (all(&nets[..500]), RULES));
    });
}

/// A block may be divided anew although somebody was killed before its old holder was forgotten.
#[test]
fn whatever_there_was() {
    within(async || {
        let firewall = Firewall::new(&Names::new("0badcafe"), Ipv4Addr::new(10, 77, 0, 0), true);
        let mut net = shop();
        firewall.settle(&[net.clone()]).await.unwrap();
        assert!(firewall.change(None, Some(&nets(7..8)[0])).await.is_ok());
        assert!(firewall.change(Some(&nets(8..9)[0]), None).await.is_err(), "it was never there");
        net.blocks = vec![AddressBlock::around(net.gateway, 26)];
        firewall.settle(&[net.clone()]).await.unwrap();
        assert_eq!(table(&firewall).await.0, members(&net));
        // An older version's, which knew no sets.
        firewall.remove().await.unwrap();
        let conn = firewall.open().unwrap();
        conn.add_table(&*firewall.table, FAMILY).await.unwrap();
        let forward = BaseChain::filter(FilterHook::Forward, Priority::Filter).policy(Policy::Accept);
        let chain = Chain::new(&*firewall.table, FORWARD).unwrap().family(FAMILY).base(forward);
        conn.add_chain(chain).await.unwrap();
        conn.add_rule(Rule::new(&firewall.table, FORWARD).family(FAMILY).drop()).await.unwrap();
        firewall.settle(&[net.clone()]).await.unwrap();
        assert_eq!(table(&firewall).await, (members(&net), RULES));
    });
}

/// Whatever somebody does to it is noticed, and what we do ourselves is no damage.
#[test]
fn what_others_do_to_it() {
    let nft = |args: &str| {
        let nft = std::process::Command::new("nft").args(args.split(' ')).output().unwrap();
        assert!(nft.status.success(), "{args}: {}", String::from_utf8_lossy(&nft.stderr));
    };
    within(async || {
        let firewall = Firewall::new(&Names::new("0badcafe"), Ipv4Addr::new(10, 77, 0, 0), true);
        let nets = nets(0..3);
        assert!(!firewall.stands().await.unwrap(), "it was never there");
        firewall.settle(&nets[..2]).await.unwrap();
        firewall.change(None, Some(&nets[2])).await.unwrap();
        assert!(firewall.is_whole(&nets).await.unwrap());
        assert!(!firewall.is_whole(&nets[..2]).await.unwrap());
        for (damage, stands) in [
            ("flush ruleset", false),
            ("delete table inet dormouse_0badcafe", false),
            ("flush chain inet dormouse_0badcafe input", false),
            ("insert rule inet dormouse_0badcafe forward accept", false),
            ("add table inet dormouse_0badcafe { flags dormant; }", false),
            ("flush set inet dormouse_0badcafe own", true),
            ("flush set inet dormouse_0badcafe open", true),
            ("add element inet dormouse_0badcafe lan { \"dm-0badcafe-002\" . ipv4 }", true),
            ("flush map inet dormouse_0badcafe classes", true),
            ("add element inet dormouse_0badcafe classes { \"dm-0badcafe-001\" . ipv4 : 1:2 }", true),
            ("add element inet dormouse_0badcafe doors { \"eth0\" . 10.0.0.1 . tcp . 22 }", true),
            ("add table inet somebody_else", true),
        ] {
            nft(damage);
            assert_eq!(firewall.stands().await.unwrap(), stands, "{damage}");
            let whole = damage.contains("else");
            assert_eq!(firewall.is_whole(&nets).await.unwrap(), whole, "{damage}");
            firewall.settle(&nets).await.unwrap();
            assert!(firewall.is_whole(&nets).await.unwrap(), "{damage}, and settled");
            assert_eq!(table(&firewall).await, (all(&nets), RULES), "{damage}");
        }
    });
}
