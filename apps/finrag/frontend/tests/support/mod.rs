//! A frontend against a scripted backend, and a browser without a screen.

#![allow(dead_code, reason = "every test binary uses another part")]

pub(crate) mod answers;
pub(crate) mod browser;
pub(crate) mod stub;
