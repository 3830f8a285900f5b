//! What Rust code tells: whether there is a program, and how it is asked.

use dormouse_model::{
    manifest::{Code, Facts},
    server::Server,
};

use crate::language::HEALTH_ROUTES;

/// What programs that read no `PORT` listen on most often.
const PORT: u16 = 8080;

/// Words of code that listens.
const LISTENS: [&str; 7] = ["TcpListener", "axum", "actix_web", "rocket", "warp", "tonic", "hyper"];

/// Look at the code of a service.
pub(super) fn look(code: &Code<'_>) -> Facts {
    let tells = |text: &str| LISTENS.iter().any(|word| text.contains(word));
    Facts {
        health: health(code),
        page: None,
        server: Some(Server::Rust),
        port: Some(PORT),
        has_pages: false,
        listens: code.ending(".rs").any(|(_, text)| tells(text)),
    }
}

/// Whether a folder is a package with a program, or a workspace.
pub(super) fn can_build(code: &Code<'_>) -> bool {
    code.text("Cargo.toml").is_some_and(|text| {
        let is_program = |path: &str| path == "src/main.rs" || path.starts_with("src/bin/");
        text.contains("[[bin]]")
            || text.contains("[workspace]")
            || code.ending(".rs").any(|(path, _)| is_program(path))
    })
}

/// A workspace is not complete without all of its members.
pub(super) fn needs(code: &Code<'_>, folder: &str) -> bool {
    let is_package = code.keys.package.is_some() || code.has("Cargo.toml");
    let below = |path: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    is_package && code.ending("Cargo.toml").any(|(path, _)| below(path))
}

/// A health route that the code of a source folder defines, or that of one package in it.
fn health(code: &Code<'_>) -> Option<&'static str> {
    let folder = code.keys.package.and_then(|package| {
        let named = |(path, text): (&'_ str, &str)| {
            let folder = path.strip_suffix("Cargo.toml")?;
            (folder.is_empty() || folder.ends_with('/')).then_some(())?;
            (package_name(text)? == package).then(|| folder.to_owned())
        };
        code.ending("Cargo.toml").find_map(named)
    });
    let folder = folder.unwrap_or_default();
    let code = || code.ending(".rs").filter(|(path, _)| path.starts_with(&folder)).map(|(_, text)| text);
    HEALTH_ROUTES.iter().copied().find(|route| code().any(|text| defines(text, route)))
}

/// The name in a `Cargo.toml`'s `[package]` table.
fn package_name(text: &str) -> Option<&str> {
    let table = text.lines().map(str::trim).skip_while(|l| *l != "[package]").skip(1);
    let name = table.take_while(|l| !l.starts_with('[')).find_map(|l| l.strip_prefix("name"))?;
    Some(name.trim_start().strip_prefix('=')?.trim().trim_matches(['"', '\'']))
}

/// Whether Rust code defines a route: `.route("/health"` of axum, `#[get("/health")]` of others.
fn defines(text: &str, route: &str) -> bool {
    [".route(", "#[get("].iter().any(|call| {
        text.match_indices(call).any(|(i, _)| {
            let rest = text[i + call.len()..].trim_start();
            rest.strip_prefix('"').and_then(|r| r.strip_prefix(route)).is_some_and(|r| r.starts_with('"'))
        })
    })
}

#[cfg(test)]
mod tests {
    use dormouse_model::manifest::{Keys, ManifestInput};

    use super::*;

    #[test]
    fn members_of_a_workspace_are_needed() {
        let mut input = ManifestInput::new("shop");
        for (path, text) in [("Cargo.toml", "[workspace]"), ("tools/admin/Cargo.toml", "[package]")] {
            input.add_file(path, text);
        }
        for (folder, needed) in [("tools/admin", true), ("frontend", false), ("tools/adm", false)] {
            assert_eq!(needs(&Code::new(&input, "."), folder), needed, "{folder}");
        }
        assert!(!needs(&Code::new(&input, "tools"), "admin"), "it has no Cargo.toml of its own");
    }

    #[test]
    fn packages_and_their_routes() {
        let mut input = ManifestInput::new("x");
        for (file, text) in [
            ("api/Cargo.toml", "[package]\nname = \"shop-api\"\n[dependencies]\nname = \"no\"\n"),
            ("api/src/routes.rs", "Router::new().route(\n \"/health\", get(ok))"),
            ("page/Cargo.toml", "[dependencies]\n[package]\nname='shop-page'"),
            ("page/src/main.rs", "client.get(\"/health\"); #[get(\"/healthz\")]"),
        ] {
            input.add_file(file, text);
        }
        for (source, package, route) in [
            ("api", None, Some("/health")),
            (".", Some("shop-api"), Some("/health")),
            (".", Some("shop-page"), Some("/healthz")),
            ("page", None, Some("/healthz")),
        ] {
            let keys = Keys { package, ..Keys::default() };
            assert_eq!(health(&Code::new(&input, source).with(keys)), route, "{source} {package:?}");
        }
    }
}
