//! A frontend against a scripted backend, and a browser without a screen.

#![allow(dead_code, reason = "every test binary uses another part")]

pub mod answers;
pub mod browser;
pub mod stub;
