//! Process 1 of a sandbox: starts the command, passes signals on, reaps, writes the log, records the end.
//!
//! It is a fork of the server's own program, so nothing of it has to lie in the image; it needs no server once the command
//! runs, and when it ends the kernel ends everything else in the sandbox.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::SystemTime,
};

use dormouse_model::{ExitStatus, Time, clock};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal, kill},
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::{
    entry::{Files, say},
    exec::exec,
    exit,
    output::{Lines, Log, non_blocking, read_some},
    sys::{self, Side},
    wire::{At, Fail, Launch, Message},
};

/// A line without an end is written after this long, in milliseconds: a prompt, a progress bar.
const PARTIAL_LINE: u16 = 500;

/// Signals that are the command's business.
const FORWARDED: [Signal; 8] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGCONT,
];

/// For people who read the log.
fn wall() -> Time {
    SystemTime::now().into()
}

/// Output on its way to the log.
struct Output {
    log: Log,
    streams: [(io::PipeReader, Lines, bool); 2],
}

impl Output {
    /// Move what is there now; true when there was something.
    fn pump(&mut self, buffer: &mut [u8]) -> bool {
        let mut out = Vec::new();
        let mut moved = false;
        for (pipe, lines, open) in &mut self.streams {
            if !*open {
                continue;
            }
            match read_some(pipe, buffer) {
                Some(0) => *open = false,
                Some(n) => {
                    moved = true;
                    lines.feed(&buffer[..n], wall(), &mut out);
                }
                None => {}
            }
        }
        self.log.write(&out);
        moved
    }

    fn flush(&mut self) {
        let mut out = Vec::new();
        for (_, lines, _) in &mut self.streams {
            lines.flush(wall(), &mut out);
        }
        self.log.write(&out);
    }

    fn is_pending(&self) -> bool {
        self.streams.iter().any(|(_, lines, _)| lines.is_pending())
    }
}

/// Be the init until the command has ended. An error means that it never ran.
pub(super) fn run(socket: &UnixStream, launch: &Launch, files: Option<Files>) -> Result<(), Fail> {
    let mask = SigSet::all();
    mask.thread_block().at(|| "blocking signals".into())?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        .at(|| "listening for signals".into())?;

    let (mut output, ends, record) = match files {
        None => (None, None, None),
        Some(files) => {
            let (out, out_end) = io::pipe().at(|| "making a pipe".into())?;
            let (err, err_end) = io::pipe().at(|| "making a pipe".into())?;
            for pipe in [&out, &err] {
                non_blocking(pipe).at(|| "making a pipe".into())?;
            }
            // Nobody has asked for the time yet.
            clock::begin(files.boot);
            let log = Log::new(files.log, files.old_log, files.rotate_at);
            let streams = [(out, Lines::new(b'o'), true), (err, Lines::new(b'e'), true)];
            (Some(Output { log, streams }), Some([out_end, err_end]), Some(files.exit))
        }
    };
    let app = match start(launch, ends.as_ref().map(|[o, e]| [o.as_fd(), e.as_fd()]))? {
        Ok(pid) => pid,
        Err(why) => {
            say(socket, &Message::ExecFailed(why));
            return Ok(());
        }
    };
    drop(ends);
    say(socket, &Message::Started);

    // A run for somebody ends with them; an instance goes on without its server.
    let leash = record.is_none().then_some(socket);
    let status = attend(app, &signals, &mut output, leash);
    if let Some(output) = &mut output {
        let mut buffer = vec![0; 64 * 1024];
        while output.pump(&mut buffer) {}
        output.flush();
    }
    if let Some(file) = &record {
        exit::write(file, status, clock::now()).ok();
    }
    say(socket, &Message::Ended(status));
    Ok(())
}

/// Fork and run the command; the inner error is why it cannot be run.
fn start(launch: &Launch, out: Option<[BorrowedFd<'_>; 2]>) -> Result<Result<Pid, String>, Fail> {
    let (mut failed, mut tell) = io::pipe().at(|| "making a pipe".into())?;
    match sys::fork().at(|| "starting the command".into())? {
        Side::Child => {
            let why = exec(launch, out);
            tell.write_all(why.as_bytes()).ok();
            sys::exit_now(127);
        }
        Side::Parent(pid) => {
            drop(tell);
            // Ends without a word once the command runs: exec closes the other side.
            let mut why = String::new();
            failed.read_to_string(&mut why).at(|| "starting the command".into())?;
            Ok(if why.is_empty() { Ok(pid) } else { Err(why) })
        }
    }
}

/// Pump, forward and reap until the command has ended.
fn attend(
    app: Pid,
    signals: &SignalFd,
    output: &mut Option<Output>,
    leash: Option<&UnixStream>,
) -> ExitStatus {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut watched = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        if let Some(socket) = leash {
            watched.push(PollFd::new(socket.as_fd(), PollFlags::POLLIN));
        }
        if let Some(output) = output.as_ref() {
            for (pipe, _, open) in &output.streams {
                if *open {
                    watched.push(PollFd::new(pipe.as_fd(), PollFlags::POLLIN));
                }
            }
        }
        let pending = output.as_ref().is_some_and(Output::is_pending);
        let timeout = if pending { PollTimeout::from(PARTIAL_LINE) } else { PollTimeout::NONE };
        let ready = poll(&mut watched, timeout);
        let hung_up = leash.is_some() && watched[1].any().unwrap_or(false);
        drop(watched);
        if hung_up {
            sys::exit_now(1);
        }
        if let Some(output) = output.as_mut() {
            if ready == Ok(0) {
                output.flush();
            }
            output.pump(&mut buffer);
        }
        if let Some(status) = deliver(app, signals) {
            return status;
        }
    }
}

/// Handle every signal that has arrived; the command's end, when it is among them.
fn deliver(app: Pid, signals: &SignalFd) -> Option<ExitStatus> {
    let mut end = None;
    while let Ok(Some(info)) = signals.read_signal() {
        let Some(signal) =
            i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok())
        else {
            continue;
        };
        if signal == Signal::SIGCHLD {
            end = reap(app).or(end);
        } else if FORWARDED.contains(&signal) {
            kill(app, signal).ok();
        }
    }
    end
}

fn reap(app: Pid) -> Option<ExitStatus> {
    let mut end = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == app => end = Some(ExitStatus::Code(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == app => {
                end = Some(ExitStatus::Signal(signal as i32));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return end,
            Ok(_) => {}
            Err(Errno::EINTR) => {}
            Err(_) => return end,
        }
    }
}
