//! Django projects: a `manage.py`, and beside it the package that its server loads.

use super::{
    Listing, Origin, PlanError, Wishes,
    requirements::Names,
    start::{self, Start, needs_server, strings},
};

/// How deep a `manage.py` may lie.
const DEPTH: usize = 2;

/// The command of the project at the top, or of the only one below.
pub(super) fn start(
    listing: &Listing,
    wishes: &Wishes<'_>,
    names: &Names,
) -> Result<Option<Start>, PlanError> {
    let is_project = |path: &&str| {
        let text = listing.text(path).unwrap_or_default();
        names.has("django") || text.contains("DJANGO_SETTINGS_MODULE")
    };
    let mut found: Vec<&str> = listing
        .paths()
        .filter(|p| super::is_named(p, "manage.py") && p.matches('/').count() <= DEPTH && !start::is_aside(p))
        .filter(is_project)
        .collect();
    found.sort_by_key(|p| (p.matches('/').count(), *p));
    let Some(&manage) = found.first() else { return Ok(None) };
    let folder = manage.strip_suffix("manage.py").unwrap_or_default().trim_end_matches('/');
    let others: Vec<_> =
        found.iter().filter(|p| p.matches('/').count() == manage.matches('/').count()).copied().collect();
    if others.len() > 1 {
        return Err(PlanError::new(
            format!("there are several Django projects: {}", others.join(", ")),
            format!("point `{}` in {} at the folder of one of them", wishes.source_key(), wishes.file()),
        ));
    }
    let Some((file, target)) = application(listing, folder, manage) else {
        return Err(PlanError::new(
            format!("{manage} is that of a Django project, and no wsgi.py or asgi.py was found beside it"),
            start::say(wishes),
        ));
    };
    let asgi = file.ends_with("asgi.py");
    let command = match (asgi, names) {
        (false, n) if n.has("gunicorn") => vec!["gunicorn", &target, "--bind", "0.0.0.0:$PORT"],
        (false, n) if n.has("waitress") && folder.is_empty() => {
            vec!["waitress-serve", "--port", "$PORT", &target]
        }
        (_, n) if n.has("uvicorn") && asgi => {
            vec!["uvicorn", &target, "--host", "0.0.0.0", "--port", "$PORT"]
        }
        _ => {
            let what = if folder.is_empty() {
                "this Django project".to_owned()
            } else {
                format!("the Django project in {folder}")
            };
            let mut example = vec!["gunicorn", &target, "--bind", "0.0.0.0:$PORT"];
            if !folder.is_empty() {
                example.extend(["--chdir", folder]);
            }
            return Err(needs_server(&what, "gunicorn", &example, names, wishes));
        }
    };
    let mut command = strings(&command);
    if !folder.is_empty() {
        let option = if asgi { "--app-dir" } else { "--chdir" };
        command.extend(strings(&[option, folder]));
    }
    Ok(Some(Start { command, origin: Some(Origin::found(&file, None)), ..Start::default() }))
}

/// The file that makes the application, and what a server is told of it. Of several, that beside the settings which
/// `manage.py` names.
fn application(listing: &Listing, folder: &str, manage: &str) -> Option<(String, String)> {
    let inside = |path: &str| match folder {
        "" => Some(path.to_owned()),
        folder => Some(path.strip_prefix(folder)?.strip_prefix('/')?.to_owned()),
    };
    let text = listing.text(manage).unwrap_or_default();
    let settings =
        text.split(['"', '\'']).find(|word| word.contains(".settings") || word.contains("settings."));
    let package = settings.and_then(|s| s.split('.').next()).unwrap_or_default();
    let of = |name: &str| {
        let mut all: Vec<_> = listing
            .paths()
            .filter(|p| super::is_named(p, name) && !start::is_aside(p))
            .filter_map(|p| Some((p.to_owned(), inside(p)?)))
            .filter(|(_, below)| (1..=2).contains(&below.matches('/').count()))
            .collect();
        all.sort_by_key(|(_, below)| {
            (!below.starts_with(package), below.matches('/').count(), below.clone())
        });
        all.into_iter().next()
    };
    let (file, below) = of("wsgi.py").or_else(|| of("asgi.py"))?;
    Some((file, format!("{}:application", start::dotted(&below))))
}
