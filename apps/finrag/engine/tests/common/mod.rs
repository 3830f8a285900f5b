//! What the tests share: small filings of our own writing, and where the corpora are.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::path::{Path, PathBuf};

use finrag_engine::ingest::{IngestOptions, IngestReport, run};
use finrag_engine::{DataRoot, Engine, LoadOptions};

/// A filing as a submission to EDGAR looks.
pub(crate) fn submission(cik: u64, name: &str, year: i32, risk: &str) -> String {
    format!(
        "<SEC-DOCUMENT>x.txt\n<SEC-HEADER>\nACCESSION NUMBER:\t0000000001-{:02}-000001\nCONFORMED SUBMISSION TYPE:\t10-K\n\
         CONFORMED PERIOD OF REPORT:\t{year}1231\nFILED AS OF DATE:\t{}0201\n\tCOMPANY CONFORMED NAME:\t{name}\n\
         \tCENTRAL INDEX KEY:\t{cik:010}\n</SEC-HEADER>\n<DOCUMENT>\n<TYPE>10-K\n<TEXT>\n<html><body>\
         <p>Item 1. Business 2</p><p>Item 1A. Risk Factors 3</p>\
         <p>Item 1. Business</p><p>{name} builds wooden bridges for villages. It was founded by two carpenters. Its customers are mostly municipalities. \
         Orders arrive in spring. Bridges are assembled in autumn.</p>\
         <p>Item 1A. Risk Factors</p><p>{risk}</p><p>A dry summer makes timber expensive.</p>\
         <p>Item 7. Management's Discussion</p><p>In {year} revenue increased because more bridges were delivered.</p>\
         </body></html>\n</TEXT>\n</DOCUMENT>\n",
        year % 100 + 1,
        year + 1,
    )
}

/// Ingests files (name, content) into a folder and gives both.
pub(crate) async fn ingested(files: &[(&str, String)]) -> (tempfile::TempDir, DataRoot, IngestReport) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let sources = folder.path().join("filings");
    std::fs::create_dir_all(&sources).expect("a folder can be made");
    for (name, content) in files {
        std::fs::write(sources.join(name), content).expect("a file can be written");
    }
    let root = DataRoot::parse(&folder.path().join("data").to_string_lossy()).expect("a folder is a root");
    let report = ingest(&sources, &root).await;
    (folder, root, report)
}

/// Ingests a folder.
pub(crate) async fn ingest(sources: &Path, root: &DataRoot) -> IngestReport {
    let options = IngestOptions { sources: vec![sources.to_owned()], into: root.clone(), force: false };
    run(options, None, &|_| {}).await.expect("the filings can be ingested")
}

/// Loads a root.
pub(crate) async fn engine(root: &DataRoot) -> Engine {
    Engine::load(root, LoadOptions::default()).await.expect("the tables load")
}

/// The app's folder.
pub(crate) fn app() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The development corpus, or a message that says why a test is skipped.
pub(crate) fn corpus() -> Option<DataRoot> {
    let folder = std::env::var("FINRAG_CORPUS").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/finrag"),
        PathBuf::from,
    );
    if !folder.join("sentences.parquet").is_file() {
        eprintln!("skipped: no development corpus at {} (set FINRAG_CORPUS)", folder.display());
        return None;
    }
    Some(DataRoot::parse(&folder.to_string_lossy()).expect("a folder is a root"))
}
