//! Which headers go on. Lists of what does, because nobody knows all that tells who one is.

use http::{
    HeaderMap, HeaderName,
    header::{
        ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ACCEPT_RANGES, AGE, CACHE_CONTROL, CONTENT_DISPOSITION,
        CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, EXPIRES,
        IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, LINK, LOCATION,
        PRAGMA, RANGE, RETRY_AFTER, USER_AGENT, VARY,
    },
};
use reqwest::Url;

/// From a build to a registry.
const ASKED: [HeaderName; 11] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CACHE_CONTROL,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    PRAGMA,
    RANGE,
    USER_AGENT,
];

/// Back. Cookies stand for who has asked, so they are not among them.
const ANSWERED: [HeaderName; 16] = [
    ACCEPT_RANGES,
    AGE,
    CACHE_CONTROL,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    DATE,
    ETAG,
    EXPIRES,
    LAST_MODIFIED,
    LINK,
    LOCATION,
    RETRY_AFTER,
    VARY,
];

/// What of a build's headers a registry sees.
pub(super) fn asked(from: &HeaderMap) -> HeaderMap {
    of(&ASKED, from)
}

/// What of a registry's headers a build sees.
pub(super) fn answered(from: &HeaderMap) -> HeaderMap {
    let mut all = of(&ANSWERED, from);
    // Where to look instead may be written with who one is.
    if let Some(text) = all.get(LOCATION).and_then(|v| v.to_str().ok())
        && let Ok(mut url) = text.parse::<Url>()
        && (!url.username().is_empty() || url.password().is_some())
    {
        url.set_username("").ok();
        url.set_password(None).ok();
        match url.as_str().parse() {
            Ok(value) => all.insert(LOCATION, value),
            Err(_) => all.remove(LOCATION),
        };
    }
    all
}

fn of(names: &[HeaderName], from: &HeaderMap) -> HeaderMap {
    let all = names.iter().flat_map(|n| from.get_all(n).iter().map(move |v| (n.clone(), v.clone())));
    let mut to = HeaderMap::new();
    all.for_each(|(name, value)| {
        to.append(name, value);
    });
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        lines.iter().map(|(n, v)| (n.parse::<HeaderName>().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn what_tells_who_one_is_does_not_pass() {
        let sent = asked(&map(&[
            ("accept", "text/html"),
            ("authorization", "Basic eDp5"),
            ("cookie", "a=b"),
            ("host", "evil.example"),
            ("proxy-authorization", "x"),
            ("range", "bytes=0-1"),
            ("transfer-encoding", "chunked"),
            ("x-forwarded-host", "evil.example"),
            ("x-http-method-override", "DELETE"),
        ]));
        assert_eq!(sent, map(&[("accept", "text/html"), ("range", "bytes=0-1")]));
        let back = answered(&map(&[
            ("content-type", "text/html"),
            ("set-cookie", "SESSION=1"),
            ("www-authenticate", "Basic"),
            ("authorization", "Basic eDp5"),
            ("x-auth-token", "t"),
            ("location", "https://joe:pw@cdn.example/x?sig=1"),
        ]));
        assert_eq!(back, map(&[("content-type", "text/html"), ("location", "https://cdn.example/x?sig=1")]));
    }
}
