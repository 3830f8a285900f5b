//! What is said of a child that ended, or could not be started, without a word of its own about it.

use std::{fmt, io};

use nix::sys::signal::Signal;

use crate::role::Role;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Code(i32),
    Signal(Signal),
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "{signal}"),
        }
    }
}

impl How {
    /// What it usually means, and what can be done.
    fn hint(self) -> &'static str {
        match self {
            // The dynamic loader's, which has printed what it misses.
            Self::Code(127) => {
                "a library that the program needs is gone or too old: it is named above, and `ldd` lists all of them"
            }
            // Rust's, for a panic.
            Self::Code(101) => "this is a fault in Dormouse: please report it with what is printed above",
            Self::Code(_) => "what it printed is above; with `DORMOUSE_LOG=debug` it prints more",
            Self::Signal(Signal::SIGKILL) => {
                "somebody killed it: `journalctl -k` or `dmesg` says so when it was the kernel, for want of memory"
            }
            Self::Signal(Signal::SIGSYS) => {
                "a filter of system calls around the server forbids something: of its container, or `SystemCallFilter=` of its unit"
            }
            Self::Signal(Signal::SIGILL) => "this program is for a newer processor, or its file is damaged",
            Self::Signal(Signal::SIGBUS) => {
                "a disk refused a page of the program or of the state folder: `dmesg` says which, and `df` whether one is full"
            }
            Self::Signal(Signal::SIGXCPU | Signal::SIGXFSZ) => {
                "a limit of the server's own was reached: `ulimit -a`, or `Limit…=` of its unit"
            }
            Self::Signal(Signal::SIGABRT) => {
                "what it printed is above: that there is no memory, or a fault in Dormouse, which please report"
            }
            Self::Signal(_) => "what it printed is above; where nobody sent that signal, please report it",
        }
    }
}

/// What is said of a child that ended before it served, this often in a row.
pub(super) fn told(role: Role, how: How, times: u32) -> String {
    let (name, hint) = (role.name(), how.hint());
    let often = match times {
        1 => String::new(),
        more => format!(", {more} times in a row"),
    };
    format!("the {name} process ended before it served{often}: {how}, and it did not say why\n  hint: {hint}")
}

/// What can be done about a child that cannot be started.
pub(super) fn not_started(role: Role, error: &io::Error) -> String {
    use nix::libc::{EACCES, EAGAIN, EMFILE, ENFILE, ENOENT, ENOMEM, EPERM};
    let hint = match error.raw_os_error() {
        Some(EMFILE) => {
            "too many files are open in this server: raise `ulimit -n`, or `LimitNOFILE=` of its unit"
        }
        Some(ENFILE) => "too many files are open on this machine: raise `fs.file-max`",
        Some(EAGAIN) => {
            "there may be no more processes: raise `ulimit -u`, `TasksMax=` of its unit, or `kernel.pid_max`"
        }
        Some(ENOMEM) => "there is no memory left: `free` shows who has it",
        Some(ENOENT) => "the server starts its own program through /proc/self/exe: mount /proc",
        Some(EACCES | EPERM) => {
            "the program may not be run where it lies: that file system may be mounted `noexec`, or a policy forbids it"
        }
        Some(_) | None => "the server's log has more",
    };
    format!("cannot start the {} process: {error}\n  hint: {hint}", role.name())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn each_end_is_told_with_what_can_be_done() {
        let mut rows = String::new();
        for (how, times) in [
            (How::Code(1), 1),
            (How::Code(101), 3),
            (How::Code(127), 5),
            (How::Signal(Signal::SIGKILL), 5),
            (How::Signal(Signal::SIGABRT), 5),
            (How::Signal(Signal::SIGSEGV), 5),
            (How::Signal(Signal::SIGSYS), 5),
            (How::Signal(Signal::SIGILL), 5),
            (How::Signal(Signal::SIGBUS), 5),
            (How::Signal(Signal::SIGXFSZ), 5),
        ] {
            rows += &told(Role::Control, how, times);
            rows += "\n";
        }
        expect![[r#"
            the control process ended before it served: exit code 1, and it did not say why
              hint: what it printed is above; with `DORMOUSE_LOG=debug` it prints more
            the control process ended before it served, 3 times in a row: exit code 101, and it did not say why
              hint: this is a fault in Dormouse: please report it with what is printed above
            the control process ended before it served, 5 times in a row: exit code 127, and it did not say why
              hint: a library that the program needs is gone or too old: it is named above, and `ldd` lists all of them
            the control process ended before it served, 5 times in a row: SIGKILL, and it did not say why
              hint: somebody killed it: `journalctl -k` or `dmesg` says so when it was the kernel, for want of memory
            the control process ended before it served, 5 times in a row: SIGABRT, and it did not say why
              hint: what it printed is above: that there is no memory, or a fault in Dormouse, which please report
            the control process ended before it served, 5 times in a row: SIGSEGV, and it did not say why
              hint: what it printed is above; where nobody sent that signal, please report it
            the control process ended before it served, 5 times in a row: SIGSYS, and it did not say why
              hint: a filter of system calls around the server forbids something: of its container, or `SystemCallFilter=` of its unit
            the control process ended before it served, 5 times in a row: SIGILL, and it did not say why
              hint: this program is for a newer processor, or its file is damaged
            the control process ended before it served, 5 times in a row: SIGBUS, and it did not say why
              hint: a disk refused a page of the program or of the state folder: `dmesg` says which, and `df` whether one is full
            the control process ended before it served, 5 times in a row: SIGXFSZ, and it did not say why
              hint: a limit of the server's own was reached: `ulimit -a`, or `Limit…=` of its unit
        "#]].assert_eq(&rows);
    }

    #[test]
    fn each_start_that_fails_is_told_with_what_can_be_done() {
        use nix::libc::{EACCES, EAGAIN, EMFILE, ENFILE, ENOENT, ENOMEM};
        let mut rows = String::new();
        for errno in [EMFILE, ENFILE, EAGAIN, ENOMEM, ENOENT, EACCES] {
            rows += &not_started(Role::Edge, &io::Error::from_raw_os_error(errno));
            rows += "\n";
        }
        expect![[r#"
            cannot start the edge process: Too many open files (os error 24)
              hint: too many files are open in this server: raise `ulimit -n`, or `LimitNOFILE=` of its unit
            cannot start the edge process: Too many open files in system (os error 23)
              hint: too many files are open on this machine: raise `fs.file-max`
            cannot start the edge process: Resource temporarily unavailable (os error 11)
              hint: there may be no more processes: raise `ulimit -u`, `TasksMax=` of its unit, or `kernel.pid_max`
            cannot start the edge process: Cannot allocate memory (os error 12)
              hint: there is no memory left: `free` shows who has it
            cannot start the edge process: No such file or directory (os error 2)
              hint: the server starts its own program through /proc/self/exe: mount /proc
            cannot start the edge process: Permission denied (os error 13)
              hint: the program may not be run where it lies: that file system may be mounted `noexec`, or a policy forbids it
        "#]].assert_eq(&rows);
    }
}
