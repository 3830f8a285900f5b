//! Keeping the swap that sleeping apps are in.

use std::{sync::Arc, time::Duration};

use dormouse_runtime::{
    Host, Network,
    swap::{Found, Swap},
};
use tokio_util::sync::CancellationToken;

use crate::control_process::Mind;

/// Between two looks: one is a short file that the kernel makes.
const EVERY: Duration = Duration::from_secs(5);

/// Before what could not be made again is tried once more.
const AGAIN: Duration = Duration::from_secs(30);

/// Look after it until `end`, and give it back. `None` when a look panicked.
pub(crate) async fn keep(
    mut swap: Swap,
    host: Host<Arc<Network>>,
    control: Arc<Mind>,
    end: CancellationToken,
) -> Option<Swap> {
    let mut pause = EVERY;
    let mut could_page = control.can_page();
    loop {
        tokio::select! {
            () = end.cancelled() => return Some(swap),
            () = tokio::time::sleep(pause) => {}
        }
        let host = host.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let could = swap.can_page();
            let found = swap.mend();
            (found, could, swap)
        });
        let (found, could, back) = looked.await.ok()?;
        swap = back;
        let can_page = swap.can_page();
        if found != Found::Whole || could != could_page || can_page != could_page {
            could_page = can_page;
            let measured = tokio::task::spawn_blocking(move || host.set_can_page(can_page)).await;
            measured.ok()?;
            control.look_again();
        }
        pause = if found == Found::Missing { AGAIN } else { EVERY };
    }
}
