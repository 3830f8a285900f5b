//! What holds for all requests: posts come from our own pages, and pages do only what ours do.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::shown;
use crate::page;

/// Nothing from elsewhere, nothing inline, nowhere to send a form but here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Refuses what another site made a browser send.
pub async fn same_origin(request: Request, next: Next) -> Response {
    match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => {}
        _ if is_ours(request.headers(), request.uri()) => {}
        _ => {
            let advice = "It asked on your behalf, so nothing was done. Ask your question here instead.";
            let page = page::message("This came from another site", advice);
            return (StatusCode::FORBIDDEN, shown(page::bare("Refused", &page))).into_response();
        }
    }
    next.run(request).await
}

/// Whether a request that changes something came from a page of ours, or from no browser at all: `Sec-Fetch-Site` says so
/// where a browser sends it (over TLS and to this machine), and `Origin` everywhere else. A client that sends neither
/// is no browser, and has no cookies that anybody could abuse.
fn is_ours(headers: &HeaderMap, uri: &Uri) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()));
    let origin =
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    origin.is_some() && origin == host
}

/// Adds the headers that every response has.
pub async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Not "no-referrer": under that, browsers hide the Origin of our own posts as well.
    set(header::REFERRER_POLICY, "same-origin");
    set("cross-origin-opener-policy".parse().expect("a name"), "same-origin");
    set("cross-origin-resource-policy".parse().expect("a name"), "same-origin");
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_may_post() {
        let table = [
            ("no browser", vec![], true),
            ("our page", vec![("sec-fetch-site", "same-origin"), ("origin", "http://a.localhost")], true),
            ("typed by a person", vec![("sec-fetch-site", "none")], true),
            ("another site", vec![("sec-fetch-site", "cross-site"), ("origin", "http://a.localhost")], false),
            ("a sister site", vec![("sec-fetch-site", "same-site")], false),
            ("our page over plain HTTP", vec![("origin", "http://a.localhost")], true),
            ("our page behind TLS", vec![("origin", "https://a.localhost")], true),
            ("another site over plain HTTP", vec![("origin", "http://evil.localhost")], false),
            ("another port", vec![("origin", "http://a.localhost:81")], false),
            ("a sandboxed frame", vec![("origin", "null")], false),
        ];
        for (what, pairs, wanted) in table {
            let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("a.localhost"))]);
            for (name, value) in pairs {
                headers.insert(name, HeaderValue::from_static(value));
            }
            assert_eq!(is_ours(&headers, &Uri::from_static("/ask")), wanted, "{what}");
        }
    }
}
