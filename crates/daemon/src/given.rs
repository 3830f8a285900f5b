//! The sockets a child is started with, and what each is for.

use std::{
    collections::VecDeque,
    net::{TcpListener, UdpSocket},
    os::{
        fd::FromRawFd,
        unix::net::{UnixListener, UnixStream},
    },
};

use anyhow::{Context, Result};
use dormouse_model::Door;
use listenfd::ListenFd;
use nix::sys::socket::{AddressFamily, SockType};

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The line to the parent.
    Parent,
    /// The control API.
    Api,
    /// Where edges connect to control.
    Edge,
    /// The public listener.
    Public,
    /// Listeners between services, of an edge that is replaced or that has ended.
    Private,
    /// The same edge's sockets for private names.
    NamesUdp,
    NamesTcp,
}

impl Purpose {
    const ALL: [Self; 7] =
        [Self::Parent, Self::Api, Self::Edge, Self::Public, Self::Private, Self::NamesUdp, Self::NamesTcp];

    /// Its name in `LISTEN_FDNAMES` (sd_listen_fds(3)) and between two parents. Never changed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Api => "api",
            Self::Edge => "edge",
            Self::Public => "public",
            Self::Private => "private",
            Self::NamesUdp => "names-udp",
            Self::NamesTcp => "names-tcp",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }

    /// For a socket between services.
    pub(crate) fn of(door: Door) -> Self {
        match door {
            Door::Service => Self::Private,
            Door::NamesUdp => Self::NamesUdp,
            Door::NamesTcp => Self::NamesTcp,
        }
    }

    fn kind(self) -> (AddressFamily, SockType) {
        match self {
            Self::Parent | Self::Api | Self::Edge => (AddressFamily::Unix, SockType::Stream),
            Self::Public | Self::Private | Self::NamesTcp => (AddressFamily::Inet, SockType::Stream),
            Self::NamesUdp => (AddressFamily::Inet, SockType::Datagram),
        }
    }
}

/// Sockets this process was started with.
pub(crate) struct Given {
    fds: ListenFd,
    /// Where each of them is, in order.
    places: VecDeque<(Purpose, usize)>,
}

impl Given {
    /// Take them up. To be called once, before any other descriptor is opened.
    pub(crate) fn read() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let purposes = names.split(':').map(Purpose::named);
        let places = (0..).zip(purposes).filter_map(|(place, purpose)| Some((purpose?, place))).collect();
        Self { fds: ListenFd::from_env(), places }
    }

    fn all<T: FromRawFd>(&mut self, purpose: Purpose) -> Result<Vec<T>> {
        let (family, kind) = purpose.kind();
        let places = self.places.iter().filter(|(p, _)| *p == purpose).map(|(_, place)| *place);
        let mut out = Vec::new();
        for place in places {
            let taken = self.fds.take_custom(place, family as i32, kind as i32, "socket of its kind");
            out.extend(taken.with_context(|| format!("the socket `{}` is not one", purpose.name()))?);
        }
        Ok(out)
    }

    fn one<T: FromRawFd>(&mut self, purpose: Purpose) -> Result<T> {
        self.all(purpose)?.pop().with_context(|| {
            format!("no socket `{}` was inherited: this command is run by `dormouse serve`", purpose.name())
        })
    }

    /// The line to the parent.
    pub(crate) fn parent(&mut self) -> Result<UnixStream> {
        self.one(Purpose::Parent)
    }

    /// The control API's listener and that for edges.
    pub(crate) fn control(&mut self) -> Result<(UnixListener, UnixListener)> {
        Ok((self.one(Purpose::Api)?, self.one(Purpose::Edge)?))
    }

    /// The public listener, and those of the edge that is replaced.
    pub(crate) fn edge(&mut self) -> Result<dormouse_edge::Sockets> {
        Ok(dormouse_edge::Sockets {
            public: vec![self.one(Purpose::Public)?],
            private: self.all(Purpose::Private)?,
            keep: None,
        })
    }

    /// Sockets for private names of the edge that is replaced.
    pub(crate) fn names(&mut self) -> Result<(Vec<UdpSocket>, Vec<TcpListener>)> {
        Ok((self.all(Purpose::NamesUdp)?, self.all(Purpose::NamesTcp)?))
    }
}
