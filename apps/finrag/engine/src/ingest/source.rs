//! Finding filings on disk, and what is known of each beside what it says.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::IngestError;
use super::submission::About;

/// A folder's list of what its files are: `filings.json`.
const MANIFEST: &str = "filings.json";
/// A folder's figures, to be merged into the facts: `facts.json`.
pub(crate) const FACTS: &str = "facts.json";

/// A file to read.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// Its path below the folder it was found in: what it is remembered by.
    pub(crate) name: String,
    /// What the manifest or the file's name says.
    pub(crate) about: About,
}

#[derive(Debug, Deserialize)]
struct Entry {
    file: String,
    #[serde(default)]
    cik: Option<u64>,
    #[serde(default)]
    company: Option<String>,
    #[serde(default)]
    ticker: Option<String>,
    #[serde(default)]
    year: Option<i32>,
}

/// Every file of the sources that can be a filing, in order; and the fact files beside them.
pub(crate) fn find(sources: &[PathBuf]) -> Result<(Vec<Source>, Vec<PathBuf>), IngestError> {
    let mut found = Vec::new();
    let mut facts = Vec::new();
    for root in sources {
        let meta =
            std::fs::metadata(root).map_err(|source| IngestError::Source { path: root.clone(), source })?;
        if meta.is_file() {
            let folder = root.parent().map_or_else(PathBuf::new, Path::to_path_buf);
            let manifest = manifest(&folder)?;
            found.push(source(&folder, root.clone(), &manifest));
            continue;
        }
        let manifest = manifest(root)?;
        let mut folders = vec![root.clone()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            let read = |source| IngestError::Source { path: folder.clone(), source };
            for entry in std::fs::read_dir(&folder).map_err(read)? {
                let path = entry.map_err(read)?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name().is_some_and(|name| name == FACTS) {
                    facts.push(path);
                } else if path.extension().and_then(|end| end.to_str()).is_some_and(|end| {
                    ["txt", "htm", "html"].iter().any(|known| end.eq_ignore_ascii_case(known))
                }) {
                    files.push(path);
                }
            }
        }
        files.sort();
        found.extend(files.into_iter().map(|path| source(root, path, &manifest)));
    }
    facts.sort();
    Ok((found, facts))
}

fn manifest(folder: &Path) -> Result<Vec<Entry>, IngestError> {
    let path = folder.join(MANIFEST);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| IngestError::Source {
            path,
            source: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(IngestError::Source { path, source }),
    }
}

fn source(root: &Path, path: PathBuf, manifest: &[Entry]) -> Source {
    let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
    let mut about = from_name(&name);
    if let Some(entry) = manifest.iter().find(|entry| entry.file == name) {
        about.cik = entry.cik.or(about.cik);
        about.year = entry.year.or(about.year);
        about.company = entry.company.clone();
        about.ticker = entry.ticker.clone().or(about.ticker);
    }
    Source { path, name, about }
}

/// `0001652044_10-K_2019.txt` and `GOOGL_2019.htm` say what they are.
fn from_name(name: &str) -> About {
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let mut about = About::default();
    for part in stem.split(['_', ' ']) {
        let digits = part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty();
        if digits && part.len() == 4 && (part.starts_with("19") || part.starts_with("20")) {
            about.year = part.parse().ok();
        } else if digits && part.len() >= 5 {
            about.cik = part.parse().ok();
        } else if about.ticker.is_none()
            && part.len() <= 5
            && part.chars().all(|c| c.is_ascii_uppercase() || c == '.')
        {
            about.ticker = Some(part.to_owned());
        }
    }
    about
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_files_are() {
        let cik = from_name("0001652044_10-K_2019.txt");
        assert_eq!((cik.cik, cik.year, cik.ticker), (Some(1_652_044), Some(2019), None));
        let ticker = from_name("sub/GOOGL_2020.htm");
        assert_eq!((ticker.cik, ticker.year, ticker.ticker.as_deref()), (None, Some(2020), Some("GOOGL")));
    }
}
