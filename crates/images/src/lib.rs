//! The content-addressed store of layers and images.
//!
//! A layer stays unpacked as a folder that overlayfs can use as a lower layer directly; its id is a digest of the
//! whole tree. An image is an ordered list of layers and a configuration; its id is the digest of its manifest.
//! A key index remembers which layer an input produced, which is what makes builds cached.
//!
//! Everything appears by a rename within one filesystem, so a process that dies at any instant leaves a usable
//! store. A machine that loses power may lose the layers it had not yet written out; [`Store::open`] forgets those.
//! A layer that was changed since it was made is found before it is used again, and made anew.
#![forbid(unsafe_code)]

mod collect;
mod draft;
mod error;
mod fsutil;
mod id;
mod image;
mod soundness;
mod store;
mod tree;

pub use collect::Collected;
pub use draft::LayerDraft;
pub use error::ImageError;
pub use id::{CacheKey, LayerId};
pub use image::{Image, ImageConfig};
pub use soundness::Soundness;
pub use store::{Lookup, Store};
