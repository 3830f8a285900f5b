//! What an edge has been told of the routes on one line, and so what it is told next.

use std::sync::Arc;

use dormouse_model::RouteTable;

use super::message::{CHANGES, ToEdge};

/// The table that an edge has.
#[derive(Debug)]
pub(super) struct Told {
    last: Option<Arc<RouteTable>>,
    /// Whether it understands changes.
    takes_changes: bool,
}

impl Told {
    /// Nothing yet, to one that speaks this.
    pub(super) fn to(version: u32) -> Self {
        Self { last: None, takes_changes: version >= CHANGES }
    }

    /// How it is told this table: by what is different, if it has one.
    pub(super) fn next(&mut self, table: Arc<RouteTable>) -> ToEdge {
        if !self.takes_changes {
            return ToEdge::Table(table);
        }
        match self.last.replace(table.clone()) {
            Some(last) => ToEdge::Change(table.change_from(&last)),
            None => ToEdge::Table(table),
        }
    }

    /// It has another than we believe.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_first_then_what_is_different() {
        let table = |generation| Arc::new(RouteTable { generation, ..RouteTable::default() });
        let shown = |message| match message {
            ToEdge::Table(table) => format!("whole {}", table.generation),
            ToEdge::Change(change) => format!("{} to {}", change.from, change.to),
            ToEdge::Hello { .. } | ToEdge::Woken { .. } => unreachable!("not of the routes"),
        };
        let mut told = Told::to(CHANGES);
        assert_eq!([3, 4, 6].map(|n| shown(told.next(table(n)))), ["whole 3", "3 to 4", "4 to 6"]);
        told.forget();
        assert_eq!([6, 7].map(|n| shown(told.next(table(n)))), ["whole 6", "6 to 7"]);
        let mut told = Told::to(CHANGES - 1);
        assert_eq!([3, 4].map(|n| shown(told.next(table(n)))), ["whole 3", "whole 4"]);
    }
}
