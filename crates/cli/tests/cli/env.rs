//! `env`.

use expect_test::expect;

use crate::{dormouse, fake::Fake};

#[test]
fn values_are_never_shown() {
    let changed = |set: &str, restarted: &str, later: &str, known: bool| {
        let json = format!(
            r#"{{"project":"shop","set":[{set}],"restarted":[{restarted}],"later":[{later}],"known":{known}}}"#
        );
        (200, json)
    };
    let kept = r#"[{"service":null,"name":"API_KEY","value":"********","set_at":0},{"service":"web","name":"MODE","value":"********","set_at":0}]"#;
    let fake = Fake::start(vec![
        (
            "POST /v1/projects/shop/env",
            vec![
                changed("\"API_KEY\"", "\"web\"", "", true),
                changed("\"API_KEY\"", "", "\"api\",\"web\"", true),
                changed("\"API_KEY\"", "", "", false),
                changed("", "\"web\"", "", true),
                // Bug: what was dropped was not said.
                (
                    200,
                    r#"{"project":"shop","set":["A"],"passed_over":["PORT"],"restarted":[],"later":[],"known":true}"#
                        .to_owned(),
                ),
                (
                    422,
                    r#"{"error":"PORT is set by the platform","hint":"the port is `port` in dormouse.toml"}"#
                        .to_owned(),
                ),
            ],
        ),
        (
            "GET /v1/projects/shop/env",
            vec![(200, kept.to_owned()), (200, kept.to_owned()), (200, "[]".to_owned())],
        ),
    ]);
    for (args, expected) in [
        (
            &["env", "set", "shop", "API_KEY=s3cret"][..],
            expect![[r#"
                shop API_KEY kept
                shop/web was started anew
                [0]
            "#]],
        ),
        (
            &["env", "set", "shop", "API_KEY=s3cret", "--no-restart"],
            expect![[r#"
                shop API_KEY kept
                from the next restart or deploy on, it holds for shop/api, shop/web (`dormouse restart shop`)
                [0]
            "#]],
        ),
        (
            &["env", "set", "shop/wbe", "API_KEY=s3cret"],
            expect![[r#"
            shop/wbe API_KEY kept
            there is no shop/wbe yet: it waits for the first deploy
            [0]
        "#]],
        ),
        (
            &["env", "unset", "shop/web", "API_KEY"],
            expect![[r#"
                shop/web API_KEY forgotten
                shop/web was started anew
                [0]
            "#]],
        ),
        (
            &["env", "import", "shop", "-"],
            expect![[r#"
                shop A kept
                warning: PORT: not kept, because the platform sets it itself
                [0]
            "#]],
        ),
        (
            &["env", "set", "shop", "PORT=80"],
            expect![[r#"
            error: PORT is set by the platform
              hint: the port is `port` in dormouse.toml
            [1]
        "#]],
        ),
        (
            &["env", "ls", "shop", "--json"],
            expect![[r#"
            [{"service":null,"name":"API_KEY","value":"********","set_at":0},{"service":"web","name":"MODE","value":"********","set_at":0}]
            [0]
        "#]],
        ),
        (
            &["env", "ls", "shop/web"],
            expect![[r#"
                NAME     VALUE     SERVICE  SET
                API_KEY  ********  all      DAYS ago
                MODE     ********  web      DAYS ago
                [0]
            "#]],
        ),
        (
            &["env", "ls", "shop/web"],
            expect![[r#"
            nothing is kept for shop/web
              hint: `dormouse env set shop/web NAME=VALUE` changes that
            [0]
        "#]],
        ),
        (
            &["env", "set", "shop"],
            expect![[r#"
            error: the following required arguments were not provided:
              <NAME=VALUE>...

            Usage: dormouse env set <PROJECT[/SERVICE]> <NAME=VALUE>...

            For more information, try '--help'.
            [2]
        "#]],
        ),
    ] {
        let ran = dormouse(fake.state(), args).all();
        assert!(!ran.contains("s3cret"), "{ran}");
        // When it was set depends on the day this runs.
        let days = |line: &str| match line.strip_suffix("d ago") {
            Some(line) => format!("{}DAYS ago\n", line.trim_end_matches(|c: char| c.is_ascii_digit())),
            None => format!("{line}\n"),
        };
        expected.assert_eq(&ran.lines().map(days).collect::<String>());
    }
    let seen = fake.seen();
    assert!(seen.iter().all(|s| !s.contains("s3cret")), "values are no part of an address: {seen:?}");
    expect![[r#"
        POST /v1/projects/shop/env
        POST /v1/projects/shop/env
        POST /v1/projects/shop/env
        POST /v1/projects/shop/env
        POST /v1/projects/shop/env
        POST /v1/projects/shop/env
        GET /v1/projects/shop/env
        GET /v1/projects/shop/env?service=web
        GET /v1/projects/shop/env?service=web"#]]
    .assert_eq(&seen.iter().map(|s| s.split("?request=").next().unwrap()).collect::<Vec<_>>().join("\n"));
}
