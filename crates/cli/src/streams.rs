//! Where we write, and what may be written there.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;

use crate::plain;

/// Standard output and error, or what stands for them in a test.
pub struct Streams {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    out_color: bool,
    err_color: bool,
    /// Whether progress may be drawn and redrawn.
    err_terminal: bool,
    /// Columns there is room for on standard output; `None` where lines may be of any length.
    width: Option<usize>,
    /// Whether somebody sits at the keyboard.
    in_terminal: bool,
}

/// A colour or weight, by what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Good,
    Warn,
    Bad,
    Dim,
    Bold,
    /// One of a few colours that tell names apart.
    Name(usize),
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "1;31",
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Name(i) => ["36", "35", "34", "33", "32"][i % 5],
        }
    }
}

/// What was written, for tests.
#[derive(Debug, Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Everything so far.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("err_terminal", &self.err_terminal).finish_non_exhaustive()
    }
}

impl Streams {
    /// The process's own.
    #[must_use]
    pub fn standard() -> Self {
        let color = |terminal: bool| {
            let var = |name| std::env::var(name).ok();
            wants_color(
                terminal,
                var("NO_COLOR").as_deref(),
                var("CLICOLOR").as_deref(),
                var("CLICOLOR_FORCE").as_deref(),
            )
        };
        Self {
            out_color: color(io::stdout().is_terminal()),
            err_color: color(io::stderr().is_terminal()),
            err_terminal: io::stderr().is_terminal(),
            width: width(std::env::var("COLUMNS").ok().as_deref(), || {
                terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.into())
            }),
            in_terminal: io::stdin().is_terminal(),
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
        }
    }

    /// Neither is a terminal; what is written can be read back.
    #[must_use]
    pub fn captured() -> (Self, Captured, Captured) {
        let (out, err) = (Captured::default(), Captured::default());
        let streams = Self {
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            out_color: false,
            err_color: false,
            err_terminal: false,
            width: None,
            in_terminal: false,
        };
        (streams, out, err)
    }

    pub(crate) fn color(&self, err: bool) -> bool {
        if err { self.err_color } else { self.out_color }
    }

    pub(crate) fn err_is_terminal(&self) -> bool {
        self.err_terminal
    }

    /// Columns there is room for on standard output, if that is limited.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// As if the terminal were so wide.
    #[cfg(test)]
    pub(crate) fn set_width(&mut self, width: Option<usize>) {
        self.width = width;
    }

    /// As if standard output were a terminal with colours.
    #[cfg(test)]
    pub(crate) fn set_color(&mut self, color: bool) {
        self.out_color = color;
    }

    /// Whether there is somebody who can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        self.err_terminal && self.in_terminal
    }

    /// Ask whoever sits at the keyboard; only `y` and `yes` are one. Nobody waits for the answer of a future that is dropped.
    pub(crate) async fn ask(&mut self, question: &str) -> io::Result<bool> {
        self.err_text(&format!("{question} [y/N] "))?;
        let (tell, told) = oneshot::channel();
        // Not one of the runtime's threads: it would wait for the end of the line when it ends.
        std::thread::Builder::new().name("question".to_owned()).spawn(move || {
            let mut answer = String::new();
            let read = io::stdin().read_line(&mut answer);
            drop(tell.send(read.map(|_| answer)));
        })?;
        let answer = told.await.map_err(io::Error::other)??;
        Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
    }

    /// Text on standard output, painted where it may be.
    pub(crate) fn out_paint(&self, paint: Paint, text: &str) -> String {
        painted(self.out_color, paint, text)
    }

    /// Text on standard error, painted where it may be.
    pub(crate) fn err_paint(&self, paint: Paint, text: &str) -> String {
        painted(self.err_color, paint, text)
    }

    /// Text on standard output, with nothing in it that a terminal would obey but our colours, and those of others.
    pub(crate) fn out_text(&mut self, text: &str) -> io::Result<()> {
        let text = plain::plain(text, self.out_color);
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// The same on standard error.
    pub(crate) fn err_text(&mut self, text: &str) -> io::Result<()> {
        let text = plain::plain(text, self.err_color);
        self.err.write_all(text.as_bytes())?;
        self.err.flush()
    }

    pub(crate) fn out_line(&mut self, line: &str) -> io::Result<()> {
        self.out_text(&format!("{line}\n"))
    }

    pub(crate) fn err_line(&mut self, line: &str) -> io::Result<()> {
        self.err_text(&format!("{line}\n"))
    }

    /// A value as one line of JSON.
    pub(crate) fn out_json(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        self.out_line(&plain::json(&text))
    }

    pub(crate) fn error(&mut self, message: &str) -> io::Result<()> {
        let label = self.err_paint(Paint::Bad, "error:");
        self.err_line(&format!("{label} {message}"))
    }

    pub(crate) fn warning(&mut self, message: &str) -> io::Result<()> {
        let label = self.err_paint(Paint::Warn, "warning:");
        self.err_line(&format!("{label} {message}"))
    }
}

fn painted(color: bool, paint: Paint, text: &str) -> String {
    if color { format!("\x1b[{}m{text}\x1b[0m", paint.code()) } else { text.to_owned() }
}

/// What somebody says in so many words counts more than how wide the terminal is.
fn width(columns: Option<&str>, terminal: impl FnOnce() -> Option<usize>) -> Option<usize> {
    columns.and_then(|c| c.parse().ok()).filter(|c| *c > 0).or_else(terminal)
}

/// The conventions of no-color.org and bixense.com/clicolors.
fn wants_color(terminal: bool, no_color: Option<&str>, clicolor: Option<&str>, force: Option<&str>) -> bool {
    if no_color.is_some_and(|v| !v.is_empty()) {
        return false;
    }
    if force.is_some_and(|v| v != "0" && !v.is_empty()) {
        return true;
    }
    terminal && clicolor != Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths() {
        for (columns, terminal, want) in [
            (None, None, None),
            (None, Some(80), Some(80)),
            (Some("60"), Some(80), Some(60)),
            (Some("60"), None, Some(60)),
            (Some("0"), Some(80), Some(80)),
            (Some("wide"), None, None),
        ] {
            assert_eq!(width(columns, || terminal), want);
        }
    }

    #[test]
    fn colors() {
        for (terminal, no_color, clicolor, force, want) in [
            (true, None, None, None, true),
            (false, None, None, None, false),
            (true, Some("1"), None, Some("1"), false),
            (true, Some(""), None, None, true),
            (true, None, Some("0"), None, false),
            (false, None, None, Some("1"), true),
        ] {
            assert_eq!(wants_color(terminal, no_color, clicolor, force), want);
        }
    }
}
