//! One request: to an instance and back.

use std::{rc::Rc, sync::Arc};

use dormouse_model::ServiceKey;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE},
    response,
};
use hyper::{
    body::{Body, Incoming},
    upgrade::OnUpgrade,
};
use tokio::time::{Instant, timeout_at};

use super::{
    body::{ClientBody, Download, Fault, Reply, Upload},
    headers::{Origin, ask_for_websocket, forward, give_back},
    host,
    pool::Lent,
    upgrade,
    watch::ConnState,
};
use crate::{
    events::Events,
    find::{Found, Hunt, Need},
    pages::Page,
    tally::{Lease, Owed},
    worker::{Counted, Worker},
};

/// A client connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) worker: Rc<Worker>,
    pub(crate) origin: Origin,
    pub(crate) state: Arc<ConnState>,
    /// Outlives the HTTP on it when it becomes a tunnel.
    pub(crate) counted: Rc<Counted>,
}

/// Answer a request, if need be with a page of our own.
pub(crate) async fn answer(client: Rc<Client>, request: Request<Incoming>) -> Response<Reply> {
    let accept = request.headers().get(ACCEPT).cloned();
    let mut response = match proxy(&client, request).await {
        Ok(response) => response,
        Err(page) => page.render(accept.as_ref()).map(|text| Reply::page(text, client.state.clone())),
    };
    if client.worker.draining().is_some() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        // Its next request is for whoever takes over.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn proxy(client: &Rc<Client>, mut request: Request<Incoming>) -> Result<Response<Reply>, Page> {
    let worker = &client.worker;
    let bad = || Page::Refused(StatusCode::BAD_REQUEST);
    let (key, named) = host::look_up(&mut request, |host| {
        let key = worker.table().route(host).cloned();
        let named = key.is_none().then(|| host.to_owned());
        (key, named)
    })
    .ok_or_else(bad)?;
    let key = match key {
        Some(key) => key,
        None => in_first_table(worker, named.unwrap_or_default()).await?,
    };
    if let Some(class) = worker.class(&key) {
        client.state.class.give(class).await;
    }

    let (mut head, body) = request.into_parts();
    let websocket = forward(&mut head, &client.origin).map_err(Page::Refused)?;
    let upgrade = head.extensions.remove::<OnUpgrade>().filter(|_| websocket);
    head.extensions.clear();
    let body = Some(body).filter(|body| !body.is_end_stream());
    let mut body = body.map(|body| ClientBody::new(body, client.state.clone(), worker.settings()));
    if let Some(body) = body.as_mut()
        && !worker.awake(&key)
    {
        body.read_ahead().await.map_err(|_| bad())?;
    }
    let get = head.method == Method::GET;
    // Sending it a second time does no harm, and we still have all of it.
    let repeatable = head.method.is_idempotent() && body.is_none();
    let fault = body.as_ref().map(ClientBody::fault);
    let mut request = Request::from_parts(head, body);

    let mut hunt = Hunt::new(worker.clone(), key, Need::Request);
    // Set after a kept connection turned out to be dead: the same instance gets it on a fresh one. It is counted all
    // the while, so it does not fall asleep in between.
    let mut again = None;
    loop {
        let may_reuse = again.is_none();
        let Found { lease, addr } = match again.take() {
            Some(found) => found,
            None => hunt.find().await.map_err(|why| Page::NoInstance(hunt.key().clone(), why))?,
        };
        let instance = lease.tally().instance;
        let reused = may_reuse.then(|| worker.pool.take(worker, instance, repeatable)).flatten();
        let mut lent = match reused {
            Some(lent) => lent,
            None => match Lent::connect(worker, instance, addr).await {
                Ok(lent) => lent,
                Err(error) => {
                    tracing::debug!(%instance, %error, "cannot connect");
                    hunt.refused(instance);
                    continue;
                }
            },
        };
        let copy = (repeatable && lent.reused).then(|| copy(&request));
        let tally = lease.tally().clone();
        match lent.sender.try_send_request(request.map(|body| Upload::new(body, tally))).await {
            Ok(response) => return pass(client, &hunt, response, get, upgrade, lease, lent),
            Err(mut error) => match (error.take_message(), copy) {
                // Never sent.
                (Some(unsent), _) => {
                    request = unsent.map(|upload| upload.body);
                    if lent.reused {
                        again = Some(Found { lease, addr });
                    } else {
                        hunt.refused(instance);
                    }
                }
                // The instance closed a connection it had kept, just when we used it again.
                (None, Some(copy)) => {
                    request = copy;
                    again = Some(Found { lease, addr });
                }
                (None, None) => {
                    return Err(match fault.as_ref().and_then(|fault| fault.get()) {
                        Some(Fault::Broken) => bad(),
                        Some(Fault::TooSlow) => Page::TooSlow,
                        None => {
                            tracing::debug!(%instance, error = %error.into_error(), "no answer");
                            lease.tally().broke_off();
                            Page::Broken(hunt.key().clone())
                        }
                    });
                }
            },
        }
    }
}

/// The service of a host that the table does not name. Before the first table that says nothing: it is waited for.
async fn in_first_table(worker: &Worker, host: String) -> Result<ServiceKey, Page> {
    let until = Instant::now() + worker.settings().table_timeout;
    loop {
        let (service, confirmed) = {
            let table = worker.table();
            (table.route(&host).cloned(), table.is_confirmed())
        };
        match service {
            Some(service) => return Ok(service),
            None if confirmed => return Err(Page::UnknownHost(host)),
            None => timeout_at(until, worker.next_table()).await.map_err(|_| Page::Starting)?,
        }
    }
}

fn copy(request: &Request<Option<ClientBody>>) -> Request<Option<ClientBody>> {
    let mut copy = Request::new(None);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Pass on what the instance answered.
fn pass(
    client: &Rc<Client>,
    hunt: &Hunt,
    response: Response<Incoming>,
    get: bool,
    upgrade: Option<OnUpgrade>,
    mut lease: Lease,
    lent: Lent,
) -> Result<Response<Reply>, Page> {
    lease.tally().instance_byte();
    let (mut head, body) = response.into_parts();
    give_back(&mut head);
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let instance_side = head.extensions.remove::<OnUpgrade>();
        let (Some(client_side), Some(instance_side)) = (upgrade, instance_side) else {
            return Err(Page::Broken(hunt.key().clone()));
        };
        lease.set_owed(Owed::Nothing);
        upgrade::switch(client, hunt.key(), lease, client_side, instance_side);
        ask_for_websocket(&mut head.headers);
        head.extensions.clear();
        return Ok(Response::from_parts(head, Reply::page(bytes::Bytes::new(), client.state.clone())));
    }
    let events = (get && is_event_stream(&head)).then(|| match head.headers.get(CONTENT_ENCODING) {
        None => Events::default(),
        Some(_) => Events::opaque(),
    });
    if events.is_some() {
        client.state.listens();
    }
    let download = Download::new(body, lease, lent, events);
    Ok(Response::from_parts(head, Reply::download(download, client.state.clone())))
}

fn is_event_stream(head: &response::Parts) -> bool {
    let media = |value: &HeaderValue| {
        let value = value.as_bytes();
        let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
        value[..end].trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
    };
    head.headers.get(CONTENT_TYPE).is_some_and(media)
}
