//! The binary itself: ports, signals, and the other subcommands.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::corpus;

const FINRAG: &str = env!("CARGO_BIN_EXE_finrag");

fn finrag(folder: &Path) -> Command {
    let mut command = Command::new(FINRAG);
    command.current_dir(folder).env_clear().env("FINRAG_DATA", "data").env("RUST_LOG", "info");
    command
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

fn with_data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::create_dir(folder.path().join("data")).expect("folder");
    corpus::write(&folder.path().join("data"));
    folder
}

#[tokio::test]
async fn sigterm_ends_it_well_and_the_log_is_written() {
    let folder = with_data();
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("address").port();
    let child = finrag(folder.path())
        .env("FINRAG_LISTEN", format!("127.0.0.1:{port}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let http = crate::world::http();
    let url = format!("http://127.0.0.1:{port}");
    let question = json!({ "question": "What was the revenue of Acme Robotics in 2023?" });
    let mut status = 0;
    for _ in 0..1200 {
        if let Ok(reply) = http.post(format!("{url}/query")).json(&question).send().await {
            status = reply.status().as_u16();
            if status == 200 {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status, 200);
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    let output =
        tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("joins").expect("ended");
    assert!(output.status.success(), "{:?}", text(&output));
    let segments = std::fs::read_dir(folder.path().join("data/logs/queries")).expect("folder").count();
    assert_eq!(segments, 1);
}

#[test]
fn a_mistake_in_the_settings_is_told_with_a_hint() {
    let folder = with_data();
    for (name, value, expected) in [
        ("FINRAG_REFRESH", "sometimes", "no duration\nhint:"),
        ("FINRAG_MODEL", "gpt-9", "hint: known are extractive"),
        ("FINRAG_DATA", "gs://bucket", "hint: give a folder, or s3://"),
        ("FINRAG_LLM", "oracle", "possible values: extractive, bedrock, openai"),
        ("FINRAG_EMBED", "minilm", "FINRAG_EMBED_MODEL"),
    ] {
        let output = finrag(folder.path()).env(name, value).output().expect("ran");
        let (_, errors) = text(&output);
        assert!(!output.status.success(), "{name}");
        assert!(errors.contains(expected), "{name}: {errors}");
    }
}

#[test]
fn eval_prints_a_table_or_json() {
    let folder = with_data();
    let questions = json!({ "questions": [
        {
            "id": "battery",
            "question": "Which component of Acme Robotics comes from a single supplier in 2023?",
            "difficulty": "local",
            "expected": ["ACME_2023_ITEM_1A_1"],
        },
        {
            "id": "revenue",
            "question": "What was the revenue of Acme Robotics in 2023?",
            "difficulty": "kpi",
            "figures": [{ "ticker": "ACME", "year": 2023, "metric": "revenue", "value": 2.25e9 }],
        },
    ] });
    std::fs::write(folder.path().join("questions.json"), questions.to_string()).expect("written");
    let output = finrag(folder.path()).args(["eval", "questions.json"]).output().expect("ran");
    let (table, errors) = text(&output);
    assert!(output.status.success(), "{errors}");
    assert!(table.starts_with("regime     difficulty       questions   Hit@5"), "{table}");
    assert!(table.contains("filtered   local                    1  100.0%"), "{table}");
    assert!(table.contains("figures    exact: 1 of 1 (100.0%)"), "{table}");

    let output = finrag(folder.path()).args(["eval", "questions.json", "--json"]).output().expect("ran");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&report["figures_found"], &report["figures_asked"]), (&json!(1), &json!(1)));

    let output = finrag(folder.path()).args(["eval", "none.json"]).output().expect("ran");
    assert!(!output.status.success() && text(&output).1.contains("none.json"));
}

#[test]
fn ingest_builds_tables_that_serve() {
    let folder = tempfile::tempdir().expect("folder");
    let filings = folder.path().join("filings");
    std::fs::create_dir(&filings).expect("folder");
    let filing = "<SEC-DOCUMENT>0001000003-24-000001.txt : 20240215\n<SEC-HEADER>\nACCESSION NUMBER:\t\t0001000003-24-000001\n\
        CONFORMED SUBMISSION TYPE:\t10-K\nCONFORMED PERIOD OF REPORT:\t20231231\nFILED AS OF DATE:\t\t20240215\n\nFILER:\n\n\
        \tCOMPANY DATA:\n\t\tCOMPANY CONFORMED NAME:\t\t\tCopperfield Mining Inc\n\t\tCENTRAL INDEX KEY:\t\t\t0001000003\n\
        </SEC-HEADER>\n<DOCUMENT>\n<TYPE>10-K\n<TEXT>\n<html><body><p><b>Item 1. Business</b></p>\n\
        <p>Copperfield Mining operates three open pit mines in Chile. The ore is shipped from the port of Antofagasta every week. \
        Our mills crush forty thousand tonnes of ore a day.</p>\n<p><b>Item 1A. Risk Factors</b></p>\n\
        <p>Droughts may leave our mills without the water they need. The price of copper changes without warning.</p>\n\
        </body></html>\n</TEXT>\n</DOCUMENT>\n</SEC-DOCUMENT>\n";
    std::fs::write(filings.join("0001000003-24-000001.txt"), filing).expect("written");
    let output = finrag(folder.path()).args(["ingest", "filings"]).output().expect("ran");
    let (_, errors) = text(&output);
    assert!(output.status.success(), "{errors}");
    assert!(
        folder.path().join("data/sentences.parquet").exists()
            || folder.path().join("data/sentences").exists()
    );
    assert!(errors.contains("ingested") && errors.contains("read=1"), "{errors}");
    // The second time nothing is left to do.
    let output = finrag(folder.path()).args(["ingest", "filings"]).output().expect("ran");
    assert!(text(&output).1.contains("unchanged=1"), "{}", text(&output).1);
    let questions = json!([{ "id": "w", "question": "What could leave the mills of Copperfield Mining without water?", "expected": [] }]);
    std::fs::write(folder.path().join("q.json"), questions.to_string()).expect("written");
    let output = finrag(folder.path()).args(["eval", "q.json"]).output().expect("ran");
    assert!(output.status.success(), "{}", text(&output).1);
}
