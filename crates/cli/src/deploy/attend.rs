//! Staying with a deploy until its end, or until whoever watches has had enough.

use std::cell::RefCell;

use anyhow::Result;
use dormouse_api::{Client, DeployAccepted};

use super::{
    follow::{End, follow},
    progress::Progress,
};
use crate::{
    stop::{Stop, Wish},
    streams::Streams,
};

/// How it was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    /// It has ended.
    Ended(End),
    /// It goes on by itself.
    Running,
}

/// Show what the deploy does. Ctrl-C says that it goes on by itself, and at a terminal offers to cancel it.
pub(super) async fn attend(
    client: &Client,
    accepted: &DeployAccepted,
    progress: &mut Progress,
    stop: &mut Option<Stop>,
    streams: &mut Streams,
) -> Result<Left> {
    let (id, can_ask) = (accepted.id, streams.can_ask());
    let screen = RefCell::new((progress, streams));
    let say = |text: &str| {
        let (progress, streams) = &mut *screen.borrow_mut();
        progress.note(text, streams)
    };
    let following = follow(client, id, |event| {
        let (progress, streams) = &mut *screen.borrow_mut();
        progress.event(event, streams)
    });
    tokio::pin!(following);
    // What the keyboard says, once it was asked.
    let mut enter = None;
    loop {
        let entered = async {
            match &mut enter {
                Some(line) => drop(line.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            end = &mut following => return Ok(Left::Ended(end?)),
            () = entered => return Ok(Left::Running),
            wish = Stop::by(stop) => match wish {
                Wish::Interrupt if can_ask && enter.is_none() => {
                    say(&format!("d{id} goes on by itself: Ctrl-C again cancels it, Enter leaves it running"))?;
                    enter = Some(tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())));
                }
                Wish::Interrupt if enter.is_some() => {
                    say(&format!("cancelling d{id}"))?;
                    // Whatever comes of it, the deploy's end will tell.
                    if let Err(error) = client.cancel(id).await {
                        say(&format!("d{id} could not be cancelled: {error}"))?;
                    }
                }
                Wish::Interrupt | Wish::End => return Ok(Left::Running),
            },
        }
    }
}
