//! A row that is written whatever becomes of its query.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::book::QueryLog;
use super::row::{Row, Trouble};

/// Taken when a query begins. It becomes a row when filled, and a row of an abandoned query when dropped before.
pub struct Ticket {
    log: Arc<QueryLog>,
    row: Option<Row>,
    started: Instant,
}

/// What nginx answers a client that left with, for want of a status of its own.
const CLIENT_LEFT: u16 = 499;

impl Ticket {
    /// A ticket for a query that begins now.
    pub fn new(log: Arc<QueryLog>, query: &str, model_key: &str, model_id: &str) -> Self {
        let row = Row {
            timestamp: Timestamp::now(),
            query: query.to_owned(),
            model_key: model_key.to_owned(),
            model_id: model_id.to_owned(),
            input_tokens: 0,
            output_tokens: 0,
            cost: 0.0,
            stop_reason: String::new(),
            total_ms: 0.0,
            retrieval_ms: 0.0,
            llm_ms: 0.0,
            stages: "{}".to_owned(),
            status: CLIENT_LEFT,
            trouble: Some(Trouble {
                kind: "ClientLeft".to_owned(),
                stage: "response".to_owned(),
                message: "the client left before the answer was written".to_owned(),
            }),
        };
        Self { log, row: Some(row), started: Instant::now() }
    }

    /// Milliseconds since the query began.
    pub fn elapsed_ms(&self) -> f64 {
        self.started.elapsed().as_secs_f64() * 1000.0
    }

    /// Writes the row as `fill` leaves it.
    pub fn close(mut self, fill: impl FnOnce(&mut Row)) {
        if let Some(row) = &mut self.row {
            fill(row);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(mut row) = self.row.take() {
            row.timestamp = Timestamp::now();
            row.total_ms = self.elapsed_ms();
            self.log.push(row);
        }
    }
}
