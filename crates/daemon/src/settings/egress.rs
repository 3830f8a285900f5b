//! `[egress]`: what projects may reach beyond their own network.

use std::collections::BTreeMap;

use dormouse_model::ProjectName;
use dormouse_runtime::{Destination, EgressPolicies, EgressPolicy};
use serde::Deserialize;

/// As typed. What a table does not say is as in `[egress]`, and what that does not say as it always was.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedEgress {
    internet: Option<bool>,
    lan: Option<bool>,
    smtp: Option<bool>,
    allow: Option<Vec<Destination>>,
    #[serde(default)]
    builds: TypedPolicy,
    #[serde(default)]
    projects: BTreeMap<ProjectName, TypedPolicy>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct TypedPolicy {
    internet: Option<bool>,
    lan: Option<bool>,
    smtp: Option<bool>,
    allow: Option<Vec<Destination>>,
}

impl TypedPolicy {
    fn resolve(self, default: &EgressPolicy) -> EgressPolicy {
        EgressPolicy {
            internet: self.internet.unwrap_or(default.internet),
            lan: self.lan.unwrap_or(default.lan),
            smtp: self.smtp.unwrap_or(default.smtp),
            allow: self.allow.unwrap_or_else(|| default.allow.clone()),
        }
    }
}

impl TypedEgress {
    pub(super) fn resolve(self) -> EgressPolicies {
        let Self { internet, lan, smtp, allow, builds, projects } = self;
        let default = TypedPolicy { internet, lan, smtp, allow }.resolve(&EgressPolicy::default());
        let builds = builds.resolve(&default);
        let projects = projects.into_iter().map(|(name, typed)| (name, typed.resolve(&default))).collect();
        EgressPolicies { default, builds, projects }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::Typed;
    use super::*;

    fn check(text: &str, expected: Expect) {
        let shown = match Typed::parse(text).map(|typed| typed.egress.resolve()) {
            Ok(EgressPolicies { default, builds, projects }) => {
                let named = projects.iter().map(|(name, policy)| (name.to_string(), policy));
                let all = [("default".to_owned(), &default), ("builds".to_owned(), &builds)]
                    .into_iter()
                    .chain(named);
                all.map(|(of, EgressPolicy { internet, lan, smtp, allow })| {
                    let allow: Vec<_> = allow.iter().map(ToString::to_string).collect();
                    format!("{of}: internet={internet} lan={lan} smtp={smtp} allow={}\n", allow.join(" "))
                })
                .collect()
            }
            Err(e) => format!("{e:#}"),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn what_is_not_said_is_as_above() {
        check(
            "",
            expect![[r#"
            default: internet=true lan=true smtp=false allow=
            builds: internet=true lan=true smtp=false allow=
        "#]],
        );
        check(
            r#"
                [egress]
                lan = false
                allow = ["192.168.1.10:5432"]
                [egress.builds]
                allow = ["192.168.1.20"]
                [egress.projects.shop]
                smtp = true
                [egress.projects.own]
                lan = true
                allow = []
            "#,
            expect![[r#"
                default: internet=true lan=false smtp=false allow=192.168.1.10/32:5432
                builds: internet=true lan=false smtp=false allow=192.168.1.20/32
                own: internet=true lan=true smtp=false allow=
                shop: internet=true lan=false smtp=true allow=192.168.1.10/32:5432
            "#]],
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        check(
            "[egress]\nlan = false\nallow = [\"192.168.1.10\", \"10.0.0.1/8\"]",
            expect![[r#"
            TOML parse error at line 3, column 9
              |
            3 | allow = ["192.168.1.10", "10.0.0.1/8"]
              |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            `10.0.0.1/8` is an address and a block of 10.0.0.0/8
              hint: write 10.0.0.0/8 for all of it, or 10.0.0.1 for that one
        "#]],
        );
        check(
            "[egress.projects.shop]\nallow = [\n  \"db.lan:5432\",\n]",
            expect![[r#"
            TOML parse error at line 2, column 9
              |
            2 | allow = [
              |         ^
            `db.lan:5432` is no destination
              hint: write it as 192.168.1.10, 10.0.0.0/8, 192.168.1.10:5432 or 10.0.0.0/8:8000-8999; names are not looked up
        "#]],
        );
        check(
            "[egress.projects.Shop]\nlan = false",
            expect![[r#"
            TOML parse error at line 1, column 18
              |
            1 | [egress.projects.Shop]
              |                  ^^^^
            `Shop` is not a valid project name: only a-z, 0-9 and - are allowed
        "#]],
        );
        check(
            "[egress.builds]\nmail = true",
            expect![[r#"
            TOML parse error at line 2, column 1
              |
            2 | mail = true
              | ^^^^
            unknown field `mail`, expected one of `internet`, `lan`, `smtp`, `allow`
        "#]],
        );
    }
}
