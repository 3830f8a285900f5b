//! How many files our processes may have open: every connection takes two, and the usual soft limit of 1,024 would be reached
//! by one busy app. The edge takes as many connections as the limit allows. Sandboxes have a limit of their own.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use tracing::warn;

/// As many as we want at least. More than the hard limit only root may have, and in a container not even root.
const FILES: rlim_t = 65_536;

/// Raise the limit for us and our children.
pub(super) fn allow_many() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).map(|(_, hard)| {
        wishes(hard).into_iter().find(|files| setrlimit(Resource::RLIMIT_NOFILE, *files, *files).is_ok())
    });
    match raised {
        Ok(Some(files)) if files < FILES => {
            warn!(
                files,
                wanted = FILES,
                "few files may be open, so few connections are taken: see `ulimit -Hn`"
            );
        }
        Ok(Some(_)) => {}
        Ok(None) => warn!("the limit of open files cannot be raised"),
        Err(error) => warn!(%error, "the limit of open files is not known"),
    }
}

/// What to try in turn.
fn wishes(hard: rlim_t) -> [rlim_t; 2] {
    [hard.max(FILES), hard]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_there_may_be() {
        for (hard, wished) in [
            (4096, [65_536, 4096]),
            (65_536, [65_536, 65_536]),
            // Bug: of systemd's usual limit an eighth was used.
            (524_288, [524_288, 524_288]),
        ] {
            assert_eq!(wishes(hard), wished);
        }
        allow_many();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(soft, hard);
    }
}
