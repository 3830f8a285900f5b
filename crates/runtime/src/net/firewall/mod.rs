//! What may go where: one nftables table of our own.
//!
//! Its rules are the same for any number of networks. What tells one network from another are members of the sets that the
//! rules look into, so that a network comes and goes with a message of its own size, beside all others.

mod connections;
mod members;

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use nlink::{
    Connection,
    netlink::{
        Nftables,
        nftables::{
            BaseChain, Chain, CtState, Expr, Family, FilterHook, IcmpxCode, NatHook, NftablesEvent, Policy,
            Priority, Rule, Transaction,
        },
    },
};

use super::{
    NetError,
    egress::{METADATA, PRIVATE, SMTP},
    names::Names,
    subnet::Subnet,
};
use members::{Kind, Member, ipv4, members, out_of_doors};

const FAMILY: Family = Family::Inet;
const INPUT: &str = "input";
const FORWARD: &str = "forward";
const POSTROUTING: &str = "postrouting";
const PREROUTING: &str = "prerouting";
const OUTPUT: &str = "output";

const CHAINS: [&str; 5] = [PREROUTING, OUTPUT, INPUT, FORWARD, POSTROUTING];

/// Members told of at once. A message must fit the socket's buffer (208 KiB unless the host says otherwise), whatever the number
/// of networks; this many take 6 KiB.
const AT_ONCE: usize = 64;

/// The server's table.
#[derive(Debug)]
pub(super) struct Firewall {
    table: String,
    /// What the names of our bridges begin with.
    bridges: String,
    pool: Ipv4Addr,
    /// Whether what is sent through this host is counted with the class of its network.
    classifies: bool,
    /// The rules as we left them, by the kernel's numbers, which it never gives twice. None before there are any.
    left: Mutex<BTreeSet<u64>>,
}

/// The kernel's mark of a table that is there and not heeded.
const DORMANT: u32 = 1;

impl Firewall {
    pub(super) fn new(names: &Names, pool: Ipv4Addr, classifies: bool) -> Self {
        Self { table: names.table(), bridges: names.bridges(), pool, classifies, left: Mutex::default() }
    }

    /// Whether the rules are those that we left, and are heeded. Costs two short lists.
    pub(super) async fn stands(&self) -> Result<bool, NetError> {
        self.still_stands(&self.open()?).await
    }

    /// Whether everything is as we left it, for these networks and no others.
    pub(super) async fn is_whole(&self, nets: &[Subnet]) -> Result<bool, NetError> {
        let conn = self.open()?;
        if !self.still_stands(&conn).await? {
            return Ok(false);
        }
        let wanted: BTreeSet<_> = nets.iter().flat_map(members).collect();
        match self.members(&conn).await {
            Ok(there) => Ok(there == wanted),
            Err(e) if e.is_not_found() => Ok(false),
            Err(e) => Err(failed()(e)),
        }
    }

    async fn still_stands(&self, conn: &Connection<Nftables>) -> Result<bool, NetError> {
        let there = self.numbers(conn).await?;
        let is_left = !there.is_empty() && there == *self.left();
        Ok(is_left && !self.is_dormant(conn).await?)
    }

    fn left(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rules there are, by the kernel's numbers.
    async fn numbers(&self, conn: &Connection<Nftables>) -> Result<BTreeSet<u64>, NetError> {
        match conn.list_rules(&self.table, FAMILY).await {
            Ok(rules) => Ok(rules.iter().map(|rule| rule.handle).collect()),
            Err(e) if e.is_not_found() => Ok(BTreeSet::new()),
            Err(e) => Err(failed()(e)),
        }
    }

    async fn is_dormant(&self, conn: &Connection<Nftables>) -> Result<bool, NetError> {
        let tables = conn.list_tables_in(FAMILY).await.map_err(failed())?;
        Ok(tables.iter().any(|table| table.name == self.table && table.flags & DORMANT != 0))
    }

    /// Make the table be there and know these networks and no others, whatever there was. What stays the same is not
    /// touched: at no moment does a network that stays reach less or more than it should.
    pub(super) async fn settle(&self, nets: &[Subnet]) -> Result<(), NetError> {
        let conn = self.open()?;
        if self.is_dormant(&conn).await? {
            self.remove().await?;
        }
        self.sets(&conn).await?;
        // Without members the rules let nothing through. So where there are none they come first, and otherwise last.
        let bare = self.numbers(&conn).await?.is_empty();
        if bare {
            self.rules(&conn).await?;
        }
        let there = self.members(&conn).await.map_err(failed())?;
        let wanted = nets.iter().flat_map(members).collect::<BTreeSet<_>>();
        let (gone, come) = (there.difference(&wanted), wanted.difference(&there));
        // First what goes: a block that somebody new has may overlap with it.
        for some in gone.collect::<Vec<_>>().chunks(AT_ONCE) {
            self.write(&conn, some, &[]).await?;
        }
        for some in come.collect::<Vec<_>>().chunks(AT_ONCE) {
            self.write(&conn, &[], some).await?;
        }
        if !bare {
            self.rules(&conn).await?;
        }
        let left = self.numbers(&conn).await?;
        *self.left() = left;
        Ok(())
    }

    /// A network changes, comes or goes; all in one transaction.
    ///
    /// # Errors
    /// Also when the table is not as it was left; then [`Firewall::settle`] makes it so.
    pub(super) async fn change(&self, old: Option<&Subnet>, new: Option<&Subnet>) -> Result<(), NetError> {
        let of = |net: Option<&Subnet>| net.map(members).unwrap_or_default();
        let (old, new) = (of(old), of(new));
        let gone: Vec<_> = old.difference(&new).collect();
        let come: Vec<_> = new.difference(&old).collect();
        if gone.is_empty() && come.is_empty() {
            return Ok(());
        }
        self.write(&self.open()?, &gone, &come).await
    }

    /// Remove the table; one that is not there is fine.
    pub(super) async fn remove(&self) -> Result<(), NetError> {
        let making = NetError::making("the firewall's table go");
        self.open()?.del_table_if_exists(&*self.table, FAMILY).await.map(drop).map_err(making)
    }

    /// Whether a change that the kernel tells of is one to this table.
    pub(super) fn is_touched(&self, by: &NftablesEvent) -> bool {
        let table = match by {
            NftablesEvent::NewTable(it) | NftablesEvent::DelTable(it) => &it.name,
            NftablesEvent::NewChain(it) | NftablesEvent::DelChain(it) => &it.table,
            NftablesEvent::NewRule(it) | NftablesEvent::DelRule(it) => &it.table,
            NftablesEvent::NewSet(it) | NftablesEvent::DelSet(it) => &it.table,
            NftablesEvent::NewSetElements(it) | NftablesEvent::DelSetElements(it) => &it.table,
            // It has none of these, and what ends a change is none.
            NftablesEvent::NewFlowtable(_)
            | NftablesEvent::DelFlowtable(_)
            | NftablesEvent::NewObject(_)
            | NftablesEvent::DelObject(_)
            | NftablesEvent::NewGen(_)
            | _ => return false,
        };
        *table == self.table
    }

    fn open(&self) -> Result<Connection<Nftables>, NetError> {
        Connection::<Nftables>::new().map_err(failed())
    }

    /// Make the sets be there.
    async fn sets(&self, conn: &Connection<Nftables>) -> Result<(), NetError> {
        unless_there(conn.add_table(&*self.table, FAMILY).await)?;
        for kind in Kind::ALL {
            unless_there(conn.add_set(kind.set(&self.table)).await)?;
        }
        Ok(())
    }

    /// What is in the sets.
    async fn members(&self, conn: &Connection<Nftables>) -> Result<BTreeSet<Member>, nlink::Error> {
        let mut there = BTreeSet::new();
        for kind in Kind::ALL {
            let elements = conn.list_set_elements(&self.table, kind.name(), FAMILY).await?;
            there.extend(elements.iter().map(|element| Member::listed(kind, element)));
        }
        Ok(there)
    }

    async fn write(
        &self,
        conn: &Connection<Nftables>,
        gone: &[&Member],
        come: &[&Member],
    ) -> Result<(), NetError> {
        let mut change = conn.transaction();
        for kind in Kind::ALL {
            let set = kind.set(&self.table);
            let of = |members: &[&Member]| -> Vec<_> {
                members.iter().filter(|m| m.of == kind).map(|m| m.element()).collect()
            };
            let (gone, come) = (of(gone), of(come));
            if !gone.is_empty() {
                change = change.del_set_elements(&set, &gone);
            }
            if !come.is_empty() {
                change = change.add_set_elements(&set, &come);
            }
        }
        change.commit(conn).await.map_err(failed())
    }

    /// Make the rules be what they should, in one transaction: an earlier version's are replaced at one stroke.
    async fn rules(&self, conn: &Connection<Nftables>) -> Result<(), NetError> {
        let table = self.table.as_str();
        let filter = |hook| BaseChain::filter(hook, Priority::Filter).policy(Policy::Accept);
        let untracked = |hook| BaseChain::filter(hook, Priority::Raw).policy(Policy::Accept);
        let bases = [
            (PREROUTING, untracked(FilterHook::Prerouting)),
            (OUTPUT, untracked(FilterHook::Output)),
            (INPUT, filter(FilterHook::Input)),
            (FORWARD, filter(FilterHook::Forward)),
            (POSTROUTING, BaseChain::nat(NatHook::Postrouting, Priority::SrcNat).policy(Policy::Accept)),
        ];
        for (name, base) in bases {
            let chain = Chain::new(table, name).map_err(failed())?.family(FAMILY).base(base);
            unless_there(conn.add_chain(chain).await)?;
        }
        let write = async |bound| {
            let change = CHAINS
                .iter()
                .fold(conn.transaction(), |change, chain| change.flush_chain(table, chain, FAMILY));
            let rules = rules(table, &self.bridges, self.pool, bound, self.classifies);
            rules.into_iter().fold(change, Transaction::add_rule).commit(conn).await
        };
        let bounded = match conn.add_set(connections::set(table)).await {
            Err(e) if !e.is_already_exists() => Err(e),
            Ok(()) | Err(_) => write(true).await,
        };
        match bounded {
            Ok(()) => Ok(()),
            Err(e) => {
                tracing::warn!("how many connections a project may have is not bounded (nft_connlimit): {e}");
                write(false).await.map_err(failed())
            }
        }
    }
}

fn failed() -> impl FnOnce(nlink::Error) -> NetError {
    NetError::making("the firewall's table (nftables)")
}

fn unless_there(done: Result<(), nlink::Error>) -> Result<(), NetError> {
    match done {
        Err(e) if !e.is_already_exists() => Err(failed()(e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn rules(table: &str, ours: &str, pool: Ipv4Addr, bound: bool, classifies: bool) -> Vec<Rule> {
    let rule = |chain| Rule::new(table, chain).family(FAMILY);
    let refuse = |rule: Rule| rule.reject_icmpx(IcmpxCode::AdminProhibited);
    let own = |chain| Kind::Own.matches(ipv4(rule(chain)));
    let answers = CtState::ESTABLISHED | CtState::RELATED;
    let mut rules = Vec::new();

    // What goes through an open door needs nobody to remember it, and answers come out by the same.
    rules.push(Kind::Doors.matches(ipv4(rule(PREROUTING))).expr(Expr::Notrack));
    rules.push(out_of_doors(ipv4(rule(OUTPUT))).expr(Expr::Notrack));

    // To this host: names, and the platform's addresses of one's own services.
    let from = || rule(INPUT).match_iif_prefix(ours);
    rules.push(from().match_ct_state(answers).accept());
    rules.push(Kind::Doors.matches(own(INPUT)).accept());
    rules.push(refuse(from()));

    // Through this host: within a project, and out. Where the kernel shows the firewall what passes between the
    // ports of one bridge, that comes by here too.
    if classifies {
        rules.push(Kind::Classes.classifies(rule(FORWARD)));
    }
    let (out, into) = (|| rule(FORWARD).match_iif_prefix(ours), || rule(FORWARD).match_oif_prefix(ours));
    rules.push(out().match_ct_state(answers).accept());
    rules.push(into().match_ct_state(answers).accept());
    if bound {
        rules.push(refuse(connections::too_many(out())));
    }
    rules.push(Kind::Inside.matches(own(FORWARD)).accept());
    rules.push(refuse(out().match_daddr_v4(pool, 16)));
    rules.push(refuse(into()));

    // Out: what is open by name, and then as each network may.
    rules.push(Kind::Open.matches(own(FORWARD)).accept());
    rules.extend(METADATA.map(|(addr, prefix)| refuse(out().match_daddr_v4(addr, prefix))));
    rules.push(refuse(Kind::Mail.matches_not(out().match_tcp_dport(SMTP))));
    for (addr, prefix) in PRIVATE {
        rules.push(Kind::Lan.matches(own(FORWARD).match_daddr_v4(addr, prefix)).accept());
        rules.push(refuse(out().match_daddr_v4(addr, prefix)));
    }
    rules.push(Kind::Internet.matches(own(FORWARD)).accept());
    rules.push(refuse(own(FORWARD)));
    // With an address that is not its own, or over IPv6.
    rules.push(out().drop());

    rules.push(rule(POSTROUTING).match_saddr_v4(pool, 16).match_daddr_v4_not(pool, 16).masquerade());
    rules
}

#[cfg(test)]
mod tests;
