//! From HTTP to a WebSocket.

use std::rc::Rc;

use dormouse_model::ServiceKey;
use futures_util::future::try_join;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{client::Client, io::ClientIo};
use crate::{
    ctx::ActiveConnection,
    tunnel::{Meter, Side, Tunnel},
};

/// Carry frames between the two as soon as both have switched.
pub(crate) fn switch(
    client: &Rc<Client>,
    service: &ServiceKey,
    active: ActiveConnection,
    client_side: OnUpgrade,
    instance_side: OnUpgrade,
) {
    let tunnel = Tunnel::new(client.ctx.clone(), service.clone(), active, Meter::web_socket());
    let open = client.open.clone();
    client.ctx.spawn(async move {
        // Either has gone before the switch was complete.
        let Ok((client, instance)) = try_join(client_side, instance_side).await else {
            return;
        };
        let client = client.downcast::<TokioIo<ClientIo>>();
        let instance = instance.downcast::<TokioIo<TcpStream>>();
        let (Ok(client), Ok(instance)) = (client, instance) else {
            tracing::error!("a connection that switched is not one of ours");
            return;
        };
        let client = Side { stream: client.io.into_inner().stream, early: client.read_buf };
        let instance = Side { stream: instance.io.into_inner(), early: instance.read_buf };
        tunnel.carry(client, instance).await;
        drop(open);
    });
}
