//! The cookie that names a session.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};

use crate::App;
use crate::session::{Session, SessionId};

const NAME: &str = "finrag_session";

/// How long a browser keeps it, in seconds: 30 days.
const MAX_AGE: u32 = 30 * 24 * 3_600;

/// The session that a request names, where there is one.
pub(super) fn session(app: &App, headers: &HeaderMap) -> Option<Arc<Session>> {
    named(headers).find_map(|id| app.sessions.get(id))
}

fn named(headers: &HeaderMap) -> impl Iterator<Item = SessionId> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == NAME).then(|| SessionId::parse(value))?
    })
}

/// The header that gives a browser its session. Only the edge knows whether the browser came over TLS.
pub(super) fn given(id: SessionId, headers: &HeaderMap) -> HeaderValue {
    let over_tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes() == b"https");
    let secure = if over_tls { "; Secure" } else { "" };
    let cookie = format!("{NAME}={id}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&cookie).expect("hexadecimal digits and constants")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let id = SessionId::random().expect("random");
        let table = [
            (format!("{NAME}={id}"), Some(id)),
            (format!("a=b; {NAME}={id} ; c"), Some(id)),
            (format!("{NAME}=junk; {NAME}={id}"), Some(id)),
            (format!("x{NAME}={id}"), None),
            (format!("{NAME}={id}0"), None),
        ];
        for (cookie, wanted) in table {
            let headers =
                HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&cookie).expect("plain"))]);
            assert_eq!(named(&headers).next(), wanted, "{cookie}");
        }
    }

    #[test]
    fn scripts_never_see_it_and_tls_keeps_it() {
        let id = SessionId::random().expect("random");
        let plain = given(id, &HeaderMap::new());
        let headers = HeaderMap::from_iter([(
            "x-forwarded-proto".parse().expect("name"),
            HeaderValue::from_static("https"),
        )]);
        let secure = given(id, &headers);
        assert_eq!(plain, format!("{NAME}={id}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax").as_str());
        assert!(secure.to_str().expect("plain").ends_with("; Secure"));
    }
}
