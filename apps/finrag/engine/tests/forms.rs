//! Filings as they come: in the forms of three decades, with their faults. All texts are our own.

mod common;

use std::fmt::Write;

use common::{engine, ingested};

/// A filing of a made-up company, enough of it that its yield is none of the matter.
fn listed(name: &str, body: &str) -> Vec<(String, String)> {
    let list = format!(
        r#"[{{"file": "{name}", "cik": 11, "company": "BRIDGE CO", "ticker": "BRDG", "year": 2001}}]"#
    );
    vec![(name.to_owned(), body.to_owned()), ("filings.json".to_owned(), list)]
}

async fn sentences(files: &[(String, String)]) -> String {
    let files: Vec<(&str, String)> = files.iter().map(|(name, body)| (name.as_str(), body.clone())).collect();
    let (_folder, root, report) = ingested(&files).await;
    let mut shown = String::new();
    for (file, reason) in report.refused.iter().chain(&report.remarks) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let _ = writeln!(shown, "{name}: {}", reason.lines().next().unwrap_or_default());
    }
    if report.read == 0 {
        return shown;
    }
    let engine = engine(&root).await;
    for item in ["1", "1A", "7", "8"] {
        let passage = engine.neighbours(&format!("0000000011_10-K_2001_section_{item}_0"), 50);
        for sentence in passage.into_iter().flat_map(|passage| passage.sentences) {
            let _ = writeln!(shown, "{item} {}", sentence.text);
        }
    }
    shown
}

#[tokio::test]
async fn every_form_keeps_its_text() {
    for (name, file, body, expected) in [
        (
            "page headers that repeat the item",
            "a.htm",
            "<html><body><p>PART II</p><p>Item 7</p><p>ITEM 7. DISCUSSION</p><p>More was sold.</p><p>12</p><p>PART II</p><p>Item 7</p>\
             <p>Cash rose.</p><p>13</p><p>PART II</p><p>Item 7</p><p>Debt fell.</p></body></html>",
            // Headers are no part of what it says, and in a filing as short as this they are half of its letters.
            "a.htm: only 53 % of its text stands under a heading such as \"Item 7\"\n7 ITEM 7. DISCUSSION\n7 More was sold.\n7 Cash rose.\n7 Debt fell.\n",
        ),
        (
            "text with EDGAR's own tags",
            "a.txt",
            "<PAGE>\nItem 1. Business\nWe make things and sell them in many\ncountries.\n<TABLE>\n<S> <C>\nSales 5\n</TABLE>\n",
            "1 Item 1. Business\n1 We make things and sell them in many countries.\n1 Sales 5\n",
        ),
        (
            "lines wrapped before a capital",
            "a.txt",
            "Item 1. Business\nWe build bridges in four towns, and rent out\nwhat we do not need.  In\nMay the yard in the north was\nlet to a Dutch firm.\n",
            "1 Item 1. Business\n1 We build bridges in four towns, and rent out what we do not need.\n1 In May the yard in the north was let to a Dutch firm.\n",
        ),
        (
            "a heading longer than most",
            "a.htm",
            "<html><body><p>Item 6—Reserved</p><p>Item 7—Management's Discussion and Analysis of Financial Condition and Results of Operations (in millions, but for \
             figures a share, and the numbers of shares, of bridges, of towns and of the people who build and mend them)</p><p>Sales rose.</p></body></html>",
            "7 Item 7—Management's Discussion and Analysis of Financial Condition and Results of Operations (in millions, but for figures a share, and the numbers of shares, of bridges, of towns and of the people who build and mend them)\n7 Sales rose.\n",
        ),
        (
            "an annual report that the items refer to",
            "a.txt",
            "<SEC-HEADER>\nACCESSION NUMBER: 0000000011-02-000001\n</SEC-HEADER>\n<DOCUMENT>\n<TYPE>10-K\n<TEXT>\nItem 7. Discussion\nIncorporated by reference.\n\
             Item 8. Statements\nSee exhibit 13.\n</TEXT>\n</DOCUMENT>\n<DOCUMENT>\n<TYPE>EX-13\n<TEXT>\nMore was sold.\n\nConsolidated Balance Sheets\n\nCash was 5.\n</TEXT>\n</DOCUMENT>\n",
            "7 Item 7. Discussion\n7 Incorporated by reference.\n7 More was sold.\n8 Item 8. Statements\n8 See exhibit 13.\n8 Consolidated Balance Sheets\n8 Cash was 5.\n",
        ),
        (
            "a filing of which little stands under a heading",
            "a.txt",
            "We write all that matters before the first heading, and much of it, at length.\nItem 1. Business\nWe build all sorts of bridges.\n",
            "a.txt: only 38 % of its text stands under a heading such as \"Item 7\"\n1 Item 1. Business\n1 We build all sorts of bridges.\n",
        ),
        (
            "a filing of which next to nothing does",
            "a.txt",
            "We write all that matters before the first heading, and much of it, at such length that what comes after the heading is hardly worth reading, as many people have found who tried.\nItem 1. It\n",
            "a.txt: only 5 % of its text stands under a heading such as \"Item 7\"\n",
        ),
    ] {
        assert_eq!(sentences(&listed(file, body)).await, expected, "{name}");
    }
}
