//! What is changed in a head on its way through, and what is refused.

use std::net::{IpAddr, SocketAddr};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
        TRANSFER_ENCODING, UPGRADE,
    },
    request, response,
};

use crate::EdgeSettings;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Begins the names of headers in which proxies say for whom they ask, ours and those of others that apps listen to:
/// `x-forwarded-prefix`, `x-forwarded-ssl`.
const FORWARDED_KIND: &str = "x-forwarded-";

/// Whether a header says for whom a proxy asks. Apps behind CGI's rules (WSGI, PHP) read `X_Forwarded_For` as the other.
fn tells_origin(name: &str) -> bool {
    let same = |own: &str, name: &str| {
        own.len() == name.len() && own.bytes().zip(name.bytes()).all(|(own, b)| own == hyphen(b))
    };
    let kind = name.get(..FORWARDED_KIND.len()).is_some_and(|start| same(FORWARDED_KIND, start));
    kind || same(FORWARDED.as_str(), name) || same(REAL_IP.as_str(), name)
}

/// Whether a header would be read as one that proxies set, or that says where a message ends, though it is none.
fn poses(name: &str) -> bool {
    const FRAMING: [HeaderName; 3] = [CONTENT_LENGTH, TRANSFER_ENCODING, PROXY_AUTHORIZATION];
    let framing = |own: &HeaderName| own.as_str().bytes().eq(name.bytes().map(hyphen));
    name.contains('_') && (tells_origin(name) || FRAMING.iter().any(framing))
}

fn hyphen(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte }
}

fn remove_all(headers: &mut HeaderMap, which: impl Fn(&str) -> bool) {
    let found: Vec<_> = headers.keys().filter(|name| which(name.as_str())).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// Take out of what follows a body whatever belongs into a head, where it would have been replaced.
pub(super) fn clean_trailers(trailers: &mut HeaderMap) {
    remove_all(trailers, |name| {
        tells_origin(name)
            || poses(name)
            || [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, PROXY_AUTHORIZATION, CONNECTION, EXPECT, TE, UPGRADE]
                .iter()
                .any(|own| own == name)
    });
}

/// What all requests of one connection say about where they came from. Made once, so that a request copies nothing.
#[derive(Debug)]
pub(crate) struct Origin {
    trusted: bool,
    ip: HeaderValue,
    port: HeaderValue,
    proto: HeaderValue,
}

impl Origin {
    pub(crate) fn new(peer: SocketAddr, local: SocketAddr, settings: &EdgeSettings) -> Self {
        let ip = peer.ip().to_canonical();
        let text = HeaderValue::from_str(&ip.to_string());
        Self {
            trusted: settings.trusts(ip),
            // Digits, letters, dots and colons always make a value.
            ip: text.unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            port: HeaderValue::from(settings.public_port.unwrap_or_else(|| local.port())),
            proto: HeaderValue::from_static(settings.scheme.as_str()),
        }
    }
}

/// Make a client's head ready for an instance. Says whether it asks for a WebSocket.
pub(crate) fn forward(
    head: &mut request::Parts,
    origin: &Origin,
    settings: &EdgeSettings,
) -> Result<bool, StatusCode> {
    if head.method == Method::CONNECT {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    // hyper has refused lengths that differ and codings that do not end in chunked, and prefers the coding to the
    // length. What is left is a coding below chunked, which an instance might see as another request's bytes.
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        let chunked = coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
        if !chunked || codings.next().is_some() || head.headers.contains_key(CONTENT_LENGTH) {
            return Err(StatusCode::BAD_REQUEST);
        }
    }
    let websocket = asks_for_websocket(&head.headers);
    let wants_trailers = head.headers.get_all(TE).iter().any(|te| has_token(te, "trailers"));
    // The coding stays: it is the hop's own again, and says that a body follows whatever the method.
    let coding = head.headers.remove(TRANSFER_ENCODING);
    strip_hop(&mut head.headers);
    let headers = &mut head.headers;
    if let Some(coding) = coding {
        headers.insert(TRANSFER_ENCODING, coding);
    }
    headers.remove(PROXY_AUTHORIZATION);
    // Answered by ourselves as soon as the body is wanted.
    headers.remove(EXPECT);
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if websocket {
        ask_for_websocket(headers);
    }
    set_origin(headers, origin, settings);
    head.version = Version::HTTP_11;
    Ok(websocket)
}

fn set_origin(headers: &mut HeaderMap, origin: &Origin, settings: &EdgeSettings) {
    let proto = origin.proto.clone();
    let host = headers.get(HOST).cloned();
    remove_all(headers, |name| poses(name) || (!origin.trusted && tells_origin(name)));
    if origin.trusted {
        let through = headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
        let chain = through.chain([origin.ip.as_bytes()]).collect::<Vec<_>>().join(&b", "[..]);
        let chain = HeaderValue::from_bytes(&chain).unwrap_or_else(|_| origin.ip.clone());
        if headers.contains_key(FORWARDED_FOR) {
            // What is there may be the visitor's own words, which a proxy that does not know this header passes on.
            headers.insert(REAL_IP, visitor(headers, settings).unwrap_or_else(|| origin.ip.clone()));
        } else {
            headers.entry(REAL_IP).or_insert_with(|| origin.ip.clone());
        }
        headers.insert(FORWARDED_FOR, chain);
        headers.entry(FORWARDED_PROTO).or_insert(proto);
        headers.entry(FORWARDED_PORT).or_insert_with(|| origin.port.clone());
        if let Some(host) = host {
            headers.entry(FORWARDED_HOST).or_insert(host);
        }
    } else {
        headers.insert(FORWARDED_FOR, origin.ip.clone());
        headers.insert(REAL_IP, origin.ip.clone());
        headers.insert(FORWARDED_PROTO, proto);
        headers.insert(FORWARDED_PORT, origin.port.clone());
        if let Some(host) = host {
            headers.insert(FORWARDED_HOST, host);
        }
    }
}

/// Who has asked the first of the proxies that are trusted: the last address that was passed on which is none of theirs, or
/// the first where all are. What stands before it is hearsay.
fn visitor(headers: &HeaderMap, settings: &EdgeSettings) -> Option<HeaderValue> {
    let values: Vec<_> =
        headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let words = values.iter().rev().flat_map(|value| value.rsplit(','));
    let mut visitor = None;
    for ip in words.map_while(|word| address(word.trim())) {
        visitor = Some(ip);
        if !settings.trusts(ip) {
            break;
        }
    }
    HeaderValue::from_str(&visitor?.to_string()).ok()
}

/// An address, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let ip = text.parse().or_else(|_| text.parse::<SocketAddr>().map(|addr| addr.ip()));
    ip.ok().map(|ip: IpAddr| ip.to_canonical())
}

/// Make an instance's head ready for a client.
pub(crate) fn give_back(head: &mut response::Parts) {
    strip_hop(&mut head.headers);
    head.headers.remove(PROXY_AUTHENTICATE);
    head.version = Version::HTTP_11;
}

/// Take out what concerns one connection only (RFC 9110 §7.6.1).
fn strip_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let listed: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|b| *b == b','))
            .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
            // Nobody can ask us to forget whom a message is for and where it ends.
            .filter(|name| name != HOST && name != CONTENT_LENGTH)
            .collect();
        for name in listed {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
}

/// Put back what an upgrade needs.
pub(crate) fn ask_for_websocket(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

fn asks_for_websocket(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && headers.get_all(CONNECTION).iter().any(|value| has_token(value, "upgrade"))
}

fn has_token(value: &HeaderValue, token: &str) -> bool {
    value.as_bytes().split(|b| *b == b',').any(|t| t.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use http::Request;

    use super::*;
    use crate::Scheme;

    fn check(trusted: bool, request: &[(&str, &str)], expected: &Expect) {
        let trusted_proxies = if trusted { vec!["192.0.2.0/24".parse().unwrap()] } else { vec![] };
        check_with(&EdgeSettings { trusted_proxies, ..EdgeSettings::default() }, request, expected);
    }

    fn check_with(settings: &EdgeSettings, request: &[(&str, &str)], expected: &Expect) {
        let origin =
            Origin::new("192.0.2.7:5000".parse().unwrap(), "127.0.0.1:8080".parse().unwrap(), settings);
        let mut builder = Request::builder().method(Method::POST);
        for (name, value) in request {
            builder = builder.header(*name, *value);
        }
        let (mut head, ()) = builder.body(()).unwrap().into_parts();
        let text = match forward(&mut head, &origin, settings) {
            Err(status) => format!("{status}\n"),
            Ok(websocket) => {
                let mut lines: Vec<String> =
                    head.headers.iter().map(|(n, v)| format!("{n}: {}\n", v.to_str().unwrap())).collect();
                lines.sort();
                format!("websocket: {websocket}\n{}", lines.concat())
            }
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn lies_of_strangers_are_replaced() {
        check(
            false,
            &[
                ("host", "a.localhost"),
                ("x-forwarded-for", "10.0.0.1"),
                ("x-forwarded-for", "10.0.0.2"),
                ("x-forwarded-proto", "https"),
                ("x-real-ip", "10.0.0.1"),
                ("forwarded", "for=10.0.0.1"),
                ("connection", "x-forwarded-for, host, x-secret"),
                ("x-secret", "1"),
            ],
            &expect![[r"
                websocket: false
                host: a.localhost
                x-forwarded-for: 192.0.2.7
                x-forwarded-host: a.localhost
                x-forwarded-port: 8080
                x-forwarded-proto: http
                x-real-ip: 192.0.2.7
            "]],
        );
    }

    /// Bug: what CGI's rules turn into the same variable reached apps beside ours.
    #[test]
    fn nothing_poses_as_what_a_proxy_says() {
        let posing = &[
            ("x_forwarded_for", "10.0.0.1"),
            ("x-forwarded_host", "admin.example"),
            ("x_real_ip", "10.0.0.1"),
            ("content_length", "3"),
            ("transfer_encoding", "chunked"),
            ("x_forwarded-prefix", "/admin"),
            ("user_agent", "x"),
        ];
        let others = [("x-forwarded-prefix", "/admin"), ("x-forwarded-ssl", "on")];
        check(
            false,
            &[posing, &others[..]].concat(),
            &expect![[r"
                websocket: false
                user_agent: x
                x-forwarded-for: 192.0.2.7
                x-forwarded-port: 8080
                x-forwarded-proto: http
                x-real-ip: 192.0.2.7
            "]],
        );
        check(
            true,
            &[posing, &others[..]].concat(),
            &expect![[r"
                websocket: false
                user_agent: x
                x-forwarded-for: 192.0.2.7
                x-forwarded-port: 8080
                x-forwarded-prefix: /admin
                x-forwarded-proto: http
                x-forwarded-ssl: on
                x-real-ip: 192.0.2.7
            "]],
        );
    }

    #[test]
    fn trailers_hold_nothing_of_a_head() {
        let mut trailers = HeaderMap::new();
        for name in ["x-forwarded-for", "x_real_ip", "forwarded", "host", "content_length", "digest"] {
            trailers.insert(name, HeaderValue::from_static("x"));
        }
        clean_trailers(&mut trailers);
        assert_eq!(trailers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["digest"]);
    }

    #[test]
    fn words_of_trusted_proxies_are_kept() {
        check(
            true,
            &[
                ("host", "a.localhost"),
                ("x-forwarded-for", "198.51.100.1"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "a.example"),
                ("x-real-ip", "198.51.100.1"),
            ],
            &expect![[r"
                websocket: false
                host: a.localhost
                x-forwarded-for: 198.51.100.1, 192.0.2.7
                x-forwarded-host: a.example
                x-forwarded-port: 8080
                x-forwarded-proto: https
                x-real-ip: 198.51.100.1
            "]],
        );
    }

    /// Bug: what a visitor had written in `X-Real-IP` himself passed through proxies that do not know it, and where they did not
    /// write one, it was the proxy's.
    #[test]
    fn the_visitor_is_who_asked_the_first_trusted_proxy() {
        for (chain, real, visitor) in [
            (&["198.51.100.1"][..], Some("203.0.113.9"), "198.51.100.1"),
            (&["198.51.100.1"], None, "198.51.100.1"),
            (&["203.0.113.9, 198.51.100.1, 192.0.2.3"], None, "198.51.100.1"),
            (&["203.0.113.9", "198.51.100.1", "192.0.2.3"], None, "198.51.100.1"),
            (&["198.51.100.1:4711"], None, "198.51.100.1"),
            (&["[2001:db8::1]:80, ::ffff:192.0.2.3"], None, "2001:db8::1"),
            // All are proxies.
            (&["192.0.2.3, 192.0.2.4"], Some("203.0.113.9"), "192.0.2.3"),
            // Nobody to be named but the proxy.
            (&["198.51.100.1, unknown"], Some("203.0.113.9"), "192.0.2.7"),
            // It speaks another dialect.
            (&[], Some("198.51.100.1"), "198.51.100.1"),
            (&[], None, "192.0.2.7"),
        ] {
            let trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
            let settings = EdgeSettings { trusted_proxies, ..EdgeSettings::default() };
            let origin =
                Origin::new("192.0.2.7:5000".parse().unwrap(), "127.0.0.1:80".parse().unwrap(), &settings);
            let mut headers = HeaderMap::new();
            for part in chain {
                headers.append(FORWARDED_FOR, part.parse().unwrap());
            }
            real.iter().for_each(|real| drop(headers.insert(REAL_IP, real.parse().unwrap())));
            set_origin(&mut headers, &origin, &settings);
            assert_eq!(headers[REAL_IP], visitor, "{chain:?} {real:?}");
        }
    }

    #[test]
    fn who_ends_tls_before_us_need_not_say_so() {
        let settings = EdgeSettings {
            trusted_proxies: vec!["192.0.2.0/24".parse().unwrap()],
            scheme: Scheme::Https,
            public_port: Some(443),
            ..EdgeSettings::default()
        };
        let host = ("host", "a.example");
        check_with(
            &settings,
            &[host],
            &expect![[r#"
            websocket: false
            host: a.example
            x-forwarded-for: 192.0.2.7
            x-forwarded-host: a.example
            x-forwarded-port: 443
            x-forwarded-proto: https
            x-real-ip: 192.0.2.7
        "#]],
        );
        check_with(
            &settings,
            &[host, ("x-forwarded-proto", "http"), ("x-forwarded-port", "80")],
            &expect![[r#"
            websocket: false
            host: a.example
            x-forwarded-for: 192.0.2.7
            x-forwarded-host: a.example
            x-forwarded-port: 80
            x-forwarded-proto: http
            x-real-ip: 192.0.2.7
        "#]],
        );
        // Whoever it is: the listener is reached by nobody else.
        let settings = EdgeSettings { trusted_proxies: Vec::new(), ..settings };
        check_with(
            &settings,
            &[host, ("x-forwarded-proto", "http")],
            &expect![[r#"
            websocket: false
            host: a.example
            x-forwarded-for: 192.0.2.7
            x-forwarded-host: a.example
            x-forwarded-port: 443
            x-forwarded-proto: https
            x-real-ip: 192.0.2.7
        "#]],
        );
    }

    #[test]
    fn hop_by_hop_stays_behind() {
        check(
            false,
            &[
                ("connection", "keep-alive, TE"),
                ("keep-alive", "timeout=5"),
                ("te", "gzip, trailers"),
                ("expect", "100-continue"),
                ("upgrade", "h2c"),
                ("http2-settings", "AAMAAABk"),
                ("proxy-authorization", "Basic eA=="),
                ("transfer-encoding", "Chunked"),
            ],
            &expect![[r"
                websocket: false
                http2-settings: AAMAAABk
                te: trailers
                transfer-encoding: Chunked
                x-forwarded-for: 192.0.2.7
                x-forwarded-port: 8080
                x-forwarded-proto: http
                x-real-ip: 192.0.2.7
            "]],
        );
    }

    #[test]
    fn websockets_pass() {
        check(
            false,
            &[
                ("connection", "keep-alive, Upgrade"),
                ("upgrade", "WebSocket"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ],
            &expect![[r"
                websocket: true
                connection: Upgrade
                sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==
                upgrade: websocket
                x-forwarded-for: 192.0.2.7
                x-forwarded-port: 8080
                x-forwarded-proto: http
                x-real-ip: 192.0.2.7
            "]],
        );
    }

    #[test]
    fn shapes_that_could_smuggle_are_refused() {
        for shape in [
            &[("transfer-encoding", "gzip, chunked")][..],
            &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            &[("transfer-encoding", "chunked, chunked")],
            &[("transfer-encoding", "chunked"), ("content-length", "3")],
        ] {
            check(false, shape, &expect!["400 Bad Request\n"]);
        }
    }
}
