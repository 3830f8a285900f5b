//! Projects that `server.toml` names and that there are not: perhaps not yet.

use std::collections::BTreeSet;

use dormouse_model::ProjectName;

use super::Settings;

/// What to say of them, and what to do.
pub(crate) fn strangers<'p>(
    settings: &Settings,
    there: impl IntoIterator<Item = &'p str>,
) -> Option<(String, String)> {
    let there: BTreeSet<&str> = there.into_iter().collect();
    let egress = settings.egress.projects.keys().map(|name| ("egress", name));
    let bandwidth = settings.bandwidth.iter().flat_map(|b| b.projects.keys()).map(|name| ("bandwidth", name));
    let unknown = egress.chain(bandwidth).filter(|(_, name)| !there.contains(ProjectName::as_str(name)));
    let tables: Vec<_> = unknown.map(|(table, name)| format!("[{table}.projects.{name}]")).collect();
    if tables.is_empty() {
        return None;
    }
    let (is, it) =
        if tables.len() == 1 { ("is of no project", "it") } else { ("are of no projects", "each") };
    let there: Vec<_> = there.into_iter().collect();
    let those = match there.as_slice() {
        [] => "none is deployed yet".to_owned(),
        there => format!("there is {}", there.join(", ")),
    };
    let what = format!("{} {is} that this server has", tables.join(", "));
    Some((
        what,
        format!("check the name in server.toml ({those}); {it} holds from when one of that name is deployed"),
    ))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use expect_test::expect;

    use super::super::Typed;
    use super::*;

    /// Bug: a table of a project whose name was misspelt was never missed.
    #[test]
    fn projects_that_are_not_there() {
        let said = |text: &str, there: &[&str]| {
            let settings =
                Typed::parse(text).unwrap().resolve("[::]:80".parse().unwrap(), Path::new("/")).unwrap();
            let said = strangers(&settings, there.iter().copied());
            said.map(|(what, hint)| format!("{what}\n  hint: {hint}\n")).unwrap_or_default()
        };
        let one = "[egress.projects.shpo]\nlan = false\n";
        let two = format!("{one}[egress.projects.blog]\nsmtp = true\n");
        let three = "[bandwidth]\nout = \"1gbit\"\n[bandwidth.projects.blog]\nmost = \"1mbit\"\n[bandwidth.projects.shop]\nmost = \"1mbit\"\n";
        let all = [
            said("[egress]\nlan = false", &[]),
            said(one, &["shpo"]),
            said(one, &["blog", "shop"]),
            said(&two, &[]),
            said(three, &["blog"]),
        ];
        expect![[r#"
            [egress.projects.shpo] is of no project that this server has
              hint: check the name in server.toml (there is blog, shop); it holds from when one of that name is deployed
            [egress.projects.blog], [egress.projects.shpo] are of no projects that this server has
              hint: check the name in server.toml (none is deployed yet); each holds from when one of that name is deployed
            [bandwidth.projects.shop] is of no project that this server has
              hint: check the name in server.toml (there is blog); it holds from when one of that name is deployed
        "#]].assert_eq(&all.concat());
    }
}
