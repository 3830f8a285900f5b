//! `RUN pip install …`: what is installed.

use crate::server;

/// Options that take a value.
const VALUED: [&str; 10] = [
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "-c",
    "--constraint",
    "--trusted-host",
    "--timeout",
    "--retries",
];

/// What pip itself consists of.
const TOOLS: [&str; 3] = ["pip", "setuptools", "wheel"];

/// One `pip install`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Install {
    /// Files that list packages, as they are written.
    pub(super) files: Vec<String>,
    /// Packages.
    pub(super) packages: Vec<String>,
    /// Whether there are options that change what is found.
    pub(super) options: bool,
}

/// All in a script. What another program does is not told.
pub(super) fn installs(script: &str) -> Vec<Install> {
    let script = script.replace("\\\n", " ").replace("\\\r\n", " ");
    server::commands(&script).iter().filter_map(|words| install(words)).collect()
}

fn install(words: &[String]) -> Option<Install> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let is_python = |w: &str| w == "python" || w == "python3";
    let rest = match words.as_slice() {
        ["pip" | "pip3", rest @ ..] | ["uv", "pip", rest @ ..] => rest,
        [python, "-m", "pip", rest @ ..] if is_python(python) => rest,
        _ => return None,
    };
    let mut words = rest.iter().copied().skip_while(|w| w.starts_with('-'));
    if words.next() != Some("install") {
        return None;
    }
    let mut found = Install::default();
    while let Some(word) = words.next() {
        if word == "-r" || word == "--requirement" {
            found.files.push(words.next()?.to_owned());
        } else if let Some(file) = word.strip_prefix("--requirement=").or_else(|| word.strip_prefix("-r")) {
            found.files.push(file.to_owned());
        } else if VALUED.contains(&word) {
            words.next();
            found.options = true;
        } else if VALUED.iter().any(|v| word.strip_prefix(v).is_some_and(|rest| rest.starts_with('='))) {
            found.options = true;
        } else if !word.starts_with('-') && !TOOLS.contains(&word) {
            found.packages.push(word.to_owned());
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed() {
        for (script, want) in [
            ("pip install -r a.txt", "a.txt / "),
            ("apt-get update && pip3 install --no-cache-dir -ra.txt --requirement=b.txt", "a.txt b.txt / "),
            (
                "python -m pip install --upgrade pip setuptools && pip install flask 'x[y]>=1'",
                " /  |  / flask x[y]>=1",
            ),
            ("pip --no-cache-dir install \\\n -r a.txt", "a.txt / "),
            ("pip install -i https://x -r a.txt", "a.txt /  options"),
            ("uv pip install --system .", " / ."),
            ("pip wheel -r a.txt", ""),
            ("echo pip install x", ""),
        ] {
            let shown = |i: &Install| {
                let options = if i.options { " options" } else { "" };
                format!("{} / {}{options}", i.files.join(" "), i.packages.join(" "))
            };
            let got: Vec<_> = installs(script).iter().map(shown).collect();
            assert_eq!(got.join(" | "), want, "{script}");
        }
    }
}
