//! Finding the start command when the manifest names none.

use std::{collections::BTreeMap, path::Path};

use dormouse_model::ServiceKind;

use super::{
    Listing, Origin, PlanError, Wishes,
    by_hand::{self, Port},
    django, factory,
    framework::{self, App, Made, Script, Serves},
    procfile::{self, Unused},
    requirements::{self, Names},
};

pub(super) fn say(wishes: &Wishes<'_>) -> String {
    format!("name the command as `{}` in {}", wishes.start_key(), wishes.file())
}

/// File names apps usually live in; others are looked at last.
const USUAL: &[&str] =
    &["main.py", "app.py", "server.py", "api.py", "asgi.py", "wsgi.py", "application.py", "__init__.py"];
const USUAL_PAGES: &[&str] =
    &["streamlit_app.py", "app.py", "main.py", "Home.py", "home.py", "frontend.py", "dashboard.py", "ui.py"];

/// How it is started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Start {
    /// `$PORT` still in it.
    pub(crate) command: Vec<String>,
    /// What that needs in its environment.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) origin: Option<Origin>,
    pub(crate) notes: Vec<String>,
}

impl Start {
    fn new(command: Vec<String>, origin: Origin) -> Self {
        Self { command, origin: Some(origin), ..Self::default() }
    }
}

/// Decide how to start what is listed, given the packages it installs.
pub(crate) fn decide(listing: &Listing, wishes: &Wishes<'_>, names: &Names) -> Result<Start, PlanError> {
    if let Some(command) = wishes.start {
        return Ok(Start {
            command: command.to_vec(),
            origin: wishes.start_origin.cloned(),
            ..Start::default()
        });
    }
    let top = wishes.workdir.unwrap_or_default();
    let below;
    let inside = match wishes.workdir {
        Some(folder) => {
            below = listing.below(folder);
            &below
        }
        None => listing,
    };
    for (listing, folder) in [(listing, ""), (inside, top)] {
        if let Some(found) = procfile::command(listing, wishes)? {
            let mut origin = found.origin;
            origin.file = requirements::join(folder, &origin.file);
            let start = Start { env: found.env, ..Start::new(found.words, origin) };
            return Ok(start);
        }
    }
    let unused = [(listing, ""), (inside, top)]
        .into_iter()
        .find_map(|(listing, folder)| procfile::unused(listing, wishes, folder));
    let mut start = detect(inside, wishes, names, unused.as_ref())?;
    if let Some(origin) = &mut start.origin {
        origin.file = requirements::join(top, &origin.file);
    }
    Ok(start)
}

/// Python files with their text, those nearest to the top first, then by name.
fn code(listing: &Listing) -> Vec<(&str, &str)> {
    let is_code = |p: &&str| Path::new(p).extension().is_some_and(|e| e == "py");
    let mut found: Vec<_> =
        listing.paths().filter(is_code).filter_map(|p| Some((p, listing.text(p)?))).collect();
    found.sort_by_key(|(p, _)| (p.matches('/').count(), *p));
    found
}

/// The same where nobody says so, though a `Procfile` that starts nothing may be there.
fn detect(
    listing: &Listing,
    wishes: &Wishes<'_>,
    names: &Names,
    unused: Option<&Unused>,
) -> Result<Start, PlanError> {
    let files = code(listing);
    match wishes.kind {
        ServiceKind::Web => {}
        ServiceKind::Worker => {
            let hint = match by_hand::celery(&ranked(&files)) {
                Some((command, _)) => {
                    format!("name the command in {}, such as {}", wishes.file(), wishes.as_start(&command))
                }
                None => say(wishes),
            };
            return Err(nothing("nothing says how to start this worker".to_owned(), hint, unused));
        }
        ServiceKind::Job => {
            return Err(nothing("nothing says what this job runs".to_owned(), say(wishes), unused));
        }
    }
    let app = find_app(listing, names, &files);
    let page = if names.may_have("streamlit") { find_page(&files, wishes)? } else { None };
    match (app, page) {
        (Some((file, app)), Some(page)) => Err(PlanError::new(
            format!("it holds both `{}` in {file} and a Streamlit page, {page}", app.variable),
            format!(
                "make them two services of {} with the same `{}`, each with its own `{}`, such as `{}`",
                wishes.file(),
                wishes.source_key(),
                wishes.start_key(),
                words(&serve(listing, wishes, names, (file, app))).unwrap_or_default()
            ),
        )),
        (Some((file, _)), None)
            if let Some(listener) = by_hand::at_import(file, listing.text(file).unwrap_or_default()) =>
        {
            match listener.port {
                Port::Given => Ok(run_by_itself(listener.file, listener.line)),
                Port::Own(_) | Port::Unknown => Err(listener.error_at_import(wishes)),
            }
        }
        (Some((file, app)), None) => {
            Ok(Start::new(serve(listing, wishes, names, (file, app))?, Origin::found(file, Some(app.line))))
        }
        (None, Some(page)) => Ok(Start::new(streamlit(page), Origin::found(page, None))),
        (None, None) => match find_script(&files, names) {
            Some((file, script, line)) => Ok(run(file, script, line, wishes.port)),
            None => match django::start(listing, wishes, names)? {
                Some(start) => Ok(start),
                None => by_itself(&ranked(&files), wishes, unused),
            },
        },
    }
}

/// A script that listens where it is told; otherwise what to write.
fn by_itself(
    files: &[(&str, &str)],
    wishes: &Wishes<'_>,
    unused: Option<&Unused>,
) -> Result<Start, PlanError> {
    if let Some(listener) = by_hand::listener(files) {
        return match listener.port {
            Port::Given => Ok(run_by_itself(listener.file, listener.line)),
            Port::Own(_) | Port::Unknown => Err(listener.error(wishes)),
        };
    }
    if let Some((command, place)) = by_hand::celery(files) {
        return Err(PlanError::new(
            format!("it has a Celery app ({place}), and nothing that answers requests"),
            match wishes.compose {
                Some(file) => format!("write command: {command} for {} in {file}", wishes.service),
                None => format!(
                    "write kind = \"worker\" and start = \"{command}\" for the service in dormouse.toml: it has no port then"
                ),
            },
        ));
    }
    // A Procfile that is there was found, whatever it is worth.
    let procfile = if unused.is_none() { ", no Gradio demo and no Procfile" } else { " and no Gradio demo" };
    let what = format!("no FastAPI, Flask, Django or other app, no Streamlit page{procfile} was found");
    let example = wishes.as_start("python main.py");
    let hint = format!("{}, for example {example}; it has to listen on $PORT", say(wishes));
    Err(nothing(what, hint, unused))
}

/// Nothing says how to start it; where a `Procfile` was to, why it does not.
fn nothing(what: String, hint: String, unused: Option<&Unused>) -> PlanError {
    match unused {
        None => PlanError::new(what, hint),
        Some(Unused { why, hint: instead }) => {
            PlanError::new(format!("{what}, and {why}"), instead.clone().unwrap_or(hint))
        }
    }
}

fn run_by_itself(file: &str, line: usize) -> Start {
    Start::new(strings(&["python", file]), Origin::found(file, Some(line)))
}

/// Those that may be meant, the likeliest first.
fn ranked<'a>(files: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut files: Vec<_> =
        files.iter().filter(|(path, _)| !is_aside(path) && path.matches('/').count() <= 3).copied().collect();
    files.sort_by_key(|(path, _)| rank(path, USUAL));
    files
}

/// A file that serves something by itself.
fn find_script<'a>(files: &[(&'a str, &'a str)], names: &Names) -> Option<(&'a str, Script, usize)> {
    let installed = |script: Script| match script {
        Script::Dash => names.may_have("dash"),
        Script::Gradio => names.may_have("gradio"),
    };
    files
        .iter()
        .filter(|(path, _)| !is_aside(path) && path.matches('/').count() <= 3)
        .filter_map(|(path, text)| framework::script(text).map(|(script, line)| (*path, script, line)))
        .filter(|(_, script, _)| installed(*script))
        .min_by_key(|(path, ..)| rank(path, USUAL))
}

/// Run it, and tell it in its own words where to listen.
fn run(file: &str, script: Script, line: usize, port: u16) -> Start {
    let (host_name, port_name) = match script {
        Script::Dash => ("HOST", None),
        Script::Gradio => ("GRADIO_SERVER_NAME", Some("GRADIO_SERVER_PORT")),
    };
    let host = (host_name.to_owned(), "0.0.0.0".to_owned());
    let port = port_name.map(|name| (name.to_owned(), port.to_string()));
    let env = [host].into_iter().chain(port).collect();
    Start { env, ..Start::new(strings(&["python", file]), Origin::found(file, Some(line))) }
}

fn words(command: &Result<Vec<String>, PlanError>) -> Option<String> {
    Some(command.as_ref().ok()?.join(" "))
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Tests and scripts make apps too, but nobody deploys those.
pub(super) fn is_aside(path: &str) -> bool {
    let aside = ["test", "tests", "example", "examples", "docs", "scripts", "migrations"];
    let name = base_name(path);
    path.split('/').any(|p| aside.contains(&p)) || name.starts_with("test_") || name == "conftest.py"
}

fn rank(path: &str, usual: &[&str]) -> (usize, usize) {
    let name = usual.iter().position(|u| *u == base_name(path)).unwrap_or(usual.len());
    (path.matches('/').count(), name)
}

/// One that stands in its file goes first, then one that a function made, then a function that nobody calls.
fn find_app<'a>(
    listing: &Listing,
    names: &Names,
    files: &[(&'a str, &'a str)],
) -> Option<(&'a str, App<'a>)> {
    let files = ranked(files);
    let best = |find: &dyn Fn(&'a str, &'a str) -> Option<App<'a>>| {
        files.iter().find_map(|(path, text)| Some((*path, find(path, text)?)))
    };
    best(&|_, text| framework::app(text))
        .or_else(|| best(&|path, text| factory::held(listing, names, path, text)))
        .or_else(|| best(&|_, text| factory::unasked(text)))
}

fn find_page<'a>(files: &[(&'a str, &'a str)], wishes: &Wishes<'_>) -> Result<Option<&'a str>, PlanError> {
    let mut pages: Vec<&str> = files
        .iter()
        .filter(|(path, text)| !is_aside(path) && framework::imports(text, "streamlit"))
        .map(|(path, _)| *path)
        // `pages/` are shown by the page beside it.
        .filter(|path| !path.split('/').any(|p| p == "pages"))
        .collect();
    pages.sort_by_key(|p| rank(p, USUAL_PAGES));
    let Some(&first) = pages.first() else { return Ok(None) };
    let rivals: Vec<&str> =
        pages.iter().copied().filter(|p| p.matches('/').count() == first.matches('/').count()).collect();
    if rivals.len() > 1 && !USUAL_PAGES.contains(&base_name(first)) {
        return Err(PlanError::new(
            format!("several files may be the Streamlit page: {}", rivals.join(", ")),
            format!(
                "name the right one in {}: {}",
                wishes.file(),
                wishes.as_start(&streamlit(first).join(" "))
            ),
        ));
    }
    Ok(Some(first))
}

fn streamlit(page: &str) -> Vec<String> {
    let mut command = strings(&["streamlit", "run", page]);
    // Watching files for edits would keep a deployed app busy for nothing.
    command.extend(strings(&[
        "--server.port",
        "$PORT",
        "--server.address",
        "0.0.0.0",
        "--server.headless",
        "true",
    ]));
    command.extend(strings(&["--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none"]));
    command
}

fn serve(
    listing: &Listing,
    wishes: &Wishes<'_>,
    names: &Names,
    (file, app): (&str, App<'_>),
) -> Result<Vec<String>, PlanError> {
    let (folder, module) = module(listing, file);
    let mut target = format!("{module}:{}", app.variable);
    let uvicorn = names.has("uvicorn")
        || names.has_extra("fastapi", "standard")
        || names.has_extra("fastapi", "all")
        || names.has_extra("starlette", "full")
        || names.has_extra("litestar", "standard")
        || names.has("python-fasthtml");
    let (command, folder_option, missing): (&[&str], &str, &str) = match app.serves {
        Serves::Asgi if uvicorn => (&["uvicorn", "--host", "0.0.0.0", "--port", "$PORT"], "--app-dir", ""),
        Serves::Asgi if names.has("hypercorn") => (&["hypercorn", "--bind", "0.0.0.0:$PORT"], "", ""),
        Serves::Asgi => (&[], "", "uvicorn"),
        Serves::Wsgi if names.has("gunicorn") => (&["gunicorn", "--bind", "0.0.0.0:$PORT"], "--chdir", ""),
        Serves::Wsgi if names.has("waitress") => (&["waitress-serve", "--port", "$PORT"], "", ""),
        Serves::Wsgi => (&[], "", "gunicorn"),
        // Its manager and its workers would be more processes, of which one serves.
        Serves::Sanic => (&["sanic", "--host=0.0.0.0", "--port=$PORT", "--single-process"], "", ""),
    };
    let Some((program, options)) = command.split_first() else {
        let target = &format!("{module}:{}", app.variable);
        let example: &[&str] = match missing {
            "uvicorn" => &["uvicorn", target, "--host", "0.0.0.0", "--port", "$PORT"],
            _ => &["gunicorn", target, "--bind", "0.0.0.0:$PORT"],
        };
        return Err(needs_server(&format!("`{}` in {file}", app.variable), missing, example, names, wishes));
    };
    let mut options = strings(options);
    match (app.made, *program) {
        (Made::Variable, _) => {}
        (Made::Function, "uvicorn" | "sanic") => options.push("--factory".to_owned()),
        (Made::Function, "waitress-serve") => options.push("--call".to_owned()),
        (Made::Function, _) => target += "()",
    }
    let mut out = strings(&[program]);
    // Waitress takes no option after the app.
    match *program {
        "waitress-serve" => out.extend(options.into_iter().chain([target])),
        _ => out.extend([target].into_iter().chain(options)),
    }
    match folder {
        Some(folder) if !folder_option.is_empty() => out.extend(strings(&[folder_option, folder])),
        Some(folder) => {
            return Err(PlanError::new(
                format!("`{}` in {file} cannot be imported from the top of the source folder", app.variable),
                format!(
                    "point `{}` in {} at {folder}, or {}",
                    wishes.source_key(),
                    wishes.file(),
                    say(wishes)
                ),
            ));
        }
        None => {}
    }
    Ok(out)
}

/// The folder to import from, when it is not the top, and the dotted name from there.
///
/// As Python does: the first folder upwards that is not a package is where imports start. A folder without
/// `__init__.py` still counts as a package when the file imports itself that way.
fn module<'a>(listing: &Listing, file: &'a str) -> (Option<&'a str>, String) {
    let text = listing.text(file).unwrap_or_default();
    let mut top = file.rfind('/').map_or("", |at| &file[..at]);
    while !top.is_empty() {
        let name = base_name(top);
        let package = listing.has(&format!("{top}/__init__.py"))
            || framework::imports(text, name)
            || (framework::imports_relatively(text) && top == file.rfind('/').map_or("", |at| &file[..at]));
        if !package {
            break;
        }
        top = top.rfind('/').map_or("", |at| &top[..at]);
    }
    let inside = file.strip_prefix(top).unwrap_or(file).trim_start_matches('/');
    ((!top.is_empty()).then_some(top), dotted(inside))
}

/// The name of a file's module, as imported from where its path begins.
pub(crate) fn dotted(file: &str) -> String {
    let module = file.strip_suffix("/__init__.py").or_else(|| file.strip_suffix(".py"));
    module.unwrap_or(file).replace('/', ".")
}

/// Nothing that could serve `what` is known to be installed.
pub(super) fn needs_server(
    what: &str,
    missing: &str,
    example: &[&str],
    names: &Names,
    wishes: &Wishes<'_>,
) -> PlanError {
    if let Some(place) = names.elsewhere(missing) {
        return PlanError::new(
            format!("{what} needs a server, and `{missing}` is only in {place}, which is not installed"),
            format!("add `{missing}` to its dependencies"),
        );
    }
    if let Some(who) = names.open() {
        return PlanError::new(
            format!("{what} needs a server, and what {who} installs is not known"),
            format!(
                "{}, such as {}, if that installs `{missing}`",
                say(wishes),
                wishes.as_start(&example.join(" "))
            ),
        );
    }
    PlanError::new(
        format!("{what} needs a server, and its dependencies name none"),
        format!("add `{missing}` to its dependencies"),
    )
}

pub(super) fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&w| w.to_owned()).collect()
}
