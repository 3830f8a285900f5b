//! The programs the suite runs, as commands any POSIX shell understands.

/// Where [`Program::Web`] listens.
pub(super) const PORT: u16 = 8000;

/// What an instance of the suite does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Says `hello` on standard output and `oops` on standard error, and exits with 0 when asked to end.
    Serve,
    /// Answers whoever asks it by HTTP on port 8000. Needs busybox's `nc`.
    Web,
    /// Exits with 3 at once.
    Exit,
    /// Says `deaf`, and does not end when asked to.
    Stubborn,
    /// Uses all the memory it is given, and more.
    Greedy,
    /// A command that does not exist.
    Missing,
}

impl Program {
    /// Its command.
    #[must_use]
    pub fn argv(self) -> Vec<String> {
        let script = match self {
            Self::Serve => "trap 'exit 0' TERM; echo hello; echo oops >&2; while :; do sleep 0.05; done",
            // What is left unread when it ends would be taken for the end of its answer.
            Self::Web => {
                "exec nc -ll -p 8000 -e /bin/sh -c 'while read line && [ ${#line} -gt 1 ]; do :; done; echo HTTP/1.1 204 No Content; echo'"
            }
            Self::Exit => "exit 3",
            Self::Stubborn => "trap '' TERM; echo deaf; while :; do sleep 0.05; done",
            Self::Greedy => "x=0123456789abcdef; while :; do x=\"$x$x\"; done",
            Self::Missing => return vec!["/no/such/command".to_owned()],
        };
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }

    /// The program a command stands for, if it is one of the suite's.
    #[must_use]
    pub fn of(argv: &[String]) -> Option<Self> {
        [Self::Serve, Self::Web, Self::Exit, Self::Stubborn, Self::Greedy, Self::Missing]
            .into_iter()
            .find(|p| p.argv() == argv)
    }
}
