//! Where addresses of the pool lead that no bridge has: nowhere. Without that they would go where everything unknown goes,
//! out of the host's own interface, as soon as a bridge is gone.

use std::net::Ipv4Addr;

use nlink::{
    Connection, Route,
    netlink::{
        route::Ipv4Route,
        types::route::{RouteProtocol, RouteType},
    },
};

use super::NetError;

/// Every other route of the same addresses comes before it.
const LAST: u32 = u32::MAX;

/// Size of the pool, as a prefix.
pub(super) const POOL: u8 = 16;

/// Make it be there; whether it was missing.
pub(super) async fn ensure(conn: &Connection<Route>, pool: Ipv4Addr) -> Result<bool, NetError> {
    match conn.add_route(nowhere(pool)).await {
        Ok(()) => Ok(true),
        Err(e) if e.is_already_exists() => Ok(false),
        Err(e) => Err(making(pool)(e)),
    }
}

/// Remove it; one that is not there is fine.
pub(super) async fn remove(conn: &Connection<Route>, pool: Ipv4Addr) -> Result<(), NetError> {
    conn.del_route_if_exists(nowhere(pool)).await.map(drop).map_err(making(pool))
}

fn nowhere(pool: Ipv4Addr) -> Ipv4Route {
    Ipv4Route::from_addr(pool, POOL)
        .route_type(RouteType::Unreachable)
        .protocol(RouteProtocol::Static)
        .metric(LAST)
}

fn making(pool: Ipv4Addr) -> impl FnOnce(nlink::Error) -> NetError {
    NetError::making(format!("the unreachable route for {pool}/{POOL}"))
}
