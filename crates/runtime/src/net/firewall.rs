//! What may go where. One nftables table of our own, replaced as a whole in one transaction.

use std::net::Ipv4Addr;

use nlink::{
    Connection,
    netlink::{
        Nftables,
        nftables::{
            BaseChain, Chain, CtState, Family, FilterHook, IcmpxCode, NatHook, Policy, Priority, Rule,
            Transaction,
        },
    },
};

use super::{NetError, names::Names, subnet::Subnet};

const FAMILY: Family = Family::Inet;
const INPUT: &str = "input";
const FORWARD: &str = "forward";
const POSTROUTING: &str = "postrouting";

/// Where clouds keep the credentials of their machines: link-local addresses as a whole, and the few that are not.
/// Alibaba 100.100.100.200, Azure 168.63.129.16, Oracle 192.0.0.192.
const METADATA: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(100, 100, 100, 200), 32),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(192, 0, 0, 192), 32),
];

/// Whether the firewall refuses this address to everything in a sandbox.
pub(super) fn is_metadata(addr: Ipv4Addr) -> bool {
    METADATA.iter().any(|(base, prefix)| (addr.to_bits() ^ base.to_bits()) >> (32 - u32::from(*prefix)) == 0)
}

/// Replace the table.
pub(super) async fn replace(names: &Names, pool: Ipv4Addr, subnets: &[Subnet]) -> Result<(), NetError> {
    let table = names.table();
    let making = || NetError::making("the firewall's table (nftables)");
    let conn = Connection::<Nftables>::new().map_err(making())?;
    // `delete` wants it to be there; kernels before 6.3 know no `destroy`.
    match conn.add_table(table.as_str(), FAMILY).await {
        Err(e) if !e.is_already_exists() => return Err(making()(e)),
        Ok(()) | Err(_) => {}
    }
    let fresh = conn.transaction().del_table(&table, FAMILY).add_table(&table, FAMILY);
    let built = chains(fresh, &table).map_err(making())?;
    let rules = rules(names, &table, pool, subnets);
    rules.into_iter().fold(built, Transaction::add_rule).commit(&conn).await.map_err(making())
}

/// Remove the table; one that is not there is fine.
pub(super) async fn remove(names: &Names) -> Result<(), NetError> {
    let making = || NetError::making("the firewall's table go");
    let conn = Connection::<Nftables>::new().map_err(making())?;
    conn.del_table_if_exists(names.table(), FAMILY).await.map(drop).map_err(making())
}

fn chains(to: Transaction, table: &str) -> Result<Transaction, nlink::Error> {
    let filter = |hook| BaseChain::filter(hook, Priority::Filter).policy(Policy::Accept);
    let bases = [
        (INPUT, filter(FilterHook::Input)),
        (FORWARD, filter(FilterHook::Forward)),
        (POSTROUTING, BaseChain::nat(NatHook::Postrouting, Priority::SrcNat).policy(Policy::Accept)),
    ];
    bases
        .into_iter()
        .try_fold(to, |to, (name, base)| Ok(to.add_chain(Chain::new(table, name)?.family(FAMILY).base(base))))
}

fn rules(names: &Names, table: &str, pool: Ipv4Addr, subnets: &[Subnet]) -> Vec<Rule> {
    let rule = |chain| Rule::new(table, chain).family(FAMILY);
    let ours = names.bridges();
    let refuse = |rule: Rule| rule.reject_icmpx(IcmpxCode::AdminProhibited);
    let answers = CtState::ESTABLISHED | CtState::RELATED;
    let mut rules = Vec::new();

    // To this host: names, and the platform's addresses of one's own services.
    let from = || rule(INPUT).match_iif_prefix(&ours);
    rules.push(from().match_ct_state(answers).accept());
    for net in subnets {
        let own = |to| {
            rule(INPUT).match_iif(&net.bridge).match_saddr_v4(net.gateway, net.prefix).match_daddr_v4(to, 32)
        };
        rules.push(own(net.gateway).match_udp_dport(53).accept());
        rules.push(own(net.gateway).match_tcp_dport(53).accept());
        rules.extend(net.vips.iter().map(|vip| own(vip.addr).match_tcp_dport(vip.port).accept()));
    }
    rules.push(refuse(from()));

    // Through this host: within a project, and out. Where the kernel shows the firewall what passes between the
    // ports of one bridge, that comes by here too.
    let (out, into) = (|| rule(FORWARD).match_iif_prefix(&ours), || rule(FORWARD).match_oif_prefix(&ours));
    rules.push(out().match_ct_state(answers).accept());
    rules.push(into().match_ct_state(answers).accept());
    let own = |net: &Subnet| rule(FORWARD).match_iif(&net.bridge).match_saddr_v4(net.gateway, net.prefix);
    rules.extend(subnets.iter().filter(|n| !n.apart).map(|n| own(n).match_oif(&n.bridge).accept()));
    rules.extend(METADATA.map(|(addr, prefix)| refuse(out().match_daddr_v4(addr, prefix))));
    rules.push(refuse(out().match_daddr_v4(pool, 16)));
    rules.push(refuse(into()));
    rules.extend(subnets.iter().map(|net| own(net).accept()));
    // With an address that is not its own, or over IPv6.
    rules.push(out().drop());

    rules.push(rule(POSTROUTING).match_saddr_v4(pool, 16).match_daddr_v4_not(pool, 16).masquerade());
    rules
}

#[cfg(test)]
mod tests {
    use dormouse_backend::Vip;
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_rules_of_one_project() {
        let vip = |name: &str, last, port| Vip {
            service: name.parse().unwrap(),
            addr: Ipv4Addr::new(10, 77, 1, last),
            port,
        };
        let shop = Subnet {
            bridge: "dm-0badcafe-1".into(),
            gateway: Ipv4Addr::new(10, 77, 1, 1),
            prefix: 24,
            vips: vec![vip("web", 2, 8000)],
            apart: false,
        };
        let names = Names::new("0badcafe");
        let rules = rules(&names, "t", Ipv4Addr::new(10, 77, 0, 0), &[shop]);
        let shown: Vec<_> = rules.iter().map(|r| r.nft_syntax().unwrap_or_else(|| "?".into())).collect();
        expect![[r#"
            iifname "dm-0badcafe-*" ct state established,related accept
            iifname "dm-0badcafe-1" ip saddr 10.77.1.0/24 ip daddr 10.77.1.1 udp dport 53 accept
            iifname "dm-0badcafe-1" ip saddr 10.77.1.0/24 ip daddr 10.77.1.1 tcp dport 53 accept
            iifname "dm-0badcafe-1" ip saddr 10.77.1.0/24 ip daddr 10.77.1.2 tcp dport 8000 accept
            iifname "dm-0badcafe-*" reject with icmpx admin-prohibited
            iifname "dm-0badcafe-*" ct state established,related accept
            oifname "dm-0badcafe-*" ct state established,related accept
            iifname "dm-0badcafe-1" ip saddr 10.77.1.0/24 oifname "dm-0badcafe-1" accept
            iifname "dm-0badcafe-*" ip daddr 169.254.0.0/16 reject with icmpx admin-prohibited
            iifname "dm-0badcafe-*" ip daddr 100.100.100.200 reject with icmpx admin-prohibited
            iifname "dm-0badcafe-*" ip daddr 168.63.129.16 reject with icmpx admin-prohibited
            iifname "dm-0badcafe-*" ip daddr 192.0.0.192 reject with icmpx admin-prohibited
            iifname "dm-0badcafe-*" ip daddr 10.77.0.0/16 reject with icmpx admin-prohibited
            oifname "dm-0badcafe-*" reject with icmpx admin-prohibited
            iifname "dm-0badcafe-1" ip saddr 10.77.1.0/24 accept
            iifname "dm-0badcafe-*" drop
            ip saddr 10.77.0.0/16 ip daddr != 10.77.0.0/16 masquerade"#]]
        .assert_eq(&shown.join("\n"));
    }
}
