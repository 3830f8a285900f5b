//! Headless Chromium through its driver.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder};
use serde_json::json;

use crate::{eventually, server::free_port};

/// A driver process, until dropped.
pub struct Browser {
    driver: Child,
    port: u16,
}

/// One window.
pub type Session = Client;

impl Browser {
    /// Start the driver; `None` only when `DORMOUSE_SKIP_BROWSER=1` asks for it: a test that skips by itself looks like
    /// one that passed.
    ///
    /// # Panics
    /// When it is not installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        if std::env::var_os("DORMOUSE_SKIP_BROWSER").is_some_and(|v| v == "1") {
            eprintln!("skipped what needs a browser, as DORMOUSE_SKIP_BROWSER=1 asks");
            return None;
        }
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| {
                panic!(
                    "cannot start chromedriver: {e}\nhint: install chromium and chromium-driver, or set \
                     DORMOUSE_SKIP_BROWSER=1"
                )
            });
        eventually("the browser's driver listens", Duration::from_secs(30), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|e| e.to_string())
        });
        Some(Self { driver, port })
    }

    /// Open a window.
    ///
    /// # Errors
    /// When the browser does not start.
    pub async fn session(&self) -> Result<Session, fantoccini::error::NewSessionError> {
        let options = json!({ "goog:chromeOptions": { "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--window-size=1200,1000",
        ] } });
        let capabilities = options.as_object().cloned().unwrap_or_default();
        let mut connector = hyper_util::client::legacy::connect::HttpConnector::new();
        connector.set_keepalive(Some(Duration::from_secs(30)));
        ClientBuilder::new(connector)
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
