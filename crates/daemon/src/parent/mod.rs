//! `dormouse serve`: holds the sockets, keeps two children alive, ends them in order, and hands over to a successor.
//!
//! It does nothing else, so that there is nothing in it that can fail: no runtime, no store, one thread.

mod borrow;
mod come_up;
mod ended;
mod events;
mod family;
mod files;
mod held;
mod manager;
mod pulse;
mod sockets;
mod successor;

use std::{fs::File, os::fd::AsFd, path::PathBuf};

use anyhow::{Context, Result};
use dormouse_cli::ServeArgs;
use dormouse_control::Ballast;
use nix::{
    sys::{prctl, signal::Signal},
    unistd::Pid,
};
use signal_hook::consts;
use tracing::{error, info};

use crate::{
    clock,
    handover::{self, Giver, Predecessor, Wish, not_ours},
    orphans, records,
    role::Role,
    settings::Typed,
    state::StateDir,
};
use borrow::Borrowed;
use come_up::Cut;
use events::{Events, asks_to_end};
use family::{Family, STEADY, Stage};
use pulse::LOOK;
use sockets::Sockets;

/// Serve until told to stop, or until a successor has taken over.
pub(crate) fn serve(args: &ServeArgs) -> Result<()> {
    let program = successor::program()?;
    let state = StateDir::open(&args.state)?;
    clock::begin(&state);
    Ballast::of(state.root()).lend();
    // Wrong settings are told before anything else is.
    Typed::read(&state.settings())?.resolve(args.listen, state.root())?;
    let (lock, predecessor, offered) = handover::begin(&state, args.take_over)?;
    if !predecessor.lives() {
        records::sweep(&state);
    }
    files::allow_many();
    let mut borrowed = Borrowed::default();
    records::living(&state, Role::Edge).iter().for_each(|edge| borrowed.add(edge));
    let sockets = match offered {
        Some(offered) => Sockets::offered(offered, args.listen_given.then_some(args.listen))?,
        None => {
            records::living(&state, Role::Control).iter().for_each(|control| borrowed.add(control));
            Sockets::bind(&state, args.listen, &mut borrowed, || {
                let edges = records::living(&state, Role::Edge);
                orphans::let_drain(&edges);
                !edges.is_empty()
            })?
        }
    };
    // We have it already.
    drop(borrowed.public(sockets.listen));
    // Sandboxes whose starter died become our children, and are reaped here.
    prctl::set_child_subreaper(true).context("cannot become the reaper of sandboxes")?;
    let stop_apps = stop_apps(args);
    let mut family = Family::new(&state, &sockets, stop_apps);
    family.hold_for_edge(borrowed.private());
    let events = Events::listen()?;
    let (state, sockets) = (&state, &sockets);
    Parent { state, sockets, lock, family, events, program, stop_apps }.live(predecessor)
}

/// Whether the apps end with us. With the first process of a container everything in it ends, and the kernel gives nobody
/// time for it.
fn stop_apps(args: &ServeArgs) -> bool {
    args.stop_apps || Pid::this() == Pid::from_raw(1)
}

struct Parent<'a> {
    state: &'a StateDir,
    sockets: &'a Sockets,
    /// Nobody else serves from the folder as long as this is open, here or at a successor.
    lock: File,
    family: Family<'a>,
    events: Events,
    /// Our own program's file.
    program: PathBuf,
    stop_apps: bool,
}

/// Why a server ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It was told to.
    Stop,
    /// A successor serves.
    HandedOver,
}

impl Parent<'_> {
    fn live(mut self, mut predecessor: Predecessor) -> Result<()> {
        match self.come_up(&mut predecessor) {
            Ok(()) => {}
            Err(cut) if predecessor.lives() => {
                // It goes on as if nothing had happened.
                self.withdraw();
                return match cut {
                    Cut::Stop => Ok(()),
                    Cut::Failed(why) => Err(why),
                };
            }
            Err(Cut::Stop) => {
                self.stop();
                return Ok(());
            }
            Err(Cut::Failed(why)) => {
                self.family.end(Role::Edge, Signal::SIGTERM);
                self.family.end(Role::Control, Signal::SIGTERM);
                return Err(why);
            }
        }
        // What a predecessor's processes were written down in, and those of servers before it.
        records::sweep(self.state);
        info!(state = %self.state.root().display(), listen = %self.sockets.listen, "serving");
        manager::tell("READY=1");
        match self.watch() {
            End::Stop => self.stop(),
            End::HandedOver => info!("a successor serves; its apps were ours"),
        }
        Ok(())
    }

    /// Keep both children alive until told to end, or replaced. That control cannot start is no reason to end: a full disk
    /// for one passes, and what is awake is served meanwhile.
    fn watch(&mut self) -> End {
        let mut giver = Giver::default();
        let mut roles = &Role::ALL[..];
        loop {
            let all = self.family.restart_missing(roles);
            let limit = giver.time_left().into_iter().chain((!all).then_some(STEADY)).chain([LOOK]).min();
            let mut fds = self.family.lines();
            fds.push(self.sockets.handover.as_fd());
            fds.extend(giver.line());
            let signals = self.events.wait(&fds, limit);
            if asks_to_end(&signals) {
                if giver.turn_away() {
                    self.take_back();
                }
                return End::Stop;
            }
            if signals.contains(&consts::SIGUSR2)
                && let Err(error) = self.start_successor()
            {
                error!("{error:#}");
            }
            self.family.reap();
            for (role, why) in self.family.hear() {
                error!(role = role.name(), why, "it cannot go on; trying again");
            }
            self.family.kill_silent();
            let [public, api, edge, handover] = self.sockets.offer();
            match giver.hear(&self.sockets.handover, &[public, api, edge, handover, self.lock.as_fd()]) {
                Wish::Nothing => {}
                Wish::EndControl => {
                    self.family.end(Role::Control, Signal::SIGQUIT);
                    roles = &[Role::Edge];
                    giver.control_ended();
                }
                Wish::TakeBack => {
                    self.take_back();
                    roles = &Role::ALL;
                }
                Wish::Done => {
                    self.family.end(Role::Control, Signal::SIGQUIT);
                    self.family.leave(Role::Edge);
                    if let Some(pid) = giver.successor() {
                        manager::tell(&format!("MAINPID={pid}"));
                    }
                    giver.handed_over();
                    return End::HandedOver;
                }
            }
        }
    }

    /// Nothing came of a successor: what it has started must not go on beside ours.
    fn take_back(&self) {
        let ours = |process: &_| self.family.has(process);
        if let Err(error) = orphans::kill(&not_ours(self.state, Role::Control, ours)) {
            error!("{error:#}");
        }
        orphans::let_drain(&not_ours(self.state, Role::Edge, ours));
    }

    /// End our children, and leave everything to the server that serves.
    fn withdraw(&mut self) {
        self.family.end(Role::Control, Signal::SIGKILL);
        if self.family.stage(Role::Edge) == Some(Stage::Serving) {
            self.family.leave(Role::Edge);
        } else {
            self.family.end(Role::Edge, Signal::SIGKILL);
        }
    }

    fn stop(&mut self) {
        info!("stopping");
        // Control first: should it stop the apps, the edge still carries what is in flight.
        self.family.end(Role::Control, Signal::SIGTERM);
        orphans::stop(&records::living(self.state, Role::Edge));
        self.family.end(Role::Edge, Signal::SIGTERM);
        // Of edges that were not our children, and have ended since or just now.
        records::sweep(self.state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bug: what an edge that had drained, or a control that was killed beside its successor, was written down in stayed in the
    /// state folder for ever.
    #[test]
    fn an_orderly_end_leaves_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        let listen = (std::net::Ipv4Addr::LOCALHOST, 0).into();
        let sockets = Sockets::bind(&state, listen, &mut Borrowed::default(), || false).unwrap();
        let mut ended = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        for role in Role::ALL {
            records::remember(&state, role, Pid::from_raw(ended.id().cast_signed())).unwrap();
        }
        ended.kill().unwrap();
        ended.wait().unwrap();
        let mut parent = Parent {
            state: &state,
            sockets: &sockets,
            lock: state.lock().unwrap().unwrap(),
            family: Family::new(&state, &sockets, false),
            events: Events::listen().unwrap(),
            program: PathBuf::new(),
            stop_apps: false,
        };
        parent.stop();
        let left = std::fs::read_dir(state.root()).unwrap().map(|e| e.unwrap().file_name());
        let left: Vec<_> = left.filter_map(|name| name.into_string().ok()).collect();
        assert!(left.iter().all(|name| !name.ends_with(".pid")), "{left:?}");
    }
}
