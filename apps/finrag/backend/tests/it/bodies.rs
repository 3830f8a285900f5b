//! Bodies, field by field, as the original service's Streamlit client reads them.

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::world::World;

/// Every leaf's path and type, one a line; of a list the first element speaks for all.
fn shape(value: &Value) -> String {
    fn walk(path: &str, value: &Value, lines: &mut Vec<String>) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                fields.iter().for_each(|(name, value)| walk(&format!("{path}.{name}"), value, lines));
            }
            Value::Array(items) if !items.is_empty() => walk(&format!("{path}[]"), &items[0], lines),
            Value::Object(_) => lines.push(format!("{path}: object")),
            Value::Array(_) => lines.push(format!("{path}: list")),
            Value::Null => lines.push(format!("{path}: null")),
            Value::Bool(_) => lines.push(format!("{path}: bool")),
            Value::Number(number) if number.is_f64() => lines.push(format!("{path}: float")),
            Value::Number(_) => lines.push(format!("{path}: int")),
            Value::String(_) => lines.push(format!("{path}: text")),
        }
    }
    let mut lines = Vec::new();
    walk("", value, &mut lines);
    lines.join("\n")
}

fn check(value: &Value, expected: Expect) {
    expected.assert_eq(&shape(value));
}

#[tokio::test]
async fn what_the_original_client_reads_is_where_it_looks() {
    let world = World::keyless().await;
    check(&world.get("/").await.body, expect![[""]]);
    check(&world.get("/health").await.body, expect![[""]]);
    let mut answer = world.ask("What was the revenue of Acme Robotics from 2021 to 2023?").await.body;
    check(&answer["metadata"]["llm"], expect![[""]]);
    let stats = answer["metadata"]["context"]["retrieval_stats"].take();
    check(&answer["metadata"], expect![[""]]);
    check(&answer["kpi"], expect![[""]]);
    check(&answer["sources"], expect![[""]]);
    // The client takes any body with an `error` in it for one.
    let names: Vec<_> = answer.as_object().expect("object").keys().map(String::as_str).collect();
    assert_eq!(names, ["answer", "context", "kpi", "metadata", "query", "sources"]);
    for told in ["stages", "embedding", "timings", "bm25_candidates", "hits", "sentences", "citations"] {
        assert!(!stats[told].is_null(), "{told} is missing in {stats}");
    }
    assert!(stats["bm25_candidates"].as_u64() > Some(0) && stats["stages"]["retrieval_ms"].as_f64() > Some(0.0));
}

#[tokio::test]
async fn what_the_frontend_reads_is_where_it_looks() {
    let world = World::keyless().await;
    check(&world.get("/meta").await.body, expect![[""]]);
    check(&world.get("/sentences/ACME_2023_ITEM_1A_2?around=1").await.body, expect![[""]]);
    check(&world.get("/stats").await.body, expect![[""]]);
}
