//! One request: to an instance and back.

use std::rc::Rc;

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
use tokio::time::Instant;

use super::{
    client::Client,
    download::{Download, Reply},
    events::Events,
    headers::{ask_for_websocket, forward, give_back},
    host,
    pool::Lent,
    upgrade,
    upload::{ClientBody, Fault, Upload},
};
use crate::{
    ctx::{ActiveConnection, Ctx, Owed, Table},
    pages::Page,
    pick::{Need, Picked, Picker, hold},
};

/// Answer a request, if need be with a page of our own.
pub(crate) async fn answer(client: Rc<Client>, request: Request<Incoming>) -> Response<Reply> {
    let accept = request.headers().get(ACCEPT).cloned();
    let mut response = match proxy(&client, request).await {
        Ok(response) => response,
        Err(page) => page.render(accept.as_ref()).map(|text| Reply::page(text, client.state.clone())),
    };
    if client.ctx.draining().is_some() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        // Its next request is for whoever takes over.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn proxy(client: &Rc<Client>, mut request: Request<Incoming>) -> Result<Response<Reply>, Page> {
    let ctx = &client.ctx;
    let bad = || Page::Refused(StatusCode::BAD_REQUEST);
    let (key, named) = host::look_up(&mut request, |host| {
        let key = ctx.table().route(host).cloned();
        let named = key.is_none().then(|| host.to_owned());
        (key, named)
    })
    .ok_or_else(bad)?;
    let key = match key {
        Some(key) => key,
        None => in_first_table(ctx, named.unwrap_or_default()).await?,
    };
    if let Some(class) = ctx.class(&key) {
        client.state.class.give(class).await;
    }

    let (mut head, body) = request.into_parts();
    let websocket = forward(&mut head, &client.origin, ctx.settings()).map_err(Page::Refused)?;
    let upgrade = head.extensions.remove::<OnUpgrade>().filter(|_| websocket);
    head.extensions.clear();
    let body = Some(body).filter(|body| !body.is_end_stream());
    let mut body = body.map(|body| ClientBody::new(body, client.state.clone(), ctx.settings()));
    if let Some(body) = body.as_mut()
        && !ctx.awake(&key)
    {
        body.read_ahead().await.map_err(|_| bad())?;
    }
    let get = head.method == Method::GET;
    // Sending it a second time does no harm, and we still have all of it.
    let repeatable = head.method.is_idempotent() && body.is_none();
    let fault = body.as_ref().map(ClientBody::fault);
    let mut request = Request::from_parts(head, body);

    let mut picker = Picker::new(ctx.clone(), key, Need::Request);
    // Set after a kept connection turned out to be dead: the same instance gets it on a fresh one. It is counted all
    // the while, so it does not fall asleep in between.
    let mut again = None;
    // Set after one ended in the middle of it: whoever has others is asked once more, and what ends every instance that works on
    // it does not end all of them.
    let mut moved = false;
    loop {
        let may_reuse = again.is_none();
        let Picked { active, addr } = match again.take() {
            Some(picked) => picked,
            None => picker.pick().await.map_err(|why| Page::NoInstance(picker.key().clone(), why))?,
        };
        let instance = active.stats().instance;
        let reused = may_reuse.then(|| client.pool.take(instance, repeatable)).flatten();
        let mut lent = match reused {
            Some(lent) => lent,
            None => match client.pool.connect(instance, addr).await {
                Ok(lent) => lent,
                Err(error) => {
                    tracing::debug!(%instance, %error, "cannot connect");
                    picker.refused(instance);
                    continue;
                }
            },
        };
        let moves = !lent.reused && !moved && picker.has_another_than(instance);
        let copy = (repeatable && (lent.reused || moves)).then(|| copy(&request));
        let stats = active.stats().clone();
        match lent.sender.try_send_request(request.map(|body| Upload::new(body, stats))).await {
            Ok(response) => return pass(client, &picker, response, get, upgrade, active, lent),
            Err(mut error) => match (error.take_message(), copy) {
                // Never sent.
                (Some(unsent), _) => {
                    request = unsent.map(|upload| upload.body);
                    if lent.reused {
                        again = Some(Picked { active, addr });
                    } else {
                        picker.refused(instance);
                    }
                }
                // The instance closed a connection it had kept, just when we used it again.
                (None, Some(copy)) if lent.reused => {
                    request = copy;
                    again = Some(Picked { active, addr });
                }
                (None, Some(copy)) => {
                    tracing::debug!(%instance, error = %error.into_error(), "no answer; another is asked");
                    active.stats().broke_off();
                    picker.refused(instance);
                    (request, moved) = (copy, true);
                }
                (None, None) => {
                    return Err(match fault.as_ref().and_then(|fault| fault.get()) {
                        Some(Fault::Broken) => bad(),
                        Some(Fault::TooSlow) => Page::TooSlow,
                        None => {
                            tracing::debug!(%instance, error = %error.into_error(), "no answer");
                            active.stats().broke_off();
                            Page::Broken(picker.key().clone())
                        }
                    });
                }
            },
        }
    }
}

/// The service of a host that the table does not name. Before the first table that says nothing: it is waited for.
async fn in_first_table(ctx: &Ctx, host: String) -> Result<ServiceKey, Page> {
    let until = Instant::now() + ctx.settings().table_timeout;
    let tells = |table: &Table| match table.route(&host) {
        Some(service) => Some(Some(service.clone())),
        None => table.is_confirmed().then_some(None),
    };
    let told = hold(ctx, until, tells).await.map_err(|_| Page::Starting)?;
    told.ok_or(Page::UnknownHost(host))
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
    picker: &Picker,
    response: Response<Incoming>,
    get: bool,
    upgrade: Option<OnUpgrade>,
    mut active: ActiveConnection,
    lent: Lent,
) -> Result<Response<Reply>, Page> {
    active.stats().instance_byte();
    let (mut head, body) = response.into_parts();
    give_back(&mut head);
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let instance_side = head.extensions.remove::<OnUpgrade>();
        let (Some(client_side), Some(instance_side)) = (upgrade, instance_side) else {
            return Err(Page::Broken(picker.key().clone()));
        };
        active.set_owed(Owed::Nothing);
        upgrade::switch(client, picker.key(), active, client_side, instance_side);
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
    let download = Download::new(body, active, lent, events);
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
