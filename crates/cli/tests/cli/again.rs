//! Control is killed while it works on a request: it works on, and is asked again.

use expect_test::{Expect, expect};

use crate::{
    dormouse,
    fake::{Fake, KILLED},
};

const PS: &str = r#"[{"project":"shop","service":"web","state":"ready","depth":null,"url":null,"urls":[],"pid":1,"resident_bytes":0,"swapped_bytes":0,"last_wake_ms":null,"deployment":"d1","instance":"i1","last_activity":null,"restarts":0,"reason":null}]"#;

/// The request whose answers break off twice, the command, and what it says; the same request, under the same name, was made
/// three times.
#[track_caller]
fn check(request: &'static str, args: &[&str], answer: (u16, &str), want: &Expect) {
    let cut = |text: &str| (KILLED, text.to_owned());
    let (status, body) = answer;
    let answers = vec![cut(""), cut("{\"project\":"), (status, body.to_owned())];
    let fake = Fake::start(vec![(request, answers), ("GET /v1/ps", vec![(200, PS.to_owned())])]);
    want.assert_eq(&dormouse(fake.state(), args).all());
    let seen: Vec<_> = fake.seen().into_iter().filter(|s| !s.starts_with("GET ")).collect();
    assert!(seen.len() == 3 && seen.iter().all(|s| *s == seen[0]), "{seen:?}");
}

/// Bug: `dormouse env set` and its like failed with "ask again" when control was killed, though what they asked for was done.
#[test]
fn what_was_asked_for_is_heard_to_its_end() {
    let shop = r#"{"project":"shop","services":["web"]}"#;
    let set = r#"{"project":"shop","set":["A"],"restarted":["web"],"later":[],"known":true}"#;
    check(
        "POST /v1/projects/shop/env",
        &["env", "set", "shop", "A=1"],
        (200, set),
        &expect![[r#"
        shop A kept
        shop/web was started anew
        [0]
    "#]],
    );
    check(
        "POST /v1/projects/shop/restart",
        &["restart", "shop"],
        (200, shop),
        &expect![[r#"
        shop/web restarting
        [0]
    "#]],
    );
    check(
        "POST /v1/projects/shop/wake",
        &["wake", "shop/web"],
        (200, shop),
        &expect![[r#"
        shop/web awake
        [0]
    "#]],
    );
    check(
        "POST /v1/projects/shop/sleep",
        &["sleep", "shop"],
        (200, shop),
        &expect![[r#"
        shop/web asleep
        [0]
    "#]],
    );
    // Bug: who cancelled a deploy was left with "ask again".
    check(
        "DELETE /v1/deploys/8",
        &["cancel", "d8"],
        (200, shop),
        &expect![[r#"
        shop d8 cancelled
        [0]
    "#]],
    );
    // What became of it is told all the same.
    let failed = r#"{"error":"shop/web was not replaced: exited with code 1"}"#;
    check(
        "POST /v1/projects/shop/restart",
        &["restart", "shop"],
        (409, failed),
        &expect![[r#"
        error: shop/web was not replaced: exited with code 1
        [1]
    "#]],
    );
    // It went meanwhile.
    let unknown = r#"{"error":"there is no project `shop`"}"#;
    check(
        "DELETE /v1/projects/shop",
        &["down", "shop"],
        (404, unknown),
        &expect![[r#"
        shop gone
        [0]
    "#]],
    );
}

/// Two requests are two.
#[test]
fn each_has_a_name_of_its_own() {
    let shop = r#"{"project":"shop","services":["web"]}"#;
    let restart = ("POST /v1/projects/shop/restart", vec![(200, shop.to_owned())]);
    let fake = Fake::start(vec![restart, ("GET /v1/ps", vec![(200, PS.to_owned())])]);
    for _ in 0..2 {
        dormouse(fake.state(), &["restart", "shop"]).all();
    }
    let seen: Vec<_> = fake.seen().into_iter().filter(|s| !s.starts_with("GET ")).collect();
    assert!(seen.len() == 2 && seen[0] != seen[1], "{seen:?}");
}
