//! Bandwidth: whether this kernel can divide it, and whether what leaves by the host's interface is ours to divide.

use std::path::Path;

use super::Check;
use crate::{
    net::{Bandwidth, look_at_line, try_line},
    sandbox::tag,
};

const NAME: &str = "bandwidth";

pub(super) fn bandwidth(is_root: bool, state: &Path, wanted: Option<&Bandwidth>) -> Check {
    if !is_root {
        return Check::warn(NAME, "not tried: only root may", "run it with sudo");
    }
    match (try_line(), wanted) {
        (tried, None) => off(tried),
        (Err(why), Some(_)) => Check::fail(
            NAME,
            format!("this kernel cannot divide it: {why}"),
            "`modprobe sch_htb` must work; where it does not, install the kernel's modules, or leave [bandwidth] out of server.toml",
        ),
        // A folder that is not there has no server yet.
        (Ok(()), Some(wanted)) => on(wanted, look_at_line(&tag(state).unwrap_or_default(), wanted)),
    }
}

fn off(tried: Result<(), String>) -> Check {
    match tried {
        Ok(()) => Check::ok(NAME, "not divided between projects; [bandwidth] in server.toml has it divided"),
        Err(why) => Check::ok(NAME, format!("not divided between projects, nor could it be: {why}")),
    }
}

fn on(wanted: &Bandwidth, found: Result<Option<String>, String>) -> Check {
    match (found, &wanted.interface) {
        (Ok(Some(interface)), _) => {
            Check::ok(NAME, format!("{} by {interface}, divided between projects", wanted.out))
        }
        (Ok(None), Some(interface)) => Check::warn(
            NAME,
            format!("there is no interface {interface}"),
            "check `interface` of [bandwidth] in server.toml (`ip link` lists what there is); it is divided as soon as it comes",
        ),
        (Ok(None), None) => Check::warn(
            NAME,
            "there is no default route",
            "name the `interface` of [bandwidth] in server.toml; or what leaves is divided as soon as there is a default route",
        ),
        (Err(told), _) => {
            let (why, hint) = told.split_once("\n  hint: ").unwrap_or((&told, "`serve` says the same"));
            Check::fail(NAME, why, hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn what_is_told() {
        let named = |interface: Option<&str>| Bandwidth {
            interface: interface.map(str::to_owned),
            ..Bandwidth::new("100mbit".parse().unwrap())
        };
        let unknown = || Err("Specified qdisc kind is unknown".to_owned());
        let rows = [
            bandwidth(false, Path::new("/"), None),
            off(Ok(())),
            off(unknown()),
            on(&named(None), Ok(Some("eth0".into()))),
            on(&named(None), Ok(None)),
            on(&named(Some("eth7")), Ok(None)),
            on(&named(None), Err("eth0 is taken\n  hint: free it".into())),
        ]
        .map(|c| format!("{:?} {} | {}\n", c.verdict, c.detail, c.hint.as_deref().unwrap_or("-")));
        expect![[r#"
            Warn not tried: only root may | run it with sudo
            Ok not divided between projects; [bandwidth] in server.toml has it divided | -
            Ok not divided between projects, nor could it be: Specified qdisc kind is unknown | -
            Ok 100mbit by eth0, divided between projects | -
            Warn there is no default route | name the `interface` of [bandwidth] in server.toml; or what leaves is divided as soon as there is a default route
            Warn there is no interface eth7 | check `interface` of [bandwidth] in server.toml (`ip link` lists what there is); it is divided as soon as it comes
            Fail eth0 is taken | free it
        "#]].assert_eq(&rows.concat());
    }
}
