//! The query log: every served query is a row, rows go to Parquet segments beside the data, and none is lost because two
//! queries end at once: a segment has a name of its own and is written once.

mod book;
mod compact;
mod row;
mod segment;
mod stats;
mod store;
mod ticket;

pub use self::book::{LogPace, QueryLog};
pub use self::row::{Row, Trouble};
pub use self::segment::{SegmentError, decode};
pub use self::stats::{Latency, ModelStats, Stats};
pub use self::store::{LogPlace, LogStoreError};
pub use self::ticket::Ticket;
