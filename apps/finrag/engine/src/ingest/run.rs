//! The run of an ingest: find, read, merge, write.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::facts::FactEntry;
use super::known::{Known, Remembered, Row, STATE};
use super::source::Source;
use super::submission::About;
use super::yields::Yield;
use super::{
    IngestError, IngestOptions, IngestReport, Progress, exhibit, facts, html, items, known, paged, plain,
    source, split, submission, write, xbrl, yields,
};
use crate::Embedder;
use crate::tables::companies::CompanyRow;
use crate::tables::sections::ITEMS;
use crate::tables::{COMPANIES, FACTS, SECTIONS, SENTENCES};

/// A filing read from a file.
struct Filing {
    about: About,
    rows: Vec<Row>,
    facts: Vec<FactEntry>,
    doc_id: String,
    /// What a reader should know of it.
    remark: Option<String>,
}

/// Reads filings into the tables, incrementally: a file whose digest is known is skipped, one that changed replaces its own rows.
/// With an embedder, sentences without a vector get one.
pub async fn run(
    options: IngestOptions,
    embedder: Option<&dyn Embedder>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<IngestReport, IngestError> {
    let found = source::find(&options.sources)?;
    progress(Progress::Found { files: found.filings.len() });
    let mut known = known::read(&options.into).await?;
    let mut report = IngestReport::default();
    let mut new_facts = facts::read(&found.facts)?;
    for source in found.filings {
        let refuse = |reason: String, report: &mut IngestReport| {
            progress(Progress::Refused { file: source.path.clone(), reason: reason.clone() });
            report.refused.push((source.path.clone(), reason));
        };
        let bytes = match tokio::fs::read(&source.path).await {
            Ok(bytes) => bytes,
            Err(error) => {
                refuse(error.to_string(), &mut report);
                continue;
            }
        };
        let digest = hex(&Sha256::digest(&bytes));
        let same = known.files.get(&source.name).is_some_and(|file| file.digest == digest);
        if same && !options.force {
            report.unchanged += 1;
            progress(Progress::Unchanged { file: source.path.clone() });
            continue;
        }
        match filing(&source, &String::from_utf8_lossy(&bytes), &known) {
            Ok(mut filing) => {
                report.read += 1;
                new_facts.append(&mut filing.facts);
                if let Some(remark) = &filing.remark {
                    report.remarks.push((source.path.clone(), remark.clone()));
                }
                progress(Progress::Read { file: source.path.clone(), sentences: filing.rows.len() });
                take(&mut known, &source.name, digest, filing);
            }
            Err(reason) => refuse(reason, &mut report),
        }
    }
    report.sentences = known.rows.len();
    report.facts = bulk(&found.company_facts, &found.data_sets, &mut known, &mut new_facts, &mut report)?;
    if report.read > 0 || report.facts > 0 {
        store(&options, &mut known, progress).await?;
    }
    if !new_facts.is_empty() {
        let before = facts::known(&options.into).await?;
        let merged = facts::merge(before.clone(), new_facts);
        if merged != before {
            let bytes = write::facts(&merged).map_err(|error| unwritable(FACTS, &options, &error))?;
            write::put(&options.into, FACTS, bytes).await?;
            progress(Progress::Written { file: FACTS.to_owned(), rows: merged.len() });
        }
    }
    if let Some(embedder) = embedder {
        super::embed(&options.into, embedder, progress).await?;
    }
    Ok(report)
}

/// Reads one filing.
fn filing(source: &Source, text: &str, known: &Known) -> Result<Filing, String> {
    let submission = submission::read(text)?;
    let tagged = xbrl::read(submission.body);
    let tagged = match submission.instance {
        Some(instance) if tagged.facts.is_empty() => xbrl::read(instance),
        Some(_) | None => tagged,
    };
    // The list first, then what the filing tags of itself, then its header, then its name.
    let about = source.listed.clone().or(tagged.about).or(submission.about).or(source.about.clone());
    let mut about = about;
    if about.cik.is_none() {
        let ticker = about.ticker.as_deref().unwrap_or_default();
        about.cik = known.companies.iter().find(|row| row.ticker == ticker).map(|row| row.cik);
    }
    let cik = about.cik.ok_or(
        "nothing says whose filing it is\nhint: name it CIK_10-K_YEAR.txt, or list it in filings.json with cik, company and year",
    )?;
    let year = about.year.ok_or(
        "nothing says of which year it is\nhint: name it CIK_10-K_YEAR.txt, or list it in filings.json",
    )?;
    let row = known.companies.iter().find(|row| row.cik == cik);
    let company =
        about.company.clone().or(row.map(|row| row.name.clone())).unwrap_or_else(|| format!("CIK {cik}"));
    about.company = Some(company.clone());
    about.cik = Some(cik);
    let plain = lines_of(submission.body);
    let mut items = items::split(&plain);
    let left = exhibit::left(&items);
    let exhibits = exhibit::wanted(&left, &submission.exhibits, lines_of);
    let text = exhibits.iter().fold(plain.clone(), |text, (_, exhibit)| text + exhibit);
    let mut pages = Vec::new();
    if exhibits.is_empty() && yields::is_little(&plain, lines(&items)) {
        pages = pages_of(submission.body);
    }
    let mut missing = exhibit::missing(&left, &exhibits);
    match paged::split(&pages) {
        Ok(paged) if yields::more(lines(&paged), lines(&items)) => (items, missing) = (paged, None),
        Err(reason) if items.is_empty() => return Err(reason.to_owned()),
        Ok(_) | Err(_) => {}
    }
    exhibit::lay_in(&mut items, &left, &exhibits);
    let doc_id = format!("{cik:010}_10-K_{year}");
    let mut rows = Vec::new();
    for item in items {
        let number = item.key.trim_start_matches("ITEM_");
        for (position, sentence) in (0..).zip(split::sentences(&item.lines)) {
            rows.push(Row {
                cik: cik as i64,
                company: company.clone(),
                year,
                doc_id: doc_id.clone(),
                section: item.key.to_owned(),
                position,
                sentence_id: format!("{doc_id}_section_{number}_{position}"),
                sentence,
            });
        }
    }
    let why = |said: String| match &missing {
        Some(missing) => format!("{missing}: {said}"),
        None => said,
    };
    let remark = match yields::weigh(&text, rows.iter().map(|row| row.sentence.as_str())) {
        Yield::Enough => missing,
        Yield::Little(remark) => Some(why(remark)),
        Yield::Failed(reason) => return Err(why(reason)),
    };
    let facts = tagged
        .facts
        .into_iter()
        .map(|fact| FactEntry {
            cik,
            ticker: about.ticker.clone().or(row.map(|row| row.ticker.clone())).unwrap_or_default(),
            form: fact.form.or(about.form.clone()),
            filed_date: about.filed.clone(),
            accession_no: about.accession.clone(),
            ..fact
        })
        .collect();
    Ok(Filing { about, rows, facts, doc_id, remark })
}

/// A document's lines, whichever way it was written.
fn lines_of(body: &str) -> String {
    if plain::is_html(body) { html::text(body) } else { plain::text(body) }
}

/// The same page by page, where a document tells where they end.
fn pages_of(body: &str) -> Vec<String> {
    if plain::is_html(body) { html::pages(body) } else { body.split("<PAGE>").map(plain::text).collect() }
}

fn lines<'i>(items: &'i [items::Item<'_>]) -> impl Iterator<Item = &'i str> {
    items.iter().flat_map(|item| item.lines.iter().copied())
}

/// Reads the SEC's bulk formats; gives the number of facts in them. A file that is none of them is refused and the others go on.
fn bulk(
    company_facts: &[PathBuf],
    data_sets: &[PathBuf],
    known: &mut Known,
    facts: &mut Vec<FactEntry>,
    report: &mut IngestReport,
) -> Result<usize, IngestError> {
    let mut count = 0;
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|source| IngestError::Source { path: path.to_owned(), source })
    };
    let mut take = |cik: u64, name: String, mut new: Vec<FactEntry>| {
        let row = match known.companies.iter().find(|row| row.cik == cik) {
            Some(row) => row.clone(),
            None => {
                let row = CompanyRow { cik, ticker: format!("CIK{cik}"), name, aliases: Vec::new() };
                known.companies.push(row.clone());
                row
            }
        };
        for fact in &mut new {
            fact.ticker.clone_from(&row.ticker);
        }
        count += new.len();
        facts.append(&mut new);
    };
    for path in company_facts {
        let text = read(path)?;
        if !xbrl::is_company_facts(&text) {
            continue;
        }
        match xbrl::read_company_facts(&text) {
            Ok((cik, name, new)) => take(cik, name, new),
            Err(reason) => report.refused.push((path.clone(), reason)),
        }
    }
    for folder in data_sets {
        let tag = read(&folder.join("tag.txt")).unwrap_or_default();
        let (companies, new) =
            xbrl::read_data_set(&read(&folder.join("num.txt"))?, &read(&folder.join("sub.txt"))?, &tag);
        let mut by_company: BTreeMap<u64, Vec<FactEntry>> = BTreeMap::new();
        for fact in new {
            by_company.entry(fact.cik).or_default().push(fact);
        }
        for (cik, new) in by_company {
            take(cik, companies.get(&cik).cloned().unwrap_or_default(), new);
        }
    }
    Ok(count)
}

/// Takes a filing in, in the place of what the file or the document was before.
fn take(known: &mut Known, name: &str, digest: String, filing: Filing) {
    let before = known.files.insert(name.to_owned(), Remembered { digest, doc_id: filing.doc_id.clone() });
    let old = before.map(|file| file.doc_id);
    known.rows.retain(|row| row.doc_id != filing.doc_id && Some(&row.doc_id) != old.as_ref());
    known.rows.extend(filing.rows);
    let (Some(cik), Some(company)) = (filing.about.cik, filing.about.company) else { return };
    match known.companies.iter_mut().find(|row| row.cik == cik) {
        Some(row) => {
            if let Some(ticker) = filing.about.ticker {
                row.ticker = ticker;
            }
        }
        None => known.companies.push(CompanyRow {
            cik,
            ticker: filing.about.ticker.unwrap_or_else(|| format!("CIK{cik}")),
            name: company,
            aliases: Vec::new(),
        }),
    }
}

async fn store(
    options: &IngestOptions,
    known: &mut Known,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(), IngestError> {
    let place = |row: &Row| ITEMS.iter().position(|(item, _)| *item == row.section);
    known.rows.sort_by(|a, b| (&a.doc_id, place(a), a.position).cmp(&(&b.doc_id, place(b), b.position)));
    let bytes = write::sentences(&known.rows).map_err(|error| unwritable(SENTENCES, options, &error))?;
    write::put(&options.into, SENTENCES, bytes).await?;
    progress(Progress::Written { file: SENTENCES.to_owned(), rows: known.rows.len() });
    let sections: Vec<_> =
        ITEMS.iter().map(|(item, name)| serde_json::json!({"item": item, "name": name})).collect();
    write::put(&options.into, COMPANIES, pretty(&known.companies)).await?;
    write::put(&options.into, SECTIONS, pretty(&sections)).await?;
    // Last: a run that broke off before this reads its files again.
    write::put(&options.into, STATE, pretty(&known.files)).await?;
    Ok(())
}

fn pretty(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn unwritable(file: &str, options: &IngestOptions, error: &parquet::errors::ParquetError) -> IngestError {
    IngestError::Write {
        file: file.to_owned(),
        root: options.into.label().to_owned(),
        source: object_store::Error::Generic { store: "parquet", source: error.to_string().into() },
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
