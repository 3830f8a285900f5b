//! How a server hands over to its successor, `dormouse serve --take-over`: what the two parents say to each other.
//!
//! JSON, one message a line, on the Unix socket `handover.sock`; the answer that carries sockets has them attached
//! (SCM_RIGHTS, unix(7)). Either side may be of another release: a field that is not known is ignored, and a number says
//! which protocol is spoken.
//!
//! | successor | predecessor |
//! |---|---|
//! | `take_over` | `here`, with its sockets and its lock; or `refused` |
//! | starts a control, which reads and checks all it can; `end_control` | ends its control, not the apps; `control_ended` |
//! | its control adopts the apps, its edge opens beside the old one; `done` | lets its edge drain; `handed_over`; ends |
//!
//! Until `done` the predecessor serves: its edge never stops, and when the successor gives up or dies, it starts its control
//! again. When the predecessor dies, the successor goes on: it has the lock already.

mod channel;
mod give;
mod take;

use std::{
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixListener},
};

use anyhow::{Context, Result};
use dormouse_runtime::Process;
use serde::{Deserialize, Serialize};

pub(crate) use give::{Giver, Wish};
pub(crate) use take::{Predecessor, begin, not_ours};

/// What we speak. Grows when a step is added or changed.
const PROTOCOL: u32 = 1;

/// The successor speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FromHeir {
    TakeOver {
        protocol: u32,
        /// Of Dormouse, for people.
        version: String,
        process: Process,
    },
    EndControl,
    Done,
}

/// The predecessor speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FromGiver {
    Here {
        /// The highest that both speak.
        protocol: u32,
        version: String,
        process: Process,
        /// What each of the attached descriptors is.
        sockets: Vec<String>,
    },
    ControlEnded,
    HandedOver,
    /// Not now, or no more: the successor is to end.
    Refused {
        why: String,
    },
}

/// What a successor is given.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) public: TcpListener,
    pub(crate) api: UnixListener,
    pub(crate) edge: UnixListener,
    pub(crate) handover: UnixListener,
    /// The state folder's lock: held as long as anybody has it.
    pub(crate) lock: OwnedFd,
}

impl Offered {
    /// Names of the descriptors, in the order in which they are sent.
    const ORDER: [&str; 5] = ["public", "api", "edge", "handover", "lock"];

    fn sorted(names: &[String], fds: Vec<OwnedFd>) -> Result<Self> {
        let mut all: Vec<_> = names.iter().map(String::as_str).zip(fds).collect();
        let mut take = |name: &str| {
            let at = all.iter().position(|(n, _)| *n == name);
            at.map(|at| all.swap_remove(at).1)
                .with_context(|| format!("the other server did not give `{name}`"))
        };
        Ok(Self {
            public: take("public")?.into(),
            api: take("api")?.into(),
            edge: take("edge")?.into(),
            handover: take("handover")?.into(),
            lock: take("lock")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by the first release that could hand over; must be understood for ever.
    #[test]
    fn the_first_words_of_the_first_release() {
        let process = r#"{"pid":7,"start_ticks":8,"boot":"b"}"#;
        let ask =
            format!(r#"{{"take_over":{{"protocol":1,"version":"0.1.0","process":{process},"mood":"new"}}}}"#);
        let FromHeir::TakeOver { protocol, version, .. } = serde_json::from_str(&ask).unwrap() else {
            panic!()
        };
        assert_eq!((protocol, version.as_str()), (1, "0.1.0"));
        let answer = format!(
            r#"{{"here":{{"protocol":1,"version":"0.1.0","process":{process},"sockets":["public","api"],"mood":"new"}}}}"#
        );
        let FromGiver::Here { sockets, .. } = serde_json::from_str(&answer).unwrap() else { panic!() };
        assert_eq!(sockets, ["public", "api"]);
        for (message, text) in [(FromHeir::EndControl, r#""end_control""#), (FromHeir::Done, r#""done""#)] {
            assert_eq!(serde_json::to_string(&message).unwrap(), text);
        }
        for (message, text) in [
            (FromGiver::ControlEnded, r#""control_ended""#),
            (FromGiver::HandedOver, r#""handed_over""#),
            (FromGiver::Refused { why: "busy".into() }, r#"{"refused":{"why":"busy"}}"#),
        ] {
            assert_eq!(serde_json::to_string(&message).unwrap(), text);
        }
    }
}
