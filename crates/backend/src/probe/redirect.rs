//! Where an answer sends whoever asks, and whether that ever ends.

use std::net::SocketAddrV4;

use dormouse_model::Question;
use hyper::{
    Response, Uri,
    body::Incoming,
    header::{LOCATION, SET_COOKIE},
};

use super::{Visitor, once};

/// Redirects that are followed at most: a page that is there is a few away, and each is a request to the app.
const FOLLOWED: usize = 5;

/// A URL by its parts, with a port in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    scheme: String,
    host: String,
    port: u16,
    path: String,
}

impl Place {
    /// Where a visitor asks for a path.
    pub(super) fn of(Visitor { host, scheme }: &Visitor, path: &str) -> Option<Self> {
        Self::read(&format!("{scheme}://{host}{path}"))
    }

    fn read(url: &str) -> Option<Self> {
        let url: Uri = url.parse().ok()?;
        let scheme = url.scheme_str()?.to_ascii_lowercase();
        let port = url.port_u16().or(match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _other => None,
        })?;
        let path = url.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Self { scheme, host: url.host()?.to_ascii_lowercase(), port, path })
    }

    /// Whether the other one is by https what this one is by http.
    pub(super) fn is_the_same_but_for_tls(&self, other: &Self) -> bool {
        self.scheme == "http" && other.scheme == "https" && self.host == other.host
    }

    fn is_beside(&self, other: &Self) -> bool {
        (&self.scheme, &self.host, self.port) == (&other.scheme, &other.host, other.port)
    }
}

/// Where an answer sends whoever asks, if it does. One that has them remember something may answer otherwise the next time,
/// so it counts as one that sends nobody anywhere.
pub(super) fn leads_to(response: &Response<Incoming>, path: &str, visitor: &Visitor) -> Option<Place> {
    let headers = response.headers();
    let location = headers.get(LOCATION).and_then(|to| to.to_str().ok());
    let location = location.filter(|_| response.status().is_redirection())?;
    if headers.contains_key(SET_COOKIE) {
        return None;
    }
    let Visitor { host, scheme } = visitor;
    let to = location.split('#').next().unwrap_or_default();
    let folder = path.split('?').next().and_then(|p| p.rsplit_once('/')).map_or("", |(folder, _)| folder);
    let to = match to.strip_prefix("./").unwrap_or(to) {
        "" if !to.is_empty() => format!("{scheme}://{host}{folder}/"),
        "" => format!("{scheme}://{host}{path}"),
        other if other.starts_with("//") => format!("{scheme}:{other}"),
        other if other.starts_with('/') => format!("{scheme}://{host}{other}"),
        other if other.contains("://") => other.to_owned(),
        other => format!("{scheme}://{host}{folder}/{other}"),
    };
    Place::read(&to)
}

/// Whether who asked `here`, and was sent `to` there, comes back to where they have been. Other hosts are not asked.
pub(super) async fn loops(addr: SocketAddrV4, visitor: &Visitor, here: Place, to: Place) -> bool {
    let (mut seen, mut at) = (vec![here], to);
    for _ in 0..FOLLOWED {
        if seen.contains(&at) {
            return true;
        }
        if !at.is_beside(&seen[0]) {
            return false;
        }
        let question = Question::Http(at.path.clone());
        seen.push(at);
        match Box::pin(once(addr, visitor, &question)).await {
            (_, Some(next)) => at = next,
            (_, None) => return false,
        }
    }
    seen.contains(&at)
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use dormouse_model::Answer;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::probe::{ProbeRequest, ask};

    /// A server that sends who asks for a path to where this says, and answers all else well.
    async fn pages(links: &'static [(&'static str, &'static str)]) -> SocketAddrV4 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.unwrap() > 0 {}
                let request = String::from_utf8(request).unwrap();
                let path = request.split(' ').nth(1).unwrap_or_default();
                let answer = match links.iter().find(|(from, _)| *from == path) {
                    Some((_, "silence")) => std::future::pending().await,
                    Some((_, to)) => {
                        format!("HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: {to}\r\n\r\n")
                    }
                    None => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned(),
                };
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    /// Bug: a loop of more than one redirect was a good answer.
    #[tokio::test]
    async fn chains() {
        const LONG: &[(&str, &str)] = &[
            ("/", "/1"),
            ("/1", "/2"),
            ("/2", "/3"),
            ("/3", "/4"),
            ("/4", "/5"),
            ("/5", "/6"),
            ("/6", "/7"),
        ];
        for (links, loops) in [
            (&[("/", "/b"), ("/b", "/")][..], true),
            (&[("/", "/b"), ("/b", "/c"), ("/c", "/b")], true),
            (&[("/", "b/"), ("/b/", "http://shop.localhost/")], true),
            (&[("/", "/login")], false),
            (&[("/", "/b"), ("/b", "/c/"), ("/c/", "http://other.localhost/")], false),
            (&[("/", "/b"), ("/b", "https://shop.localhost/")], false),
            (&[("/", "/b"), ("/b", "/\r\nSet-Cookie: seen=1")], false),
            (&[("/", "/b"), ("/b", "silence")], false),
            (LONG, false),
        ] {
            let addr = pages(links).await;
            let visitor = Visitor { host: "shop.localhost".to_owned(), scheme: "http".to_owned() };
            let question = Question::Http("/".to_owned());
            let request =
                ProbeRequest { port: addr.port(), visitor, question, limit: Duration::from_secs(1) };
            let said = ask(*addr.ip(), &request).await;
            let want = if loops { Answer::Loop(301) } else { Answer::Status(301) };
            assert_eq!(said.answer, want, "{links:?}");
        }
    }
}
