//! What a visitor is told when there is no instance to answer: where the service stands, and how its owner learns why. Who
//! asks is not known here, on a loopback address neither (a tunnel or a proxy may be behind it), so nothing that an app
//! or a build said is shown.

mod render;

use bytes::Bytes;
use dormouse_model::ServiceKey;
use http::{HeaderValue, Response, StatusCode};

use crate::pick::NoInstance;

/// Something to say to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Page {
    /// The request itself is at fault.
    Refused(StatusCode),
    /// The body of the request does not arrive.
    TooSlow,
    /// Nothing is deployed at this host.
    UnknownHost(String),
    /// Whether anything is deployed at the host is not known yet.
    Starting,
    /// The service has no instance for it.
    NoInstance(ServiceKey, NoInstance),
    /// The instance broke off before it answered.
    Broken(ServiceKey),
}

/// A page in words, before it takes a form.
#[derive(Debug)]
struct Text {
    status: StatusCode,
    /// For programs.
    code: &'static str,
    title: String,
    /// What happened.
    message: String,
    /// What to do.
    hint: String,
    /// Seconds after which trying again makes sense.
    retry: Option<u32>,
}

impl Page {
    /// In the form the client understands best.
    pub(crate) fn render(&self, accept: Option<&HeaderValue>) -> Response<Bytes> {
        render::render(&self.text(), accept)
    }

    fn text(&self) -> Text {
        let text = |status, code, title: &str, message: String, hint: &str| Text {
            status,
            code,
            title: title.to_owned(),
            message,
            hint: hint.to_owned(),
            retry: None,
        };
        match self {
            Self::Refused(status) => text(
                *status,
                "bad_request",
                status.canonical_reason().unwrap_or("Refused"),
                "The request is not one that can be passed on.".into(),
                "Send exactly one Host header, one length, and no CONNECT.",
            ),
            Self::TooSlow => text(
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                "Too slow",
                "The body of the request came too slowly, or stopped.".into(),
                "Send it again. What goes on for long in pauses belongs on a WebSocket.",
            ),
            Self::UnknownHost(host) => text(
                StatusCode::NOT_FOUND,
                "unknown_host",
                "Nothing here yet",
                format!("No service is deployed at {host}."),
                "`dormouse deploy DIR` deploys a folder, and `dormouse ps` shows the address of every service.",
            ),
            Self::Starting => Text {
                retry: Some(2),
                ..text(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "starting",
                    "Starting",
                    "The server starts, and has yet to learn what is deployed here.".into(),
                    "Try again in a moment. If it is yours, `dormouse ps` shows whether it is up.",
                )
            },
            Self::Broken(key) => text(
                StatusCode::BAD_GATEWAY,
                "no_answer",
                "No answer",
                format!("{} closed the connection before it answered.", key.service),
                &format!("If it is yours, `dormouse logs {key}` shows why."),
            ),
            Self::NoInstance(key, why) => no_instance(key, why),
        }
    }
}

fn no_instance(key: &ServiceKey, why: &NoInstance) -> Text {
    let name = &key.service;
    let logs = || format!("If it is yours, `dormouse logs {key}` shows why.");
    let unavailable = |code, title: &str, message, hint| Text {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code,
        title: title.to_owned(),
        message,
        hint,
        retry: None,
    };
    match why {
        NoInstance::Unknown => Text {
            status: StatusCode::NOT_FOUND,
            ..unavailable(
                "unknown_service",
                "Nothing here any more",
                format!("{name} is not deployed."),
                "`dormouse deploy DIR` deploys a folder.".into(),
            )
        },
        NoInstance::Building => Text {
            retry: Some(2),
            ..unavailable(
                "building",
                "Building",
                format!("The first build of {name} is running."),
                "This page reloads by itself.".into(),
            )
        },
        NoInstance::Crashed => Text {
            retry: Some(5),
            ..unavailable("crashed", "Not up", format!("{name} is not up: it keeps ending."), logs())
        },
        NoInstance::Failed => unavailable(
            "build_failed",
            "Not up",
            format!("{name} is not up: it could not be built."),
            format!("If it is yours, `dormouse logs --build {}` shows why.", key.project),
        ),
        NoInstance::TimedOut => Text {
            status: StatusCode::GATEWAY_TIMEOUT,
            retry: Some(5),
            ..unavailable("not_ready", "Still starting", format!("{name} was not ready in time."), logs())
        },
        NoInstance::Unreachable => Text {
            status: StatusCode::BAD_GATEWAY,
            retry: Some(2),
            ..unavailable("unreachable", "Not reachable", format!("{name} accepts no connections."), logs())
        },
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(page: &Page, accept: &'static str, expected: &Expect) {
        let response = page.render(Some(&HeaderValue::from_static(accept)));
        let mut text = format!("{}\n", response.status());
        for (name, value) in response.headers() {
            text += &format!("{name}: {}\n", value.to_str().unwrap());
        }
        text += &format!("\n{}\n", String::from_utf8_lossy(response.body()));
        expected.assert_eq(&text);
    }

    #[test]
    fn programs_get_text_or_json() {
        let key: ServiceKey = "shop/web".parse().unwrap();
        let page = Page::NoInstance(key, NoInstance::Crashed);
        check(
            &page,
            "*/*",
            &expect![[r#"
                503 Service Unavailable
                content-type: text/plain; charset=utf-8
                cache-control: no-store
                server: dormouse
                retry-after: 5

                web is not up: it keeps ending.

                If it is yours, `dormouse logs shop/web` shows why.

            "#]],
        );
        check(
            &page,
            "application/json",
            &expect![[r#"
                503 Service Unavailable
                content-type: application/json
                cache-control: no-store
                server: dormouse
                retry-after: 5

                {"error":"crashed","message":"web is not up: it keeps ending.","hint":"If it is yours, `dormouse logs shop/web` shows why."}

            "#]],
        );
    }

    #[test]
    fn people_get_html_without_what_could_run_in_it() {
        let key: ServiceKey = "shop/web".parse().unwrap();
        let hostile = "<script>alert('1')</script>\"&";
        for page in [Page::UnknownHost(hostile.into()), Page::Broken(key)] {
            let response = page.render(Some(&HeaderValue::from_static("text/html,*/*;q=0.8")));
            let html = String::from_utf8_lossy(response.body()).into_owned();
            assert!(!html.contains("<script"), "{html}");
            assert!(html.starts_with("<!doctype html>"), "{html}");
        }
    }

    #[test]
    fn a_build_in_progress_reloads() {
        let page = Page::NoInstance("shop/web".parse().unwrap(), NoInstance::Building);
        let response = page.render(Some(&HeaderValue::from_static("text/html")));
        assert_eq!(response.headers()["retry-after"], "2");
        assert!(String::from_utf8_lossy(response.body()).contains(r#"http-equiv="refresh" content="2""#));
    }
}
