//! The mind with simulated hands, a real store, real probes over loopback, and an edge that only reports.
#![allow(missing_docs, reason = "tests")]

mod again;
mod builds;
mod clock;
mod compared;
mod deploys;
mod env;
mod events;
mod full_disk;
mod goes_on;
mod inventory;
mod jobs;
mod left_out;
mod lost;
mod networks;
mod readiness;
mod replicas;
mod rolled_back;
mod sleep;
mod survival;
mod unfinished;
mod unreadable;
mod usage;
mod world;
