//! From the init's fork to the command.
#![allow(clippy::wildcard_enum_match_arm, reason = "errno is not our enum, and has 130 values")]

use std::{
    ffi::CString,
    fs::{self, File},
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::ffi::OsStrExt,
    },
};

use nix::{
    errno::Errno,
    sys::resource::{Resource, setrlimit},
    unistd::{chdir, dup2_stderr, dup2_stdin, dup2_stdout, execve, setsid},
};

use super::{sys, wire::Launch};

/// Under memory pressure the app goes first, before its init (200) and the platform (0).
const OOM_SCORE_APP: &str = "500";

/// Open files: plenty to start with, more when the app asks.
const OPEN_FILES: (u64, u64) = (65_536, 524_288);

/// The search path when the environment has none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Run the command in this process. Returns only when that failed, with the reason as a user should read it.
pub(super) fn exec(launch: &Launch, out: Option<[BorrowedFd<'_>; 2]>) -> String {
    match prepare(out) {
        Err(e) => format!("preparing it failed: {e}"),
        Ok(()) => {
            if let Err(e) = chdir(&launch.cwd) {
                return format!("its working folder `{}`: {}", launch.cwd.display(), e.desc());
            }
            command(launch)
        }
    }
}

fn prepare(out: Option<[BorrowedFd<'_>; 2]>) -> io::Result<()> {
    setsid()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(null.as_fd())?;
    if let Some([stdout, stderr]) = out {
        dup2_stdout(stdout)?;
        dup2_stderr(stderr)?;
    }
    sys::close_from_at_exec(3)?;
    // Hidden, its files in /proc would be the host's; exec shows it anyway, and nobody else is here yet.
    nix::sys::prctl::set_dumpable(true)?;
    fs::write("/proc/self/oom_score_adj", OOM_SCORE_APP)?;
    let hard = nix::sys::resource::getrlimit(Resource::RLIMIT_NOFILE)?.1;
    setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES.0.min(hard), OPEN_FILES.1.min(hard))?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    sys::default_signals()
}

fn command(launch: &Launch) -> String {
    let Some(program) = launch.argv.first() else { return "it is empty".into() };
    let Ok(argv) = launch.argv.iter().map(|a| CString::new(a.as_str())).collect::<Result<Vec<_>, _>>() else {
        return "an argument contains a zero byte".into();
    };
    let env = launch.env.iter().map(|(k, v)| CString::new(format!("{k}={v}")));
    let Ok(env) = env.collect::<Result<Vec<_>, _>>() else {
        return "a variable contains a zero byte".into();
    };
    if program.contains('/') {
        return why(execve(&argv[0], &argv, &env).unwrap_err());
    }
    let path = launch.env.iter().find(|(k, _)| k == "PATH").map_or(PATH, |(_, v)| v);
    let mut found = Errno::ENOENT;
    for dir in path.split(':') {
        let candidate = std::path::Path::new(if dir.is_empty() { "." } else { dir }).join(program);
        let Ok(candidate) = CString::new(candidate.as_os_str().as_bytes()) else { continue };
        match execve(&candidate, &argv, &env).unwrap_err() {
            Errno::ENOENT | Errno::ENOTDIR => {}
            // It is there but cannot be run: remember that, a later folder may still have one that can.
            Errno::EACCES => found = Errno::EACCES,
            other => return why(other),
        }
    }
    if found == Errno::ENOENT { format!("not found in PATH ({path})") } else { why(found) }
}

fn why(e: Errno) -> String {
    match e {
        Errno::ENOENT => "no such file (or its interpreter is missing)".into(),
        Errno::ENOEXEC => "not a program the kernel can run (is its first line `#!…`?)".into(),
        other => other.desc().to_lowercase(),
    }
}
