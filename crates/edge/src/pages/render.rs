//! The same words as HTML, JSON or plain text.

use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, SERVER},
};

use super::Text;

pub(super) fn render(text: &Text, accept: Option<&HeaderValue>) -> Response<Bytes> {
    let accept = accept.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (media, body) = if accept.contains("text/html") {
        ("text/html; charset=utf-8", html(text))
    } else if accept.contains("json") {
        ("application/json", json(text))
    } else {
        ("text/plain; charset=utf-8", plain(text))
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = text.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(SERVER, HeaderValue::from_static("dormouse"));
    if let Some(seconds) = text.retry {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn plain(text: &Text) -> String {
    format!("{}\n\n{}\n", text.message, text.hint)
}

fn json(text: &Text) -> String {
    #[derive(serde::Serialize)]
    struct Json<'a> {
        error: &'a str,
        message: &'a str,
        hint: &'a str,
    }
    let json = Json { error: text.code, message: &text.message, hint: &text.hint };
    // Strings always have a JSON form.
    serde_json::to_string(&json).unwrap_or_default() + "\n"
}

fn html(text: &Text) -> String {
    let refresh = text
        .retry
        .map_or_else(String::new, |seconds| format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">\n"));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n{refresh}<title>{title}</title>\n\
         <style>{STYLE}</style>\n<main>\n<h1>{title}</h1>\n<p>{message}</p>\n<p class=\"hint\">{hint}</p>\n\
         <footer>{status} · Dormouse</footer>\n</main>\n</html>\n",
        title = escape(&text.title),
        message = escape(&text.message),
        hint = code(&escape(&text.hint)),
        status = text.status.as_u16(),
    )
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;min-height:100vh;\
place-items:center;background:light-dark(#faf9f7,#1b1a18);color:light-dark(#2b2926,#e8e5df)}\
main{max-width:42rem;padding:2rem;box-sizing:border-box;width:100%}h1{font-size:1.6rem;margin:0 0 .5rem}\
code{background:light-dark(#efece6,#26241f);padding:.1rem .35rem;border-radius:.25rem}\
.hint,footer{color:light-dark(#6b665e,#a39d92)}footer{margin-top:2rem;font-size:.85rem}";

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Words between backticks as code.
fn code(escaped: &str) -> String {
    let mut parts = escaped.split('`');
    let mut html = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        html.push_str(if index % 2 == 0 { "<code>" } else { "</code>" });
        html.push_str(part);
    }
    html
}
