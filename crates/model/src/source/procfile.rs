//! `Procfile`: a process and its command on each line.

/// The file's name.
pub const NAME: &str = "Procfile";

/// A line of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'t> {
    /// Its number, from 1.
    pub number: usize,
    /// What the process is called.
    pub process: &'t str,
    /// How it is started, as a shell would read it.
    pub command: &'t str,
}

/// Every process that it names.
pub fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().enumerate().filter_map(|(i, line)| {
        let (process, command) = line.split_once(':')?;
        let process = process.trim();
        let is_name =
            !process.is_empty() && process.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        is_name.then_some(Line { number: i + 1, process, command: command.trim() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes() {
        let text = "# web: no\nweb : gunicorn app:app\r\n\nworker-2: celery -A x\nhttp://x: y\nrelease:";
        let found: Vec<_> = lines(text).map(|l| (l.number, l.process, l.command)).collect();
        assert_eq!(
            found,
            [
                (2, "web", "gunicorn app:app"),
                (4, "worker-2", "celery -A x"),
                (5, "http", "//x: y"),
                (6, "release", "")
            ]
        );
    }
}
