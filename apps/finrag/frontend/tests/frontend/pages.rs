//! Every page, as a person reads it.

use expect_test::expect;
use reqwest::Method;
use serde_json::{Value, json};

use super::support::browser::{Browser, Frontend, patient};
use super::support::stub::Stub;
use finrag_frontend::Limits;

async fn stub() -> Stub {
    Stub::start(([127, 0, 0, 1], 0).into(), std::time::Duration::ZERO).await
}

#[tokio::test]
async fn home_says_what_it_is_and_what_is_in_scope() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let page = browser.get("/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.set_cookie, None, "looking makes no session");
    expect![[r#"
        Ask the annual reports.
        FinRAG answers questions about SEC 10-K filings with figures and sentences from its data. Every claim is cited, and every citation opens the passage it came from.
        Your question
        10 to 3,500 characters · Enter sends, Shift+Enter breaks the line
        Ask
        Begin with one of these
        How did Apple's revenue develop from 2021 to 2024? Compare the net income of Apple and Microsoft since 2021. Which supply chain risks does Microsoft describe in its 2024 10-K? What does Nvidia say about competition in 2024?
        In scope
        Companies
        6
        Years
        2015–2024
        Sentences
        20,844
        Figures
        6,937
        Apple AAPL 2015–2024
        Microsoft MSFT 2016–2024
        Nvidia NVDA 2017–2024
        Amazon AMZN 2018–2023
        Meta Platforms META 2019–2023
        Eli Lilly LLY 2018, 2019, 2021, 2023
        3 metrics
        Revenue, Net Income, Operating Margin %
        3 sections of the 10-K
        Item 1: Business
        Item 1A: Risk Factors
        Item 7: Management's Discussion and Analysis
        How an answer comes about
        Understand. Companies, years, metrics and sections are read from the question.
        Find. Figures are looked up; sentences are searched by words and by meaning, and ranked together.
        Cite. The answer says nothing without its source. Open one to read the filing around it.
        FinRAG repeats what its data says. It is no investment advice."#]].assert_eq(&page.main());
}

#[tokio::test]
async fn home_without_a_backend_is_kind() {
    let stub = stub().await;
    stub.set("meta", 503, json!({ "error": "Traceback (most recent call last)", "stage": "startup" }));
    stub.set("health", 503, Value::Null);
    let browser = Browser::new(&Frontend::of(&stub).await);
    let page = browser.get("/").await;
    assert_eq!(page.status, 200);
    assert!(!page.html.contains("Traceback"));
    expect![[r#"
        In scope
        The list of companies comes from the backend, which does not answer just now. You can ask all the same.
        Retry"#]].assert_eq(&page.between("In scope", "How an answer"));
    assert!(page.text().contains("Backend\nLoading the filings"), "{}", page.text());

    stub.set("meta", 200, super::support::answers::meta());
    stub.set("health", 200, json!({ "status": "healthy" }));
    let page = browser.get("/?check=1").await;
    assert!(page.text().contains("Backend\nReady"), "{}", page.text());
    assert!(page.main().contains("20,844"), "{}", page.main());
}

#[tokio::test]
async fn a_backend_that_is_not_there_costs_a_page_little() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let browser = Browser::new(
        &Frontend::with(gone, patient(std::time::Duration::from_secs(60)), Limits::default()).await,
    );
    for path in ["/", "/chat", "/chat?check=1", "/status"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("Not reachable"), "{path}: {}", page.text());
    }
}

#[tokio::test]
async fn the_chat_begins_with_an_invitation_and_a_sidebar() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let page = browser.get("/chat").await;
    expect![[r#"
        Chatbot · FinRAG
        Skip to content
        Fin RAG
        HomeChatbot
        Session and status
        Backend
        Ready
        Check just now
        This session
        Queries
        0
        Total cost
        $0.00
        Average cost
        $0.00
        Tokens
        0
        Example questions
        How did Apple's revenue develop from 2021 to 2024? Compare the net income of Apple and Microsoft since 2021. Which supply chain risks does Microsoft describe in its 2024 10-K? What does Nvidia say about competition in 2024?
        Chatbot
        What would you like to know?
        Name a company and what about it: a figure, a risk, a year. Every claim of an answer is cited, and every citation opens the filing around it.
        Your question
        10 to 3,500 characters · Enter sends, Shift+Enter breaks the line
        Ask"#]].assert_eq(&page.text());
}

#[tokio::test]
async fn an_answer_has_its_details_chart_and_sources() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let page = browser.ask("How did Apple's revenue develop from 2019 to 2023?").await;
    expect![[r#"
        How did Apple's revenue develop from 2019 to 2023?
        Apple's revenue grew from US$ 260.17 billion in 2019 [1] to US$ 383.29 billion in 2023 [2], or 10.2 % a year. It peaked at US$ 394.33 billion in 2022 [3] and then fell by 2.8 %.
        Figures of Apple Inc. US$ billions, 2019–2023
        Revenue
        Net Income
        Show the figures
        Figures of Apple Inc., US$ billions
        Year
        Revenue
        Net Income
        2019
        260.17
        55.26
        2020
        274.51
        57.41
        2021
        365.82
        94.68
        2022
        394.33
        99.80
        2023
        383.29
        97.00
        Most of the rise came in 2021, when revenue grew by a third [4].
        Net income rose from US$ 55.26 billion to US$ 97.00 billion over the same years [5].
        The filing names the reason for the fall in 2023: a weaker demand for computers and the strength of the dollar [6].
        Data sources
        [1]
        Apple (AAPL), 2019 Figure
        Revenue: $260.17 billion
        Accession number 0000320193-19-000106
        [2]
        Apple (AAPL), 2023 Figure
        Revenue: $383.29 billion
        Accession number 0000320193-23-000106
        [3]
        Apple (AAPL), 2022 Figure
        Revenue: $394.33 billion
        Accession number 0000320193-22-000106
        [4]
        Apple (AAPL), 2021 Figure
        Revenue: $365.82 billion
        Accession number 0000320193-21-000106
        2 more sources
        [5]
        Apple (AAPL), 2023 Figure
        Net income: $97.00 billion
        Accession number 0000320193-23-000106
        [6]
        AAPL 2023, Item 7, sentence 88 Sentence
        Sales of computers were lower, and a stronger dollar weighed on sales abroad.
        Query details 6 sources · 900 ms · $0.0094
        Entities
        Companies
        Apple Inc.
        Items
        Item 7
        Metrics
        Revenue
        Years
        2019, 2023
        Model
        Model
        anthropic.claude-test
        Tokens read
        1,842
        Tokens written
        260
        Cost
        $0.0094
        Stopped
        End turn
        Context
        14,502 characters
        Time
        900 ms
        Stages
        Stage
        Share
        Time
        Understanding
        9.0 ms
        KPI
        4.5 ms
        Retrieval
        36 ms
        First token
        270 ms
        Synthesis
        810 ms
        Retrieval stages
        Stage
        Share
        Time
        Assemble
        0.05 ms
        BM25
        1.8 ms
        Dense
        2.4 ms
        Expand
        0.21 ms
        Fuse
        0.10 ms
        Retrieval
        BM25 candidates
        412
        Dense candidates
        300
        Duplicates
        7
        Filter relaxed
        no
        Fused
        518
        Hits
        30
        Passages
        9
        Regimes
        filtered, open
        Sentences
        61"#]].assert_eq(&page.between("How did Apple's", "Your question"));
    assert_eq!(page.html.matches("role=\"img\"").count(), 2, "a wide and a narrow picture");
    assert!(page.html.contains(
        "aria-label=\"Line chart: Figures of Apple Inc., US$ billions, 2019 to 2023. Revenue: 260.17 in 2019, 383.29 in 2023."
    ));
    assert!(page.html.contains("<a class=\"cite\" href=\"#turn-1-s6\""));
    assert!(page.html.contains("id=\"turn-1-s6\""));
    assert!(
        page.html.contains("href=\"/source/0000320193%2F23%20ITEM_7%2388\""),
        "a sentence id is one segment"
    );
}

#[tokio::test]
async fn a_comparison_has_a_line_for_each_company() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let page = browser.ask("Compare the revenue of Apple, Microsoft and NVIDIA").await;
    let text = page.between("US$ billions", "Query details");
    expect![[r#"
        US$ billions, 2019–2024
        AAPL
        MSFT
        NVDA
        Show the figures
        Revenue, US$ billions
        Year
        AAPL
        MSFT
        NVDA
        2019
        260.17
        125.84
        11.72
        2020
        274.51
        143.01
        10.92
        2021
        365.82
        168.09
        16.68
        2022
        394.33
        198.27
        26.91
        2023
        383.29
        211.91
        –
        2024
        391.04
        245.12
        60.92
        NVIDIA grew fastest [3]; Apple remains the largest of the three [1].
        Data sources
        [1]
        Apple (AAPL), 2024 Figure
        Revenue: $391.04 billion
        Accession number 0000000000-24-000001
        [2]
        Microsoft (MSFT), 2024 Figure
        Revenue: $245.12 billion
        Accession number 0000000000-24-000001
        [3]
        Nvidia (NVDA), 2024 Figure
        Revenue: $60.92 billion
        Accession number 0000000000-24-000001"#]]
    .assert_eq(&text);
}

#[tokio::test]
async fn a_source_opens_the_sentences_around_it() {
    let stub = stub().await;
    let browser = Browser::new(&Frontend::of(&stub).await);
    let page = browser.get("/source/0000320193%2F23%20ITEM_7%2388").await;
    assert_eq!(page.status, 200);
    expect![[r#"
        Source
        Apple, 2023, Item 1A
        Filing 0000320193-23-000106 · sentence 0000320193/23 ITEM_7#88
        The company depends on many suppliers in few places. Some components come from a single source. A shortage of such components can delay new products and raise their cost. The company keeps agreements for the supply of many of them. […] There is no promise that these agreements can be renewed.
        Back to your questionsShow more around it"#]].assert_eq(&page.main());
    assert!(page.html.contains("<mark>A shortage of such components"));
    assert!(page.html.contains("href=\"/source/0000320193%2F23%20ITEM_7%2388?around=8\""));

    let fragment = browser.request(Method::GET, "/source/a?around=99").header("x-fragment", "1");
    let fragment = browser.send(fragment).await;
    assert!(fragment.html.starts_with("<blockquote class=\"passage\">"), "{}", fragment.html);
    assert_eq!(stub.looked_up(), ["0000320193/23 ITEM_7#88?around=3", "a?around=20"]);
}

#[tokio::test]
async fn a_source_that_is_gone_or_out_of_reach_is_said() {
    let stub = stub().await;
    let browser = Browser::new(&Frontend::of(&stub).await);
    for (status, wanted, title) in [
        (404, 404, "This sentence is no longer there"),
        (500, 502, "Something went wrong"),
        (503, 502, "The filings are still being loaded"),
    ] {
        stub.set("sentences", status, json!({ "error": "Traceback", "error_type": "X", "stage": "y" }));
        for fragment in [false, true] {
            let request = browser.request(Method::GET, "/source/a");
            let request = if fragment { request.header("x-fragment", "1") } else { request };
            let page = browser.send(request).await;
            assert_eq!(page.status, wanted);
            assert!(page.text().contains(title), "{}", page.text());
            assert!(!page.html.contains("Traceback"));
            assert_eq!(page.html.contains("<html"), !fragment);
        }
    }
    let long = browser.get(&format!("/source/{}", "x".repeat(300))).await;
    assert_eq!(long.status, 404);
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_answered() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let page = browser.get("/wp-admin").await;
    assert_eq!(page.status, 404);
    expect![[r#"
        There is no such page
        The address may be mistyped, or what it showed is no longer in memory.
        Back to your questions"#]]
    .assert_eq(&page.main());
    for (path, status) in [("/ask", 405), ("/assets/none", 404), ("/stream/1", 404), ("/stream/x", 400)] {
        assert_eq!(browser.get(path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn everything_is_hardened_and_files_are_kept_by_version() {
    let browser = Browser::new(&Frontend::of(&stub().await).await);
    let home = browser.get("/").await.html;
    let script =
        home.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a script").to_owned();
    for (path, caching) in [
        ("/", "private, no-cache"),
        ("/healthz", "private, no-cache"),
        ("/nowhere", "private, no-cache"),
        ("/assets/app.css", "no-cache"),
        (script.as_str(), "public, max-age=31536000, immutable"),
    ] {
        let response = browser.request(Method::GET, path).send().await.expect("an answer");
        let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
        assert!(
            header("content-security-policy")
                .starts_with("default-src 'none'; script-src 'self'; style-src 'self';")
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("cache-control"), caching, "{path}");
    }
    assert!(!home.contains(" style=") && !home.contains("<style") && !home.contains(" onclick="));
}
