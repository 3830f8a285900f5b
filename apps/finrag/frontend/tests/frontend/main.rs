//! The frontend over real HTTP, against a backend that plays a script.

#[path = "../support/mod.rs"]
mod support;

mod asking;
mod failures;
mod hostile;
mod pages;
mod sessions;
mod streaming;
