//! A browser without a screen: keeps cookies, follows nothing by itself, reads pages as text.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use finrag_frontend::settings::RawSettings;
use finrag_frontend::{App, Limits, Settings, Timeouts, router};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Url};
use tokio::net::TcpListener;

use super::stub::Stub;

/// A frontend of its own, over real HTTP.
#[derive(Clone)]
pub(crate) struct Frontend {
    pub(crate) address: SocketAddr,
}

/// Time-outs that no healthy reply reaches, however busy the machine is; a plain post waits as long as this.
pub(crate) fn patient(post: Duration) -> Timeouts {
    let long = Duration::from_secs(60);
    Timeouts { connect: long, first_byte: long, total: long, aside: long, post }
}

/// Time-outs that a test about them can wait for.
pub(crate) fn hasty() -> Timeouts {
    let short = Duration::from_millis(1_500);
    Timeouts { first_byte: short, total: 2 * short, ..patient(Duration::from_millis(200)) }
}

impl Frontend {
    /// One that asks the stub.
    pub(crate) async fn of(stub: &Stub) -> Self {
        Self::with(stub.address, patient(Duration::from_secs(60)), Limits::default()).await
    }

    /// One with settings of its own.
    pub(crate) async fn with(backend: SocketAddr, timeouts: Timeouts, limits: Limits) -> Self {
        let raw = RawSettings { backend_url: Some(format!("http://{backend}")), ..RawSettings::default() };
        let settings = Settings { timeouts, limits, ..raw.resolve().expect("plain settings") };
        let app = App::new(settings).expect("a client");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, router(app)).await });
        Self { address }
    }
}

/// One person's browser.
pub(crate) struct Browser {
    http: Client,
    base: Url,
    cookie: Mutex<Option<String>>,
}

/// What came back.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) set_cookie: Option<String>,
    pub(crate) html: String,
}

impl Browser {
    pub(crate) fn new(frontend: &Frontend) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().redirect(Policy::none()).no_proxy().build().expect("a client");
        let base = Url::parse(&format!("http://{}/", frontend.address)).expect("an address");
        Self { http, base, cookie: Mutex::default() }
    }

    /// The same cookies in a second tab.
    pub(crate) fn tab(&self) -> Self {
        let cookie = self.cookie.lock().expect("whole").clone();
        Self { http: self.http.clone(), base: self.base.clone(), cookie: Mutex::new(cookie) }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.base.join(path).expect("a path"));
        match &*self.cookie.lock().expect("whole") {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Page {
        let response = request.send().await.expect("an answer");
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        let (location, set_cookie) = (header("location"), header("set-cookie"));
        if let Some(cookie) = &set_cookie {
            *self.cookie.lock().expect("whole") = cookie.split(';').next().map(str::to_owned);
        }
        let status = response.status().as_u16();
        Page { status, location, set_cookie, html: response.text().await.expect("text") }
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        self.send(self.request(Method::GET, path)).await
    }

    /// Posts a form as a page of ours does.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.send(self.form(path, fields).header("sec-fetch-site", "same-origin")).await
    }

    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.base.clone();
        url.query_pairs_mut().extend_pairs(fields);
        let body = url.query().unwrap_or_default().to_owned();
        self.request(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    }

    /// Asks without a script, and follows to the page that has the answer or the progress.
    pub(crate) async fn ask(&self, question: &str) -> Page {
        let posted = self.post("/ask", &[("question", question)]).await;
        assert_eq!(posted.status, 303, "{}", posted.text());
        self.get(posted.location.as_deref().and_then(|to| to.split('#').next()).expect("a place")).await
    }

    /// Asks as the page's script does: the new turn alone.
    pub(crate) async fn ask_scripted(&self, question: &str) -> Page {
        let request = self.form("/ask", &[("question", question)]).header("sec-fetch-site", "same-origin");
        self.send(request.header("x-fragment", "1")).await
    }

    /// Opens a turn's stream.
    pub(crate) async fn stream(&self, turn: u64) -> Events {
        let response = self.request(Method::GET, &format!("/stream/{turn}")).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        Events { response, text: String::new() }
    }

    /// The chat once nothing runs any more.
    pub(crate) async fn settled(&self) -> Page {
        for _ in 0..400 {
            let page = self.get("/chat").await;
            if !page.html.contains("data-running") {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("a turn runs on and on");
    }
}

/// A stream of events.
pub(crate) struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    /// The next event: its name and its data. `None` once the stream is over.
    pub(crate) async fn next(&mut self) -> Option<(String, serde_json::Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let found = field("event:").map(|name| {
                    (name.to_owned(), serde_json::from_str(field("data:").expect("data")).expect("JSON"))
                });
                self.text = rest.to_owned();
                if found.is_some() {
                    return found;
                }
                continue;
            }
            let chunk = self.response.chunk().await.expect("a whole stream")?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("text in whole chunks"));
        }
    }
}

impl Page {
    /// What a person reads: text without markup, a line for each block.
    pub(crate) fn text(&self) -> String {
        text(&self.html)
    }

    /// What a person reads in the main part.
    pub(crate) fn main(&self) -> String {
        let (_, main) = self.html.split_once("<main").expect("a main part");
        let (main, _) = main.split_once("</main>").expect("an end of the main part");
        text(&format!("<main{main}"))
    }

    /// What a person reads between two texts of the main part.
    pub(crate) fn between(&self, from: &str, to: &str) -> String {
        let main = self.main();
        let start = main.find(from).unwrap_or_else(|| panic!("no {from:?} in {main}"));
        let end = main[start..].find(to).unwrap_or_else(|| panic!("no {to:?} in {main}"));
        main[start..start + end].trim_end().to_owned()
    }
}

/// The text of HTML that `maud` wrote, which is well-formed.
pub(crate) fn text(html: &str) -> String {
    const INLINE: [&str; 9] = ["a", "span", "strong", "em", "mark", "b", "code", "button", "input"];
    let mut text = String::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        let close = rest[open..].find('>').expect("a tag ends") + open;
        let tag = &rest[open + 1..close];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        rest = &rest[close + 1..];
        if matches!(name, "script" | "svg" | "noscript") && !tag.starts_with('/') {
            let end = format!("</{name}>");
            if name != "noscript" {
                rest = rest.split_once(&end).map_or("", |(_, rest)| rest);
            }
        }
        if !INLINE.contains(&name) {
            text.push('\n');
        } else if name == "span" || name == "button" {
            text.push(' ');
        }
    }
    text.push_str(rest);
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}
