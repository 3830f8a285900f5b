//! A client connection that speaks HTTP.

use std::{rc::Rc, sync::Arc};

use super::{headers::Origin, pool::Pool, watch::ConnState};
use crate::{ctx::Ctx, net::OpenConnection};

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) ctx: Rc<Ctx>,
    pub(crate) pool: Pool,
    pub(crate) origin: Origin,
    pub(crate) state: Arc<ConnState>,
    /// Outlives the HTTP on it when it becomes a tunnel.
    pub(crate) open: Rc<OpenConnection>,
}
