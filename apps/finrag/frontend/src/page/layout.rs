//! What all pages have in common.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use maud::{DOCTYPE, Markup, html};

use super::sidebar::sidebar;
use crate::session::View;
use crate::watch::Glance;

/// The files that pages refer to, in the binary.
pub struct Assets;

impl Assets {
    /// A file and its media type by name.
    pub fn find(name: &str) -> Option<(&'static str, &'static str)> {
        match name {
            "app.css" => Some((include_str!("../../assets/app.css"), "text/css; charset=utf-8")),
            "app.js" => Some((include_str!("../../assets/app.js"), "text/javascript; charset=utf-8")),
            "icon.svg" => Some((include_str!("../../assets/icon.svg"), "image/svg+xml")),
            _ => None,
        }
    }

    /// What stands for this build's files in their addresses, so that browsers keep them until they change.
    pub fn version() -> &'static str {
        static VERSION: LazyLock<String> = LazyLock::new(|| {
            let mut hasher = DefaultHasher::new();
            ["app.css", "app.js", "icon.svg"].map(Assets::find).hash(&mut hasher);
            format!("{:016x}", hasher.finish())
        });
        &VERSION
    }

    fn address(name: &str) -> String {
        format!("/assets/{name}?v={}", Self::version())
    }
}

/// Which part of the site a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// What it is.
    Home,
    /// Where questions are asked.
    Chat,
    /// Neither.
    Other,
}

impl Tab {
    /// Where the tab's page is; other pages' buttons lead to the chat.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Home => "/",
            Self::Chat | Self::Other => "/chat",
        }
    }
}

/// A page without JavaScript loads itself again while an answer is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh {
    /// How many times it did.
    pub count: u32,
    /// The turn it shows.
    pub turn: u64,
}

impl Refresh {
    /// Seconds, slowly more, and the address. The address changes each time: a browser takes one that differs only in
    /// its fragment for a place on the same page, and loads nothing.
    fn content(self) -> String {
        let next = self.count.saturating_add(1);
        format!("{}; url=/chat?refresh={next}#turn-{}", next.min(5), self.turn)
    }
}

/// A page around its main part.
pub struct Shell<'a> {
    /// Its title.
    pub title: &'a str,
    /// Its tab.
    pub tab: Tab,
    /// The session.
    pub view: &'a View,
    /// The backend.
    pub glance: &'a Glance,
    /// Whether and how it loads itself again.
    pub refresh: Option<Refresh>,
}

/// The whole page.
pub fn page(shell: &Shell<'_>, main: &Markup) -> Markup {
    let current = |tab| (shell.tab == tab).then_some("page");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (shell.title) " · FinRAG" }
                link rel="icon" href=(Assets::address("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(Assets::address("app.css"));
                script src=(Assets::address("app.js")) defer {}
                @if let Some(refresh) = shell.refresh {
                    noscript { meta http-equiv="refresh" content=(refresh.content()); }
                }
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href="/" { "Fin" span { "RAG" } }
                    nav aria-label="Pages" {
                        a href="/" aria-current=[current(Tab::Home)] { "Home" }
                        a href="/chat" aria-current=[current(Tab::Chat)] { "Chatbot" }
                    }
                }
                div.frame {
                    (sidebar(shell.tab, shell.view, shell.glance))
                    main #main tabindex="-1" { (main) }
                }
                p #announcer .unseen role="status" {}
            }
        }
    }
}

/// A page without a session or a backend: for a request that was refused before either was looked at.
pub fn bare(title: &str, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · FinRAG" }
                link rel="stylesheet" href=(Assets::address("app.css"));
            }
            body { main { (main) } }
        }
    }
}
