//! Traffic between services: the platform's own address of each service, where bytes are carried and wake it.

mod carry;
mod listen;

pub(crate) use carry::carry;
pub(crate) use listen::Listeners;
