//! From a call of one service to an instance of another.

use std::{future::pending, io, rc::Rc, time::Duration};

use bytes::Bytes;
use dormouse_model::ServiceKey;
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::{
    ctx::{ActiveConnection, Ctx},
    net::{OpenConnection, dial, keepalive},
    pick::{Need, NoInstance, Picked, Picker},
    tunnel::{Meter, Side, Tunnel},
};

/// Most bytes taken from a client before its service is there.
const EARLY: usize = 64 * 1024;

/// Carry a connection to an instance of the service, which is woken for it when need be.
pub(crate) async fn carry(ctx: Rc<Ctx>, client: TcpStream, service: ServiceKey, open: OpenConnection) {
    keepalive::of_service(&client);
    let mut early = Vec::new();
    let reached = tokio::select! {
        biased;
        reached = reach(&ctx, &service) => reached,
        () = gone(&client, &mut early) => return,
    };
    match reached {
        Ok((active, stream)) => {
            let client = Side { stream: client, early: early.into() };
            let instance = Side { stream, early: Bytes::new() };
            Tunnel::new(ctx, service, active, Meter::bytes()).carry(client, instance).await;
        }
        Err(why) => {
            tracing::debug!(%service, ?why, "no instance for a private connection");
            // A reset tells the caller at once that nobody is there; an ordinary end would look like an empty answer.
            let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
        }
    }
    drop(open);
}

async fn reach(ctx: &Rc<Ctx>, service: &ServiceKey) -> Result<(ActiveConnection, TcpStream), NoInstance> {
    let mut picker = Picker::new(ctx.clone(), service.clone(), Need::Connection);
    loop {
        let Picked { active, addr } = picker.pick().await?;
        match dial(addr, ctx.settings().connect_timeout).await {
            Ok(stream) => return Ok((active, stream)),
            Err(error) => {
                tracing::debug!(%addr, %error, "cannot connect");
                picker.refused(active.stats().instance);
            }
        }
    }
}

/// Returns when the client has left without having said anything. What it says is collected, so that its leaving
/// can be seen behind it.
async fn gone(client: &TcpStream, early: &mut Vec<u8>) {
    while early.len() < EARLY {
        if client.readable().await.is_err() {
            return;
        }
        match client.try_read_buf(early) {
            Ok(0) if early.is_empty() => return,
            // It said something and awaits the answer with its side closed.
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
    pending().await
}
