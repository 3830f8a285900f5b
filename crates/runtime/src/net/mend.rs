//! Making again what somebody else has removed or changed.

use std::{collections::BTreeSet, time::Instant};

use dormouse_backend::{Damage, Repair, WorkloadEvent};
use dormouse_model::ProjectName;
use nlink::{Connection, Route};
use tracing::warn;

use super::{NetError, Network, bridge, line::Found, links, route};

impl Network {
    /// Compare what is there with what should be, and make again what is not; what was found is told as having taken since
    /// `heard`. All is tried, also when some of it cannot be done.
    ///
    /// # Errors
    /// With the first thing that could not.
    pub(super) async fn mend(&self, heard: Instant) -> Result<(), NetError> {
        let _changing = self.changing.lock().await;
        if self.is_over() {
            return Ok(());
        }
        let conn = links()?;
        let firewall = self.mend_firewall(heard).await;
        let route = route::ensure(&conn, self.pool).await;
        if matches!(route, Ok(true)) {
            self.tell(Damage::Route, self.everybody(), heard);
        }
        let bridges = self.mend_bridges(&conn, heard).await;
        let line = self.mend_line(&conn, heard).await;
        firewall.and(route.map(drop)).and(bridges).and(line)
    }

    /// Whoever is about to be connected waits here until the firewall stands.
    pub(super) async fn guarded(&self) -> Result<(), NetError> {
        let unguarded = |e| NetError::Unguarded { source: Box::new(e) };
        if self.firewall.stands().await.map_err(unguarded)? {
            return Ok(());
        }
        let heard = Instant::now();
        let _changing = self.changing.lock().await;
        // When it is over there is no bridge either to be connected to.
        if self.is_over() { Ok(()) } else { self.mend_firewall(heard).await.map_err(unguarded) }
    }

    async fn mend_firewall(&self, heard: Instant) -> Result<(), NetError> {
        let nets = self.nets();
        if !self.firewall.is_whole(&nets).await? {
            if self.firewall.settle(&nets).await.is_err() {
                // What somebody else has put in its place is in the way.
                self.firewall.remove().await?;
                self.firewall.settle(&nets).await?;
            }
            self.tell(Damage::Firewall, self.everybody(), heard);
        }
        Ok(())
    }

    async fn mend_bridges(&self, conn: &Connection<Route>, heard: Instant) -> Result<(), NetError> {
        let settled = bridge::settle(conn, &self.names, self.pool, &self.nets()).await?;
        if !settled.changed.is_empty() {
            let known = self.known();
            let of = known.values().filter(|spec| settled.changed.contains(&self.names.project(spec)));
            let projects = of.map(|spec| spec.project.clone()).collect();
            drop(known);
            self.tell(Damage::Bridge, projects, heard);
        }
        settled.failed.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }

    async fn mend_line(&self, conn: &Connection<Route>, heard: Instant) -> Result<(), NetError> {
        if !self.line.is_on() {
            return Ok(());
        }
        match self.line.settle(conn, &self.nets()).await? {
            Found::Right | Found::Moved => {}
            Found::Damaged => self.tell(Damage::Bandwidth, self.everybody(), heard),
        }
        Ok(())
    }

    pub(super) fn everybody(&self) -> BTreeSet<ProjectName> {
        self.known().keys().cloned().collect()
    }

    pub(super) fn tell(&self, damage: Damage, projects: BTreeSet<ProjectName>, heard: Instant) {
        let repair = Repair { damage, projects, took: heard.elapsed() };
        warn!(?damage, took = ?repair.took, "another program changed the apps' networks; made again");
        self.events.tell(WorkloadEvent::Repaired(repair));
    }
}
