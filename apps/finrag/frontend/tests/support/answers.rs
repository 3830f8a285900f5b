//! What a backend might answer. The figures are public ones; the sentences are made up.

use serde_json::{Value, json};

use super::stub::Reply;

/// What the stub holds.
pub(crate) fn meta() -> Value {
    let company = |ticker: &str, name: &str, years: std::ops::RangeInclusive<i32>| json!({ "ticker": ticker, "name": name, "cik": 1, "years": years.collect::<Vec<_>>(), "rows": 500 });
    json!({
        "companies": [
            company("AAPL", "Apple Inc.", 2015..=2024),
            company("MSFT", "MICROSOFT CORP", 2016..=2024),
            company("NVDA", "NVIDIA CORP", 2017..=2024),
            company("AMZN", "AMAZON COM INC", 2018..=2023),
            company("META", "Meta Platforms, Inc.", 2019..=2023),
            { "ticker": "LLY", "name": "ELI LILLY & Co", "cik": 59478, "years": [2018, 2019, 2021, 2023] },
        ],
        "sections": [
            { "item": "ITEM_1", "name": "Item 1: Business" },
            { "item": "ITEM_1A", "name": "Item 1A: Risk Factors" },
            { "item": "ITEM_7", "name": "Item 7: Management's Discussion and Analysis" },
        ],
        "metrics": [
            { "key": "revenue", "label": "Revenue", "unit": "USD", "facts": 211 },
            { "key": "net_income", "label": "Net Income", "unit": "USD", "facts": 143 },
            { "key": "operating_margin", "label": "Operating Margin %", "unit": "percent", "facts": 153 },
        ],
        "models": [{ "key": "extractive", "model_id": "extractive", "input_price_per_1k": 0.0, "output_price_per_1k": 0.0 }],
        "rows": 20844,
        "facts": 6937,
    })
}

/// The sentences around one.
pub(crate) fn neighbours(sentence_id: &str) -> Value {
    let sentence = |position: i64, text: &str, hit: bool| json!({ "sentence_id": format!("{sentence_id}-{position}"), "position": position, "text": text, "hit": hit });
    json!({
        "header": "=== [AAPL] Apple Inc. | FY 2023 | Doc 0000320193-23-000106 | ITEM_1A | Sentences 41 - 46 ===",
        "ticker": "AAPL",
        "company": "Apple Inc.",
        "year": 2023,
        "doc_id": "0000320193-23-000106",
        "section": "ITEM_1A",
        "sentences": [
            sentence(41, "The company depends on many suppliers in few places.", false),
            sentence(42, "Some components come from a single source.", false),
            sentence(43, "A shortage of such components can delay new products and raise their cost.", true),
            sentence(44, "The company keeps agreements for the supply of many of them.", false),
            sentence(46, "There is no promise that these agreements can be renewed.", false),
        ],
    })
}

/// A reply that suits the question.
pub(crate) fn reply_to(question: &str) -> Reply {
    let question = question.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| question.contains(word));
    if has(&["please hang"]) {
        Reply::Hang
    } else if has(&["please break off"]) {
        Reply::Cut("Revenue rose in each of the years, and most of it came from".into())
    } else if has(&["please fail"]) {
        Reply::Status(502, json!({ "error": "Traceback", "error_type": "LlmError", "stage": "synthesis" }))
    } else if has(&["please load"]) {
        Reply::Status(503, json!({ "error": "loading", "error_type": "NotReady", "stage": "startup" }))
    } else if has(&["compare", "versus"]) {
        Reply::Answer(Box::new(comparison()))
    } else if has(&["risk", "competition", "supply"]) {
        Reply::Answer(Box::new(risks()))
    } else {
        Reply::Answer(Box::new(revenue()))
    }
}

/// One company's figures over the years.
pub(crate) fn revenue() -> Value {
    let years =
        [(2019, 260.174e9), (2020, 274.515e9), (2021, 365.817e9), (2022, 394.328e9), (2023, 383.285e9)];
    let income = [(2019, 55.256e9), (2020, 57.411e9), (2021, 94.680e9), (2022, 99.803e9), (2023, 96.995e9)];
    let answer = "Apple's revenue grew from **US$ 260.17 billion** in 2019 [1] to **US$ 383.29 billion** in 2023 [2], or 10.2 % a year. \
        It peaked at US$ 394.33 billion in 2022 [3] and then fell by 2.8 %.\n\n\
        - Most of the rise came in 2021, when revenue grew by a third [4].\n\
        - Net income rose from US$ 55.26 billion to US$ 97.00 billion over the same years [5].\n\n\
        The filing names the reason for the fall in 2023: a weaker demand for computers and the strength of the dollar [6].\n\n\
        DATA SOURCES\n[1] AAPL 2019 Revenue, 10-K\n[2] AAPL 2023 Revenue, 10-K";
    let fact = |n: u32, metric: &str, label: &str, year: i32, value: f64| {
        json!({ "n": n, "kind": "fact", "label": format!("AAPL {year} {label}"), "ticker": "AAPL", "company": "Apple Inc.", "year": year,
            "metric": metric, "value": value, "unit": "USD", "accession_no": format!("0000320193-{}-000106", year - 2000) })
    };
    let mut response = response(answer, 9, 1_842, 260, 0.0094);
    response["sources"] = json!([
        fact(1, "revenue", "Revenue", 2019, 260.174e9),
        fact(2, "revenue", "Revenue", 2023, 383.285e9),
        fact(3, "revenue", "Revenue", 2022, 394.328e9),
        fact(4, "revenue", "Revenue", 2021, 365.817e9),
        fact(5, "net_income", "Net Income", 2023, 96.995e9),
        { "n": 6, "kind": "sentence", "label": "AAPL 2023, Item 7, sentence 88", "sentence_id": "0000320193/23 ITEM_7#88", "ticker": "AAPL",
            "company": "Apple Inc.", "year": 2023, "section": "ITEM_7", "text": "Sales of computers were lower, and a stronger dollar weighed on sales abroad." },
    ]);
    response["kpi"] = json!({ "series": [series("AAPL", "Apple Inc.", "revenue", "Revenue", &years), series("AAPL", "Apple Inc.", "net_income", "Net Income", &income)] });
    response
}

/// Several companies' figures over the years.
pub(crate) fn comparison() -> Value {
    let apple = [
        (2019, 260.174e9),
        (2020, 274.515e9),
        (2021, 365.817e9),
        (2022, 394.328e9),
        (2023, 383.285e9),
        (2024, 391.035e9),
    ];
    let microsoft = [
        (2019, 125.843e9),
        (2020, 143.015e9),
        (2021, 168.088e9),
        (2022, 198.270e9),
        (2023, 211.915e9),
        (2024, 245.122e9),
    ];
    let nvidia = [(2019, 11.716e9), (2020, 10.918e9), (2021, 16.675e9), (2022, 26.914e9), (2024, 60.922e9)];
    let answer = "| Company | 2019 | 2024 | Growth a year |\n|---|--:|--:|--:|\n| Apple [1] | 260.2 | 391.0 | 8.5 % |\n| Microsoft [2] | 125.8 | 245.1 | 14.3 % |\n| NVIDIA [3] | 11.7 | 60.9 | 39.1 % |\n\n\
        **NVIDIA grew fastest** [3]; Apple remains the largest of the three [1].";
    let mut response = response(answer, 14, 2_310, 190, 0.0117);
    let fact = |n: u32, ticker: &str, company: &str, value: f64| json!({ "n": n, "kind": "fact", "label": "", "ticker": ticker, "company": company, "year": 2024, "metric": "revenue", "value": value, "unit": "USD", "accession_no": "0000000000-24-000001" });
    response["sources"] = json!([
        fact(1, "AAPL", "Apple Inc.", 391.035e9),
        fact(2, "MSFT", "MICROSOFT CORP", 245.122e9),
        fact(3, "NVDA", "NVIDIA CORP", 60.922e9)
    ]);
    response["kpi"] = json!({ "series": [
        series("AAPL", "Apple Inc.", "revenue", "Revenue", &apple),
        series("MSFT", "MICROSOFT CORP", "revenue", "Revenue", &microsoft),
        series("NVDA", "NVIDIA CORP", "revenue", "Revenue", &nvidia),
    ] });
    response
}

/// An answer from sentences alone.
pub(crate) fn risks() -> Value {
    let answer = "Apple describes three kinds of supply chain risk in its 2023 report:\n\n\
        1. **Single sources.** Some components come from one supplier only, and a shortage delays products [1].\n\
        2. **Concentration.** Most assembly takes place in a few countries of Asia [2].\n\
        3. **Agreements.** Supply agreements may end without being renewed [3].";
    let sentence = |n: u32, position: i64, text: &str| {
        json!({ "n": n, "kind": "sentence", "label": "", "sentence_id": format!("aapl-2023-1a-{position}"), "ticker": "AAPL", "company": "Apple Inc.",
            "year": 2023, "section": "ITEM_1A", "text": text })
    };
    let mut response = response(answer, 23, 3_105, 148, 0.0116);
    response["sources"] = json!([
        sentence(1, 43, "A shortage of such components can delay new products and raise their cost."),
        sentence(2, 51, "Substantially all assembly is done by partners in a few countries."),
        sentence(3, 46, "There is no promise that these agreements can be renewed."),
    ]);
    response
}

fn series(ticker: &str, company: &str, metric: &str, label: &str, points: &[(i32, f64)]) -> Value {
    let points: Vec<_> = points.iter().map(|(year, value)| json!({ "year": year, "value": value })).collect();
    json!({ "ticker": ticker, "company": company, "metric": metric, "label": label, "unit": "USD", "points": points })
}

/// A response without sources or figures.
pub(crate) fn response(answer: &str, ms: u64, input: u64, output: u64, cost: f64) -> Value {
    json!({
        "query": "as asked",
        "answer": answer,
        "context": "=== a long context ===",
        "metadata": {
            "llm": { "model_id": "anthropic.claude-test", "input_tokens": input, "output_tokens": output, "total_tokens": input + output, "cost": cost, "stop_reason": "end_turn" },
            "context": {
                "kpi_included": true, "rag_included": true, "context_length": 14_502,
                "kpi_entities": { "companies": [{ "ticker": "AAPL", "name": "Apple Inc." }], "years": [2019, 2023], "metrics": ["Revenue"] },
                "rag_entities": { "companies": ["Apple Inc."], "years": [2023], "items": [{ "item": "ITEM_7" }] },
                "retrieval_stats": {
                    "timings": { "bm25_us": 1_840, "dense_us": 2_410, "fuse_us": 96, "expand_us": 210, "assemble_us": 48 },
                    "regimes": ["filtered", "open"], "bm25_candidates": 412, "dense_candidates": 300, "fused": 518, "duplicates": 7,
                    "hits": 30, "passages": 9, "sentences": 61, "filter_relaxed": false,
                },
            },
            "timestamp": "2026-01-01T00:00:00Z",
            "processing_time_ms": ms * 100,
        },
        "sources": [],
        "kpi": null,
    })
}
