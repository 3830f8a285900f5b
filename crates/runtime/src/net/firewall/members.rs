//! What distinguishes one network from another in the firewall: a few members of some sets.

use std::{collections::BTreeSet, net::Ipv4Addr};

use nlink::netlink::nftables::{
    CmpOp, Expr, LookupExpr, MetaKey, PayloadBase, Register, Rule, Set, SetDataType, SetElement,
    SetElementData, SetKeyType,
};

use super::FAMILY;
use crate::net::{
    egress::{Opening, openings},
    subnet::Subnet,
};

/// A set that the rules look into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Which addresses an interface may send from: `iifname . ip saddr`.
    Own,
    /// Between which interfaces anything passes: `iifname . oifname`, each with itself.
    Inside,
    /// What is open on this host, and to whom: `iifname . ip daddr . meta l4proto . th dport`.
    Doors,
    /// What is open elsewhere, and to whom: `iifname . ip daddr . meta l4proto . th dport`.
    Open,
    /// To whom private addresses are open: `iifname . meta nfproto`, and so the next two.
    Lan,
    /// To whom public addresses are.
    Internet,
    /// Who may send mail.
    Mail,
    /// With which class what an interface sends through this host is counted; a map. `nft` shows the bytes of a class in the
    /// other order.
    Classes,
}

/// One member of a set: the keys from the first to the last, each part of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pub(super) of: Kind,
    first: Vec<u8>,
    last: Vec<u8>,
    /// What the key stands for, in a map.
    value: Option<Vec<u8>>,
}

/// The numbers by which `nft` knows names of interfaces, and protocols; only what it lists depends on them.
pub(super) const IFNAME: SetKeyType = SetKeyType::Other { type_id: 41, len: 16 };
const NFPROTO: SetKeyType = SetKeyType::Other { type_id: 2, len: 1 };
const IPV4: u8 = 2;
const TCP: u8 = 6;
const UDP: u8 = 17;
const DNS: u16 = 53;

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Own,
        Self::Inside,
        Self::Doors,
        Self::Open,
        Self::Lan,
        Self::Internet,
        Self::Mail,
        Self::Classes,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Inside => "inside",
            Self::Doors => "doors",
            Self::Open => "open",
            Self::Lan => "lan",
            Self::Internet => "internet",
            Self::Mail => "mail",
            Self::Classes => "classes",
        }
    }

    /// The set, empty.
    pub(super) fn set(self, table: &str) -> Set {
        let of = |parts: &[SetKeyType]| {
            Set::new(table, self.name()).family(FAMILY).key_type(SetKeyType::Concat(parts.to_vec()))
        };
        let door = [IFNAME, SetKeyType::Ipv4Addr, SetKeyType::InetProto, SetKeyType::InetService];
        match self {
            // Blocks are of any size.
            Self::Own => of(&[IFNAME, SetKeyType::Ipv4Addr]).interval(),
            Self::Inside => of(&[IFNAME, IFNAME]),
            Self::Doors => of(&door),
            Self::Open => of(&door).interval(),
            // Of names that stand alone `nft` shows nothing.
            Self::Lan | Self::Internet | Self::Mail => of(&[IFNAME, NFPROTO]),
            Self::Classes => of(&[IFNAME, NFPROTO]).map(SetDataType::Value(SetKeyType::ClassId)),
        }
    }

    /// Let `rule` go on only with packets whose fields are a member.
    pub(super) fn matches(self, rule: Rule) -> Rule {
        self.look_up(rule, self.key())
    }

    /// Let it go on only with packets whose fields are none.
    pub(super) fn matches_not(self, rule: Rule) -> Rule {
        let lookup = LookupExpr::new(self.name(), at(0)).invert().into();
        self.key().into_iter().chain([lookup]).fold(rule, Rule::expr)
    }

    /// Have `rule` count a packet with the class that its key stands for, whatever class it said itself.
    pub(super) fn classifies(self, rule: Rule) -> Rule {
        let lookup = LookupExpr::new(self.name(), at(0)).dreg(at(0)).into();
        let set = Expr::MetaSet { key: MetaKey::Priority, sreg: at(0) };
        self.key().into_iter().chain([lookup, set]).fold(rule, Rule::expr)
    }

    fn key(self) -> Vec<Expr> {
        // Each field begins where the one before it ends, in words of four bytes.
        match self {
            Self::Own => vec![interface(MetaKey::IifName), network(SOURCE, 4)],
            Self::Inside => vec![interface(MetaKey::IifName), meta(MetaKey::OifName, 4)],
            Self::Doors | Self::Open => {
                vec![interface(MetaKey::IifName), network(DESTINATION, 4), meta(MetaKey::L4Proto, 5), port(2)]
            }
            Self::Lan | Self::Internet | Self::Mail | Self::Classes => {
                vec![interface(MetaKey::IifName), meta(MetaKey::NfProto, 4)]
            }
        }
    }

    fn look_up(self, rule: Rule, key: Vec<Expr>) -> Rule {
        let lookup = LookupExpr::new(self.name(), at(0)).into();
        key.into_iter().chain([lookup]).fold(rule, Rule::expr)
    }
}

/// Let `rule` go on only with what comes out by an open door: [`Kind::Doors`] seen from this host.
pub(super) fn out_of_doors(rule: Rule) -> Rule {
    let key = vec![interface(MetaKey::OifName), network(SOURCE, 4), meta(MetaKey::L4Proto, 5), port(0)];
    Kind::Doors.look_up(rule, key)
}

/// Where the addresses begin in an IPv4 header.
const SOURCE: u32 = 12;
const DESTINATION: u32 = 16;

fn meta(key: MetaKey, word: usize) -> Expr {
    Expr::Meta { dreg: at(word), key }
}

fn interface(key: MetaKey) -> Expr {
    meta(key, 0)
}

fn network(offset: u32, word: usize) -> Expr {
    Expr::Payload { dreg: at(word), base: PayloadBase::Network, offset, len: 4 }
}

/// A port, the last field of a door; in the header the source's is at 0 and the destination's at 2.
fn port(offset: u32) -> Expr {
    Expr::Payload { dreg: at(6), base: PayloadBase::Transport, offset, len: 2 }
}

/// The register that begins with this word of the sixteen.
pub(super) fn at(word: usize) -> Register {
    Register::word(word).unwrap_or(Register::Verdict)
}

/// Let `rule` go on only with IPv4: where its addresses are, other protocols have something else.
pub(super) fn ipv4(rule: Rule) -> Rule {
    let load = Expr::Meta { dreg: at(0), key: MetaKey::NfProto };
    rule.expr(load).expr(Expr::Cmp { sreg: at(0), op: CmpOp::Eq, data: vec![IPV4] })
}

impl Member {
    /// As the kernel lists it.
    pub(super) fn listed(of: Kind, element: &SetElement) -> Self {
        let first = element.key().to_vec();
        let value = match element.data() {
            Some(SetElementData::Value(value)) => Some(value.clone()),
            // None of our sets has others.
            Some(_) | None => None,
        };
        Self { of, last: element.key_end().map_or_else(|| first.clone(), <[u8]>::to_vec), first, value }
    }

    /// As the kernel is told of it.
    pub(super) fn element(&self) -> SetElement {
        let element = if self.first == self.last {
            SetElement::new(self.first.clone())
        } else {
            SetElement::range(self.first.clone(), self.last.clone())
        };
        match &self.value {
            Some(value) => element.value(SetElement::new(value.clone())),
            None => element,
        }
    }

    fn open(bridge: &str, opening: Opening) -> Self {
        let key = |[addr, protocol, port]: [u32; 3]| {
            // Of the protocol the first byte counts, and of the port the first two.
            let [.., protocol] = protocol.to_be_bytes();
            let [.., high, low] = port.to_be_bytes();
            let mut key = bridge.as_bytes().to_vec();
            key.resize(16, 0);
            key.extend(addr.to_be_bytes());
            key.extend([protocol, 0, 0, 0, high, low, 0, 0]);
            key
        };
        Self { of: Kind::Open, first: key(opening.first()), last: key(opening.last()), value: None }
    }

    fn new(of: Kind, parts: impl IntoIterator<Item = SetElement>) -> Self {
        Self::listed(of, &SetElement::concat(parts))
    }
}

/// What makes the firewall know a network.
pub(super) fn members(net: &Subnet) -> BTreeSet<Member> {
    let bridge = || {
        let mut name = net.bridge.clone().into_bytes();
        name.resize(16, 0);
        SetElement::new(name)
    };
    let own = net
        .blocks
        .iter()
        .map(|b| Member::new(Kind::Own, [bridge(), SetElement::ipv4_range(b.first(), b.last())]));
    let inside = (!net.apart).then(|| Member::new(Kind::Inside, [bridge(), bridge()]));
    let door = |to: Ipv4Addr, protocol, port| {
        let open = [SetElement::ipv4(to), SetElement::inet_proto(protocol), SetElement::port(port)];
        Member::new(Kind::Doors, [bridge()].into_iter().chain(open))
    };
    let names = [UDP, TCP].map(|protocol| door(net.gateway, protocol, DNS));
    let services = net.vips.iter().map(|vip| door(vip.addr, TCP, vip.port));
    let open = openings(&net.egress.allow).into_iter().map(|opening| Member::open(&net.bridge, opening));
    let ways =
        [(Kind::Lan, net.egress.lan), (Kind::Internet, net.egress.internet), (Kind::Mail, net.egress.smtp)];
    let ways = ways
        .into_iter()
        .filter(|(_, may)| *may)
        .map(|(of, _)| Member::new(of, [bridge(), SetElement::new(vec![IPV4])]));
    let class = net.share.as_ref().map(|share| {
        let key = SetElement::concat([bridge(), SetElement::new(vec![IPV4])]);
        let value = SetElement::new(share.class.bits().to_ne_bytes().to_vec());
        Member::listed(Kind::Classes, &key.value(value))
    });
    own.chain(inside).chain(names).chain(services).chain(open).chain(ways).chain(class).collect()
}
