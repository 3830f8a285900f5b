//! Which host a request is for.

use std::borrow::Cow;

use http::{HeaderValue, Method, Request, Uri, header::HOST};

/// Look up the host a request names, lower case and without port. `None` when it names none, several or nonsense.
///
/// A target in absolute form wins over the `Host` header (RFC 9112 §3.2.2), which is then replaced. One that is nothing but
/// an authority names none: only CONNECT has it (§3.2.3), and no proxy before us would take it for the host.
pub(crate) fn look_up<B, T>(request: &mut Request<B>, find: impl FnOnce(&str) -> T) -> Option<T> {
    if let Some(authority) = request.uri().authority() {
        if request.uri().scheme().is_none() && request.method() != Method::CONNECT {
            return None;
        }
        let value = HeaderValue::from_str(authority.as_str()).ok()?;
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).parse::<Uri>().ok()?;
        request.headers_mut().insert(HOST, value);
        *request.uri_mut() = path;
    }
    let mut values = request.headers().get_all(HOST).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    normal(value.to_str().ok()?).map(|host| find(&host))
}

/// Without port and final dot, in lower case.
fn normal(host: &str) -> Option<Cow<'_, str>> {
    let (name, port) = match host.strip_prefix('[') {
        Some(v6) => {
            let end = v6.find(']')? + 2;
            (&host[..end], &host[end..])
        }
        None => host.find(':').map_or((host, ""), |colon| host.split_at(colon)),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    if !port.bytes().all(|b| b.is_ascii_digit()) || port.len() > 5 {
        return None;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':' | b'[' | b']');
    if name.is_empty() || !name.bytes().all(allowed) {
        return None;
    }
    Some(match name.bytes().any(|b| b.is_ascii_uppercase()) {
        true => name.to_ascii_lowercase().into(),
        false => name.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (given, host) in [
            ("shop.localhost", Some("shop.localhost")),
            ("Shop.LOCALHOST:8080", Some("shop.localhost")),
            ("shop.localhost.", Some("shop.localhost")),
            ("web--shop.localhost:1", Some("web--shop.localhost")),
            ("127.0.0.1:80", Some("127.0.0.1")),
            ("[::1]:80", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("", None),
            (":80", None),
            ("a:80:90", None),
            ("a:b", None),
            ("a:123456", None),
            ("a b", None),
            ("a/b", None),
            ("u@a", None),
            ("[::1", None),
            ("[::1]x", None),
        ] {
            assert_eq!(normal(given).as_deref(), host, "{given}");
        }
    }
}
