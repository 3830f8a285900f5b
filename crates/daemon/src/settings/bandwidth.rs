//! `[bandwidth]`: how what leaves the host is divided between projects.

use std::collections::BTreeMap;

use dormouse_model::ProjectName;
use dormouse_runtime::{Bandwidth, BitRate};
use serde::Deserialize;

/// As typed. Without the table nothing is divided.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedBandwidth {
    out: BitRate,
    interface: Option<Interface>,
    most: Option<BitRate>,
    #[serde(default)]
    projects: BTreeMap<ProjectName, TypedShare>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct TypedShare {
    most: BitRate,
}

/// The name of one, as the kernel allows it.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
struct Interface(String);

impl TryFrom<String> for Interface {
    type Error = String;

    fn try_from(typed: String) -> Result<Self, String> {
        let is_name =
            (1..16).contains(&typed.len()) && !typed.contains(|c: char| c == '/' || c.is_whitespace());
        if is_name {
            Ok(Self(typed))
        } else {
            Err(format!(
                "`{typed}` is no name of an interface\n  hint: `ip link` lists what there is, such as eth0"
            ))
        }
    }
}

impl TypedBandwidth {
    pub(super) fn resolve(self) -> Bandwidth {
        let Self { out, interface, most, projects } = self;
        let projects = projects.into_iter().map(|(name, share)| (name, share.most)).collect();
        Bandwidth { out, interface: interface.map(|Interface(name)| name), most, projects }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::Typed;
    use super::*;

    fn check(text: &str, expected: Expect) {
        let shown = match Typed::parse(text).map(|typed| typed.bandwidth.map(TypedBandwidth::resolve)) {
            Ok(None) => "nothing is divided".to_owned(),
            Ok(Some(Bandwidth { out, interface, most, projects })) => {
                let most = most.map_or("-".to_owned(), |most| most.to_string());
                let projects: String =
                    projects.iter().map(|(name, most)| format!(" {name}={most}")).collect();
                format!("out={out} interface={} most={most}{projects}", interface.as_deref().unwrap_or("-"))
            }
            Err(e) => format!("{e:#}"),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn typed_then_resolved() {
        check("", expect!["nothing is divided"]);
        check("[bandwidth]\nout = \"100mbit\"", expect!["out=100mbit interface=- most=-"]);
        check(
            "[bandwidth]\nout = \"1gbit\"\ninterface = \"eth0\"\nmost = \"500mbit\"\n[bandwidth.projects.shop]\nmost = \"20mbit\"",
            expect!["out=1gbit interface=eth0 most=500mbit shop=20mbit"],
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        check(
            "[bandwidth]\ninterface = \"eth0\"",
            expect![[r#"
            TOML parse error at line 1, column 1
              |
            1 | [bandwidth]
              | ^^^^^^^^^^^
            missing field `out`
        "#]],
        );
        check(
            "[bandwidth]\nout = \"100\"",
            expect![[r#"
            TOML parse error at line 2, column 7
              |
            2 | out = "100"
              |       ^^^^^
            `100` is not a rate
              hint: write it as 100mbit, 2.5gbit or 500kbit: bits a second
        "#]],
        );
        check(
            "[bandwidth]\nout = 100",
            expect![[r#"
            TOML parse error at line 2, column 7
              |
            2 | out = 100
              |       ^^^
            invalid type: integer `100`, expected a string
        "#]],
        );
        check(
            "[bandwidth]\nout = \"8kbit\"",
            expect![[r#"
            TOML parse error at line 2, column 7
              |
            2 | out = "8kbit"
              |       ^^^^^^^
            `8kbit` is less than 100kbit
              hint: bits a second are meant: 100mbit are 12.5 megabytes
        "#]],
        );
        check(
            "[bandwidth]\nout = \"1gbit\"\ninterface = \"the big one\"",
            expect![[r#"
            TOML parse error at line 3, column 13
              |
            3 | interface = "the big one"
              |             ^^^^^^^^^^^^^
            `the big one` is no name of an interface
              hint: `ip link` lists what there is, such as eth0
        "#]],
        );
        check(
            "[bandwidth]\nout = \"1gbit\"\nin = \"1gbit\"",
            expect![[r#"
            TOML parse error at line 3, column 1
              |
            3 | in = "1gbit"
              | ^^
            unknown field `in`, expected one of `out`, `interface`, `most`, `projects`
        "#]],
        );
        check(
            "[bandwidth]\nout = \"1gbit\"\n[bandwidth.projects.shop]\nout = \"1mbit\"",
            expect![[r#"
            TOML parse error at line 4, column 1
              |
            4 | out = "1mbit"
              | ^^^
            unknown field `out`, expected `most`
        "#]],
        );
    }
}
