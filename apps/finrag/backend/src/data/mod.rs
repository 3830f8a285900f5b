//! The loaded snapshot: fetched until it is there, looked after, swapped whole.

mod keeper;
mod pool;

pub use self::keeper::{Keeper, Loaded, Pace};
pub use self::pool::{Pool, PoolError};
