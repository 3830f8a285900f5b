//! A backend with a few made-up answers, to look at the frontend's pages without data:
//!
//! ```sh
//! cargo run -p finrag-frontend --example stub_backend -- 8000
//! BACKEND_URL=http://localhost:8000 cargo run -p finrag-frontend
//! ```
//!
//! "please fail", "please load", "please hang" and "please break off" in a question do what they say.

#[path = "../tests/support/answers.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod answers;
#[path = "../tests/support/stub.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod stub;

use std::net::Ipv4Addr;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let port = std::env::args().nth(1).map_or(8000, |port| port.parse().expect("a port"));
    let stub = stub::Stub::start((Ipv4Addr::LOCALHOST, port).into(), Duration::from_millis(35)).await;
    eprintln!("answering on http://{}", stub.address);
    std::future::pending::<()>().await;
}
