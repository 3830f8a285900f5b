//! Why a network could not be had.

use std::{io, path::PathBuf};

use dormouse_model::ProjectName;

/// Why a network could not be had.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Every /16 within 10.0.0.0/8 is in use.
    #[error(
        "every 10.N.0.0/16 overlaps a route or address of this host, so there is no room for the apps' networks\n  hint: free one of them; `ip route` lists what is taken"
    )]
    NoRoom,
    /// Two hundred builds at once.
    #[error("every address of the network for builds is in use")]
    BuildsFull,
    /// A project has no network.
    #[error("project {project} has no network")]
    NoNetwork {
        /// Which.
        project: ProjectName,
    },
    /// The firewall is gone, and cannot be made again.
    #[error(
        "nothing starts without the firewall around the apps' networks, which is not as it was left and cannot be made again\n  hint: `nft list          ruleset` shows what is there; another program on this host may have emptied it"
    )]
    Unguarded {
        /// Why it cannot.
        #[source]
        source: Box<NetError>,
    },
    /// Nothing is told any more.
    #[error("the kernel no longer tells who changes the networks")]
    Deaf,
    /// Somebody else decides already what leaves by an interface, and when.
    #[error(
        "[bandwidth] cannot divide what leaves by {interface}: a queueing discipline that is not this server's is there ({kind} {handle})\n  \
         hint: `tc qdisc del dev {interface} root` removes it; or name another `interface` in server.toml, or leave [bandwidth] out"
    )]
    Foreign {
        /// Whose name.
        interface: String,
        /// What it is.
        kind: String,
        /// Its number.
        handle: String,
    },
    /// The kernel cannot divide what leaves by an interface.
    #[error(
        "[bandwidth] cannot divide what leaves by {interface}\n  hint: the kernel needs its HTB scheduler, which `modprobe sch_htb` loads where \
         there is one; `dormouse doctor` tries it"
    )]
    Undivided {
        /// Whose name.
        interface: String,
        /// What it said.
        #[source]
        source: nlink::Error,
    },
    /// The kernel refused.
    #[error("making {what}")]
    Making {
        /// What was being made.
        what: String,
        /// What it said.
        #[source]
        source: nlink::Error,
    },
    /// A setting of the kernel's could not be changed.
    #[error("setting {setting} to {value}")]
    Setting {
        /// Path of the setting.
        setting: String,
        /// What it was to be.
        value: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The record of networks could not be read or written.
    #[error(
        "cannot use {path}: {why}\n  hint: check that the disk is not full and the state folder writable; where it cannot be read, remove it: \
         the server then goes by its database"
    )]
    Record {
        /// Where it lies.
        path: PathBuf,
        /// Why not.
        why: io::Error,
    },
}

impl NetError {
    pub(super) fn making(what: impl Into<String>) -> impl FnOnce(nlink::Error) -> Self {
        let what = what.into();
        move |source| Self::Making { what, source }
    }
}
