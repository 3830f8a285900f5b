//! The files of a source folder: how text is read, where links lead, what is left out of an image.
//!
//! Packing, the manifest and building all read such folders, so each rule stands here once.

pub mod dockerignore;
pub mod links;
pub mod near;
pub mod procfile;
pub mod secret;
pub mod text;

pub use dockerignore::DockerIgnore;
pub use links::{Links, names_along, within};
