//! One request.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
};

use super::{
    Door, crates, headers, index,
    serve::Tell,
    verdict::{Passed, Refusal, decide},
};
use crate::{
    base::chain,
    hostnet::{Ecosystem, Reach},
};

type Body = UnsyncBoxBody<Bytes, reqwest::Error>;

/// Longer paths are cut in what people are told.
const LONGEST: usize = 200;

/// Pass it on, or refuse it.
pub(super) async fn answer(door: &Door, request: &Request<Incoming>, tell: &Tell) -> Response<Body> {
    let host = request.headers().get(header::HOST).map(|h| h.to_str().unwrap_or("?"));
    match decide(&door.origin, request.method(), host, request.uri()) {
        Ok(passed) => pass(door, request, passed, tell).await,
        Err(refusal) => refuse(door, request, refusal, tell),
    }
}

fn refuse(door: &Door, request: &Request<Incoming>, refusal: Refusal, tell: &Tell) -> Response<Body> {
    let host = &door.origin.host;
    let (status, why) = match refusal {
        Refusal::Method => {
            (StatusCode::METHOD_NOT_ALLOWED, format!("builds only read from {host}, they do not write"))
        }
        Refusal::Host => {
            (StatusCode::FORBIDDEN, format!("this is {host}, and no other host is asked from here"))
        }
        Refusal::Path => {
            let path: String = request.uri().path().chars().take(LONGEST).collect();
            let why = format!("{path} is no part of the registries of {host} that this host's settings name");
            tell.once(&format!(
                "{why}\n  hint: builds reach nothing else of a host for which the server adds credentials; name the registry \
                 in the server's settings, or take its ecosystem out of `credentials` under [build] in server.toml"
            ));
            (StatusCode::FORBIDDEN, why)
        }
    };
    let mut answer = text(status, why);
    if refusal == Refusal::Method {
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    answer
}

async fn pass(door: &Door, request: &Request<Incoming>, passed: Passed<'_>, tell: &Tell) -> Response<Body> {
    let Passed { url, registry, credential } = passed;
    let host = &door.origin.host;
    if (registry.of, registry.reach) == (Ecosystem::Cargo, Reach::Packages)
        && !crates::has(door, url.path()).await
    {
        return refuse(door, request, Refusal::Path, tell);
    }
    let is_config = index::is_config(&url, registry);
    let mut sent = headers::asked(request.headers());
    if is_config {
        sent.remove(header::ACCEPT_ENCODING);
        sent.remove(header::RANGE);
    }
    if let Some(credential) = credential {
        let Ok(mut value) = HeaderValue::from_str(&credential.header()) else {
            let why = format!("this host's credentials for {host} cannot be sent: they are not plain text");
            tell.once(&why);
            return text(StatusCode::BAD_GATEWAY, why);
        };
        value.set_sensitive(true);
        sent.insert(header::AUTHORIZATION, value);
    }
    let asked = door.client.request(request.method().clone(), url).headers(sent).send().await;
    let got = match asked {
        Ok(got) => got,
        Err(e) => {
            let why = format!("{host} cannot be asked: {}", chain(&e.without_url()));
            tell.once(&why);
            return text(StatusCode::BAD_GATEWAY, why);
        }
    };
    let status = got.status();
    if credential.is_some() && matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        tell.once(&format!(
            "{host} refuses this host's credentials for {}: {status}\n  hint: check them in the settings of the user that the \
             server runs as; they are read when it starts",
            registry.of
        ));
    }
    let back = headers::answered(got.headers());
    if is_config && status == StatusCode::OK && request.method() == Method::GET {
        return config(door, got, back, tell).await;
    }
    let frames = got.bytes_stream().map_ok(Frame::data);
    answer_with(status, back, UnsyncBoxBody::new(StreamBody::new(frames.boxed())))
}

/// The file that says where cargo's packages are.
async fn config(door: &Door, got: reqwest::Response, mut back: HeaderMap, tell: &Tell) -> Response<Body> {
    let host = &door.origin.host;
    let Some(mut bytes) = crates::read(got).await else {
        return text(
            StatusCode::BAD_GATEWAY,
            format!("the config.json of {host} breaks off, or is too large"),
        );
    };
    if let Some((without, elsewhere)) = index::without_token(&bytes, &door.origin) {
        bytes = without;
        if let Some(elsewhere) = elsewhere {
            tell.once(&format!(
                "{host} keeps its packages on {elsewhere}, to which no credentials are sent\n  hint: where it asks for them, set up \
                 a registry that keeps both on one host"
            ));
        }
        // It is not the file that the registry has tagged.
        back.remove(header::ETAG);
        back.remove(header::LAST_MODIFIED);
    }
    back.remove(header::CONTENT_LENGTH);
    answer_with(StatusCode::OK, back, whole(bytes.into()))
}

fn text(status: StatusCode, why: String) -> Response<Body> {
    answer_with(status, HeaderMap::new(), whole(format!("{why}\n").into()))
}

fn whole(bytes: Bytes) -> Body {
    UnsyncBoxBody::new(Full::new(bytes).map_err(|never| match never {}))
}

fn answer_with(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}
