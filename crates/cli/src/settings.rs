//! Arguments and environment, resolved.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use dormouse_api::Client;
use dormouse_model::manifest::Languages;

use crate::{args::Global, listen, streams::Streams};

/// Names the state folder where no argument does.
const STATE: &str = "DORMOUSE_STATE";

/// What every command works with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// State folder, absolute.
    pub(crate) state: PathBuf,
    /// Public address.
    pub(crate) listen: SocketAddr,
    /// Whether the address was asked for, so that no other will do.
    pub(crate) listen_given: bool,
    pub(crate) json: bool,
    /// The languages that the server can build.
    pub(crate) languages: &'static dyn Languages,
}

impl Settings {
    pub(crate) fn resolve(global: &Global, languages: &'static dyn Languages) -> Result<Self> {
        let state = match named(global.state.as_deref(), std::env::var_os(STATE)) {
            Some(dir) => dir,
            None => default_state(
                nix::unistd::geteuid().is_root(),
                std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).as_deref(),
                std::env::home_dir().as_deref(),
            )
            .context("cannot tell where to keep the state: there is no home folder\n  hint: name a folder with --state")?,
        };
        Ok(Self {
            state: std::path::absolute(&state)
                .with_context(|| format!("cannot resolve the state folder {}", state.display()))?,
            listen: global.listen.unwrap_or_else(listen::default),
            listen_given: global.listen.is_some(),
            json: global.json,
            languages,
        })
    }

    /// A word to people; programs that read JSON get only that.
    pub(crate) fn say(&self, streams: &mut Streams, text: &str) -> Result<()> {
        if !self.json {
            streams.err_line(text)?;
        }
        Ok(())
    }

    /// Talks to the server of the state folder, if there is one.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.state.join("api.sock"))
    }
}

/// The state folder that was asked for: by argument, else by the environment.
fn named(argument: Option<&Path>, variable: Option<OsString>) -> Option<PathBuf> {
    argument.map(Path::to_owned).or_else(|| variable.filter(|v| !v.is_empty()).map(PathBuf::from))
}

/// The system's place for root, the XDG data folder for anybody else.
fn default_state(root: bool, data: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    if root {
        return Some("/var/lib/dormouse".into());
    }
    let data = data.filter(|d| d.is_absolute()).map(Path::to_owned);
    Some(data.or_else(|| home.map(|h| h.join(".local/share")))?.join("dormouse"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_argument_counts_more_than_the_environment() {
        for (argument, variable, want) in [
            (Some("/a"), Some("/b"), Some("/a")),
            (None, Some("/b"), Some("/b")),
            (None, Some(""), None),
            (None, None, None),
        ] {
            let found = named(argument.map(Path::new), variable.map(OsString::from));
            assert_eq!(found.as_deref(), want.map(Path::new));
        }
    }

    #[test]
    fn state_folders() {
        let path = |s: &'static str| Some(Path::new(s));
        for (root, data, home, want) in [
            (true, None, path("/root"), path("/var/lib/dormouse")),
            (false, None, path("/home/a"), path("/home/a/.local/share/dormouse")),
            (false, path("/data"), path("/home/a"), path("/data/dormouse")),
            (false, path("relative"), path("/home/a"), path("/home/a/.local/share/dormouse")),
            (false, None, None, None),
        ] {
            assert_eq!(default_state(root, data, home).as_deref(), want);
        }
    }
}
