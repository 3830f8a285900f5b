//! Finding filings on disk, and what is known of each beside what it says.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::submission::About;
use super::{IngestError, xbrl};

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
    /// What the folder's list says.
    pub(crate) listed: About,
    /// What the file's name says.
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

/// What the sources hold.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Files that can be filings, in order.
    pub(crate) filings: Vec<Source>,
    /// Fact files of ours.
    pub(crate) facts: Vec<PathBuf>,
    /// `companyfacts` files of the SEC.
    pub(crate) company_facts: Vec<PathBuf>,
    /// Folders with Financial Statement Data Sets.
    pub(crate) data_sets: Vec<PathBuf>,
}

/// Files of a data set, which are no filings.
const DATA_SET: &[&str] = &["num.txt", "sub.txt", "tag.txt", "pre.txt", "ren.txt", "cal.txt"];

/// Every file of the sources that is of use.
pub(crate) fn find(sources: &[PathBuf]) -> Result<Found, IngestError> {
    let Found { filings: mut found, mut facts, mut company_facts, mut data_sets } = Found::default();
    for root in sources {
        let meta =
            std::fs::metadata(root).map_err(|source| IngestError::Source { path: root.clone(), source })?;
        if meta.is_file() {
            if is_json(root) {
                company_facts.push(root.clone());
                continue;
            }
            let folder = root.parent().map_or_else(PathBuf::new, Path::to_path_buf);
            let manifest = manifest(&folder)?;
            found.push(source(&folder, root.clone(), &manifest));
            continue;
        }
        let manifest = manifest(root)?;
        let mut folders = vec![root.clone()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            let is_data_set = xbrl::is_data_set(&folder);
            if is_data_set {
                data_sets.push(folder.clone());
            }
            let read = |source| IngestError::Source { path: folder.clone(), source };
            for entry in std::fs::read_dir(&folder).map_err(read)? {
                let path = entry.map_err(read)?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name().is_some_and(|name| name == FACTS) {
                    facts.push(path);
                } else if is_json(&path) {
                    company_facts.push(path);
                } else if is_filing(&path) && !(is_data_set && name_is(&path, DATA_SET)) {
                    files.push(path);
                }
            }
        }
        files.sort();
        found.extend(files.into_iter().map(|path| source(root, path, &manifest)));
    }
    facts.sort();
    company_facts.sort();
    data_sets.sort();
    Ok(Found { filings: found, facts, company_facts, data_sets })
}

fn name_is(path: &Path, names: &[&str]) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| names.contains(&name))
}

fn is_filing(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
    ["txt", "htm", "html"].iter().any(|known| end.eq_ignore_ascii_case(known))
}

/// Any JSON but what is ours; whether it is the SEC's, its content says.
fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json")) && !name_is(path, &[MANIFEST, FACTS])
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
    let listed =
        manifest.iter().find(|entry| entry.file == name).map_or_else(About::default, |entry| About {
            cik: entry.cik,
            year: entry.year,
            company: entry.company.clone(),
            ticker: entry.ticker.clone(),
            ..About::default()
        });
    if about.accession.is_none() {
        about.accession = accession(&path);
    }
    Source { path, name, listed, about }
}

/// The accession number that a path has as one of its parts, as downloads from EDGAR do.
fn accession(path: &Path) -> Option<String> {
    let is_number = |part: &str| {
        let digits: Vec<&str> = part.split('-').collect();
        let lengths: Vec<usize> = digits.iter().map(|part| part.len()).collect();
        lengths == [10, 2, 6] && digits.concat().bytes().all(|byte| byte.is_ascii_digit())
    };
    path.iter()
        .rev()
        .filter_map(|part| part.to_str())
        .map(|part| part.split('.').next().unwrap_or(part))
        .find(|part| is_number(part))
        .map(str::to_owned)
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
        let path = Path::new("10-K/ABC/0000123456-24-000012/primary-document.html");
        assert_eq!(accession(path).as_deref(), Some("0000123456-24-000012"));
        assert_eq!(accession(Path::new("10-K/ABC/2024-01-02.html")), None);
    }
}
