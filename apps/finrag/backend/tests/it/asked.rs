//! Who and what is asked: `eval/asked.json`, kind by kind, over the demo corpus.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::world::{World, in_folder};

fn app() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

async fn demo() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("folder");
    for file in ["sentences.parquet", "kpi_facts.parquet", "companies.json", "sections.json"] {
        std::fs::copy(app().join("data").join(file), folder.path().join(file)).expect("the demo is there");
    }
    let world = World::start(in_folder(folder.path())).await;
    world.until_healthy().await;
    (world, folder)
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether an answer is what its kind of question needs.
fn is_right(kind: &str, expect: &Value, body: &Value) -> bool {
    let answer = body["answer"].as_str().unwrap_or_default();
    let out_of_scope = body["metadata"]["llm"]["stop_reason"] == "out_of_scope";
    let sources = body["sources"].as_array().cloned().unwrap_or_default();
    let facts: Vec<&Value> = sources.iter().filter(|source| source["kind"] == "fact").collect();
    let mut tickers: Vec<&str> = sources.iter().filter_map(|source| source["ticker"].as_str()).collect();
    tickers.sort_unstable();
    tickers.dedup();
    let asked_for =
        |metric: &str| texts(&body["metadata"]["context"]["kpi_entities"]["metrics"]).contains(&metric);
    match kind {
        "not-in-data" => {
            let name = expect["names"].as_str().expect("a name");
            out_of_scope && sources.is_empty() && answer.contains(name)
        }
        "off-topic" => out_of_scope && answer.contains("You can ask about"),
        "typo" => {
            facts.iter().any(|fact| fact["ticker"] == expect["ticker"])
                && asked_for(expect["metric"].as_str().expect("a metric"))
        }
        "quarter" => {
            let others = tickers.iter().any(|ticker| expect["ticker"] != **ticker);
            facts.is_empty() && body["kpi"].is_null() && answer.contains("no quarters") && !others
        }
        "only-theirs" => {
            // Nothing of theirs is an answer, as long as it is said; another's sentence is none.
            let said = !tickers.is_empty() || answer.contains("no sentence and no figure of");
            said && tickers.iter().all(|ticker| expect["ticker"] == **ticker)
        }
        "thing" => {
            // A product is no company that is missing, and a company's figure is not its.
            !out_of_scope
                && facts.is_empty()
                && !answer.contains("No filing of")
                && tickers == [expect["ticker"].as_str().expect("a ticker")]
        }
        "comparison" => {
            let mut wanted = texts(&expect["tickers"]);
            wanted.sort_unstable();
            tickers == wanted
        }
        "follow-up" => {
            let companies = &body["metadata"]["context"]["rag_entities"]["companies"];
            tickers.iter().all(|ticker| expect["ticker"] == **ticker)
                && companies.as_array().is_some_and(|list| list.len() == 1)
                && companies[0]["ticker"] == expect["ticker"]
                && expect["metric"].as_str().is_none_or(asked_for)
                && expect["year"]
                    .as_i64()
                    .is_none_or(|year| sources.iter().any(|source| source["year"] == year))
        }
        other => panic!("no such kind: {other}"),
    }
}

#[tokio::test]
async fn every_kind_of_question_is_answered_as_it_must_be() {
    let (world, _folder) = demo().await;
    let file = std::fs::read_to_string(app().join("eval/asked.json")).expect("the questions are there");
    let file: Value = serde_json::from_str(&file).expect("JSON");
    let questions = file["questions"].as_array().expect("a list");
    assert!(questions.len() >= 120);
    let mut wrong = Vec::new();
    for question in questions {
        let earlier = question.get("earlier").cloned().unwrap_or_else(|| json!([]));
        let body = json!({ "question": question["question"], "earlier": earlier, "text": "plain" });
        let reply = world.post("/query", &body).await;
        let kind = question["kind"].as_str().expect("a kind");
        if reply.status != 200 || !is_right(kind, &question["expect"], &reply.body) {
            wrong.push(format!("{}: {} -> {}", question["id"], question["question"], reply.body["answer"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), questions.len(), wrong.join("\n\n"));
}

#[tokio::test]
async fn how_a_question_was_read_is_said() {
    let (world, _folder) = demo().await;
    for (question, earlier, said) in [
        ("What was Apple's revenu in 2023?", vec![], "“revenu” is read as “revenue”."),
        (
            "And what about their debt?",
            vec!["What was Apple's revenue in 2023?"],
            "Read on from the question before: Apple Inc.",
        ),
        ("Compare the revenue of Apple and Dell in 2023", vec![], "No filing of “Dell” is in the data."),
    ] {
        let body = json!({ "question": question, "earlier": earlier, "text": "plain" });
        let reply = world.post("/query", &body).await;
        assert!(
            reply.body["answer"].as_str().is_some_and(|answer| answer.contains(said)),
            "{}",
            reply.body["answer"]
        );
    }
}

#[tokio::test]
async fn a_product_s_sales_are_not_its_company_s() {
    let (world, _folder) = demo().await;
    let body = json!({ "question": "What was Prime membership revenue in 2023?", "text": "plain" });
    let reply = world.post("/query", &body).await.body;
    let answer = reply["answer"].as_str().expect("text");
    assert!(
        answer.contains("none of “Prime” alone") && answer.contains("Prime members pay a fee"),
        "{answer}"
    );
    assert!(!answer.contains("574.8"), "Amazon's whole revenue: {answer}");
}
