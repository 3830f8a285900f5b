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
    check(
        &world.get("/").await.body,
        expect![[r#"
        .docs: text
        .health: text
        .service: text
        .status: text
        .version: text"#]],
    );
    check(
        &world.get("/health").await.body,
        expect![[r#"
        .aws_configured: bool
        .model_root_exists: bool
        .status: text
        .timestamp: text"#]],
    );
    let mut answer = world.ask("What was the revenue of Acme Robotics from 2021 to 2023?").await.body;
    check(
        &answer["metadata"]["llm"],
        expect![[r#"
        .cost: float
        .input_tokens: int
        .model_id: text
        .output_tokens: int
        .stop_reason: text
        .total_tokens: int"#]],
    );
    let stats = answer["metadata"]["context"]["retrieval_stats"].take();
    check(
        &answer["metadata"],
        expect![[r#"
        .context.context_length: int
        .context.kpi_entities.companies[].matched: text
        .context.kpi_entities.companies[].name: text
        .context.kpi_entities.companies[].ticker: text
        .context.kpi_entities.facts: int
        .context.kpi_entities.metrics[]: text
        .context.kpi_entities.sections: list
        .context.kpi_entities.topics: list
        .context.kpi_entities.years[]: int
        .context.kpi_included: bool
        .context.rag_entities.companies[].matched: text
        .context.rag_entities.companies[].name: text
        .context.rag_entities.companies[].ticker: text
        .context.rag_entities.metrics[]: text
        .context.rag_entities.sections: list
        .context.rag_entities.sentences: int
        .context.rag_entities.topics: list
        .context.rag_entities.years[]: int
        .context.rag_included: bool
        .context.retrieval_stats: null
        .llm.cost: float
        .llm.input_tokens: int
        .llm.model_id: text
        .llm.output_tokens: int
        .llm.stop_reason: text
        .llm.total_tokens: int
        .processing_time_ms: float
        .timestamp: text"#]],
    );
    check(
        &answer["kpi"],
        expect![[r#"
        .series[].company: text
        .series[].label: text
        .series[].metric: text
        .series[].points[].value: float
        .series[].points[].year: int
        .series[].ticker: text
        .series[].unit: text"#]],
    );
    check(
        &answer["sources"],
        expect![[r#"
            [].accession_no: text
            [].company: text
            [].filing_url: text
            [].kind: text
            [].label: text
            [].metric: text
            [].metric_label: text
            [].n: int
            [].ticker: text
            [].unit: text
            [].value: float
            [].year: int"#]],
    );
    // The client takes any body with an `error` in it for one.
    let names: Vec<_> = answer.as_object().expect("object").keys().map(String::as_str).collect();
    assert_eq!(names, ["answer", "context", "kpi", "metadata", "query", "sources"]);
    for told in ["stages", "embedding", "timings", "bm25_candidates", "hits", "sentences", "citations"] {
        assert!(!stats[told].is_null(), "{told} is missing in {stats}");
    }
    assert!(
        stats["bm25_candidates"].as_u64() > Some(0) && stats["stages"]["retrieval_ms"].as_f64() > Some(0.0)
    );
}

#[tokio::test]
async fn what_the_frontend_reads_is_where_it_looks() {
    let world = World::keyless().await;
    check(
        &world.get("/meta").await.body,
        expect![[r#"
        .companies[].cik: int
        .companies[].name: text
        .companies[].rows: int
        .companies[].ticker: text
        .companies[].years[]: int
        .facts: int
        .metrics[].facts: int
        .metrics[].key: text
        .metrics[].label: text
        .metrics[].unit: text
        .models[].input_price_per_1k: float
        .models[].key: text
        .models[].model_id: text
        .models[].output_price_per_1k: float
        .rows: int
        .sections[].item: text
        .sections[].name: text
        .sections[].rows: int
        .vectors: int"#]],
    );
    check(
        &world.get("/sentences/ACME_2023_ITEM_1A_2?around=1").await.body,
        expect![[r#"
        .company: text
        .doc_id: text
        .header: text
        .section: text
        .sentences[].hit: bool
        .sentences[].position: int
        .sentences[].sentence_id: text
        .sentences[].text: text
        .ticker: text
        .year: int"#]],
    );
    check(
        &world.get("/stats").await.body,
        expect![[r#"
        .average_cost: float
        .by_model: list
        .cost: float
        .dropped: int
        .errors: int
        .in_memory: int
        .input_tokens: int
        .latency_ms.p50: float
        .latency_ms.p95: float
        .output_tokens: int
        .queries: int
        .segments: int
        .total_tokens: int"#]],
    );
}
