//! The Debian base every image stands on.
