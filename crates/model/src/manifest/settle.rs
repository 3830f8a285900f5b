//! From what was typed to what is meant: defaults filled in, references checked.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    code::{Code, Facts, Keys},
    environment::{self, Owner},
    foreign, found,
    input::ManifestInput,
    jobs, names, nearly,
    outside::Outside,
    path, port,
    problem::{Place, Report},
    remarks, serves,
    typed::{ProbeKind, Project, Service, Written},
};
use crate::{
    Ask, Env, HealthSpec, Limits, Origin, Origins, ProjectName, ProjectSpec, Serves, ServiceKind,
    ServiceName, ServiceSpec, SleepPolicy, Visibility, bounds, server::How,
};

/// Port when nothing names one; every start command we find ourselves takes it from `PORT`.
const PORT: u16 = 8000;

/// How long requests in flight get when an instance is stopped.
const STOP_GRACE: std::time::Duration = std::time::Duration::from_secs(30);

/// How long a job may take when nothing says: a migration of a large table takes its time, and one that hangs is to be
/// told of some day.
const JOB_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3600);

/// Names of the service people open, when nothing says which it is.
const FRONT: [&str; 3] = ["frontend", "web", "app"];

/// The project, or `None` with the reasons reported.
pub(super) fn project(
    input: &ManifestInput,
    outside: &mut Outside<'_>,
    typed: &Project,
    report: &mut Report,
) -> Option<ProjectSpec> {
    let name = match (input.project(), &typed.name) {
        (Some(asked), _) => match asked.parse::<ProjectName>() {
            Ok(name) => Some(name),
            Err(e) => {
                let hint = format!("`--project {}` would do", names::sanitise(asked, "app"));
                report.folder(e.to_string(), hint);
                None
            }
        },
        (None, Some(written)) => match written.value.parse::<ProjectName>() {
            Ok(name) => Some(name),
            Err(e) => {
                let hint = format!("`{}` would do", names::sanitise(&written.value, "app"));
                report.at(written.place.clone(), e.to_string(), Some(hint));
                None
            }
        },
        (None, None) => names::sanitise(input.folder(), "app").parse().ok(),
    };
    let found;
    let services = match &typed.services {
        Some(services) => services,
        None => {
            found = found::services(input, outside.languages);
            &found
        }
    };
    if services.is_empty() {
        // A file that says something wrong has more to do with it than what it does not say.
        if !report.has_problems() {
            nearly::nothing(input, outside.languages, report);
        }
        return None;
    }
    let found = typed.services.is_none();
    if found {
        nearly::warn_of_variants(input, report);
    }
    let sources: Vec<_> = services.iter().map(|service| source(input, outside, service, report)).collect();
    let secret = foreign::secret(services, &typed.secret_files);
    let mut settled = Vec::new();
    for (service, source) in services.iter().zip(&sources) {
        let settling = one(outside, service, source.as_deref(), services, &sources, &secret, report);
        // Where only the manifest is read yet no source is there, and what its environment refers to is wanted all
        // the same.
        let owned_by = service.name.parse().ok();
        let owner = Owner { project: name.as_ref(), service: owned_by.as_ref() };
        let port = settling.as_ref().map(|(spec, _)| spec.port);
        let env = environment::settle(outside, owner, service, port, typed.unset, report);
        if let Some((mut spec, facts)) = settling {
            spec.env = env;
            settled.push((service, spec, facts));
        }
    }
    jobs::order(&settled, report);
    make_public(&mut settled, report);
    if found {
        // Nothing says who calls whom. The front calls the others, or they would not be there.
        let all: BTreeSet<_> = settled.iter().map(|(_, s, _)| s.name.clone()).collect();
        for (_, spec, _) in settled.iter_mut().filter(|(_, s, _)| s.visibility == Visibility::Public) {
            spec.needs = all.iter().filter(|n| **n != spec.name).cloned().collect();
        }
    }
    remarks::all(input, outside, settled.iter().map(|(_, spec, _)| spec), report);
    let services = settled.into_iter().map(|(_, s, _)| (s.name.clone(), Arc::new(s))).collect();
    Some(ProjectSpec { name: name?, services })
}

/// One service, still private.
fn one(
    outside: &Outside<'_>,
    typed: &Service,
    source: Option<&str>,
    all: &[Service],
    sources: &[Option<String>],
    secret: &[&str],
    report: &mut Report,
) -> Option<(ServiceSpec, Facts)> {
    let (input, languages) = (outside.input, outside.languages);
    let name = match (typed.name.parse::<ServiceName>(), &typed.place) {
        (Ok(name), _) => Some(name),
        (Err(e), Some(place)) => {
            let hint = format!("`{}` would do", names::sanitise(&typed.name, "service"));
            report.at(place.clone(), e.to_string(), Some(hint));
            None
        }
        (Err(e), None) => {
            report.folder(e.to_string(), "rename its folder, or write a dormouse.toml");
            None
        }
    };
    let needs = others("need", &typed.needs, typed, all, report);
    let after = others("wait for", &typed.after, typed, all, report);
    let include = include(typed, report);
    let source = source?;
    let others = sources.iter().flatten().map(String::as_str);
    let code = Code::new(input, source).with(keys(typed));
    let left_out = foreign::left_out(code, languages, typed, secret, source, others, &include);
    let facts = languages.look(&code.without(&left_out));
    let requirements = typed.requirements.as_ref().and_then(|w| inside(w, "requirements file", report));
    let workdir = typed.workdir.as_ref().and_then(|w| workdir(input, source, w, typed.guess, report));
    let origin = |place: &Place| Origin::written(&place.file, place.line);
    let listens = match typed.kind {
        None if typed.guess => serves::listens(input, code, languages, typed, facts, all),
        Some(ServiceKind::Web) | None => Some(None),
        Some(ServiceKind::Worker | ServiceKind::Job) => None,
    };
    let kind = typed.kind.unwrap_or(if listens.is_some() { ServiceKind::Web } else { ServiceKind::Worker });
    if let (Some(number), Some(place)) = (port::refused(typed), &typed.start_at) {
        let what = format!("{number} is not a port: they go from 1 to 65535");
        let hint = "write $PORT there, which is the service's port".to_owned();
        report.at(place.clone(), what, Some(hint));
    }
    let port = typed.port.or_else(|| port::of(typed)).or_else(|| port::in_files(code, languages, typed));
    let port = port.or(listens.flatten());
    let port = port.or(facts.port).unwrap_or(PORT);
    let limits = limits(input, typed, report);
    let sleep = SleepPolicy::default();
    Some((
        ServiceSpec {
            name: name?,
            kind,
            source: source.to_owned(),
            include,
            left_out,
            start: typed.start.clone(),
            package: typed.package.clone(),
            requirements,
            install: typed.install.as_ref().map(|w| w.value.clone()).unwrap_or_default(),
            workdir,
            origins: Origins {
                start: typed.start_at.as_ref().filter(|_| typed.start.is_some()).map(origin),
                install: typed.install.as_ref().map(|w| origin(&w.place)),
                compose: typed.place.as_ref().filter(|_| typed.guess).map(|place| place.file.clone()),
            },
            port,
            health: health(typed, kind, facts),
            needs,
            after,
            replicas: replicas(typed, kind, report),
            limits,
            env: Env::default(),
            stored: Env::default(),
            visibility: Visibility::Private,
            sleep: SleepPolicy {
                after: typed.sleep.after.unwrap_or(sleep.after),
                depth: typed.sleep.depth.unwrap_or(sleep.depth),
                streams: typed.sleep.streams.unwrap_or(sleep.streams),
                patience: typed.sleep.patience.unwrap_or(sleep.patience),
            },
            stop_grace: typed.stop_grace.unwrap_or(STOP_GRACE),
            packages: typed.packages.iter().cloned().collect(),
            aliases: typed.aliases.iter().cloned().collect(),
        },
        facts,
    ))
}

/// What a service says that only one language or another understands.
fn keys(typed: &Service) -> Keys<'_> {
    Keys {
        package: typed.package.as_deref(),
        requirements: typed.requirements.is_some(),
        install: typed.install.is_some(),
    }
}

/// How many instances it has. A job runs once.
fn replicas(typed: &Service, kind: ServiceKind, report: &mut Report) -> u32 {
    let Some(Written { value, place }) = &typed.replicas else { return 1 };
    match kind {
        ServiceKind::Web | ServiceKind::Worker => *value,
        ServiceKind::Job if *value == 1 => 1,
        ServiceKind::Job if typed.guess => {
            report.warn(format!(
                "`{}` runs once, and has one instance, though {value} are asked for",
                typed.name
            ));
            1
        }
        ServiceKind::Job => {
            let hint = "leave it out; several jobs may run side by side under names of their own";
            report.at(place.clone(), "a job runs once, and has one instance", Some(hint.to_owned()));
            1
        }
    }
}

/// What its instances may use; more than the server gives is a problem.
fn limits(input: &ManifestInput, typed: &Service, report: &mut Report) -> Limits {
    let default = Limits::default();
    let limits = Limits {
        memory: typed.memory.unwrap_or(default.memory),
        cpu_milli: typed.cpu_milli.unwrap_or(default.cpu_milli),
        pids: typed.pids.unwrap_or(default.pids),
        disk: typed.disk.unwrap_or(default.disk),
    };
    for over in input.most.iter().flat_map(|most| bounds::too_much(&limits, most)) {
        if let Some(Written { value, place }) = typed.asked.get(over.what) {
            let message =
                format!("`{value}` is more than this server gives a service: {} at most", over.most);
            report.at(place.clone(), message, Some(over.hint()));
        }
    }
    limits
}

fn health(service: &Service, kind: ServiceKind, facts: Facts) -> HealthSpec {
    let (typed, default) = (&service.health, HealthSpec::default());
    let page = facts.page.unwrap_or("/");
    let mut health = HealthSpec {
        ask: match (&typed.probe, kind) {
            (Some(ProbeKind::Tcp), _) | (None, ServiceKind::Worker | ServiceKind::Job) => Ask::Connection,
            (Some(ProbeKind::Http(path)), _) => Ask::Path(path.clone()),
            (None, ServiceKind::Web) => {
                Ask::Auto { route: facts.health.map(str::to_owned), page: page.to_owned() }
            }
        },
        server: match kind {
            ServiceKind::Web => facts.server.map(|by| Serves { by, how: How::Code }),
            ServiceKind::Worker | ServiceKind::Job => None,
        },
        interval: typed.interval.unwrap_or(default.interval),
        timeout: typed.timeout.unwrap_or(default.timeout),
        start_timeout: typed.start_timeout.unwrap_or(match kind {
            ServiceKind::Web | ServiceKind::Worker => default.start_timeout,
            ServiceKind::Job => JOB_TIMEOUT,
        }),
        failures: typed.failures.unwrap_or(default.failures),
        hang_timeout: typed.hang_timeout.unwrap_or(default.hang_timeout),
    };
    // A command that only the builder can find is taken into account when it is found.
    if let (Some(start), ServiceKind::Web) = (&service.start, kind) {
        health.started_by(start);
    }
    health
}

/// The other services that it names.
fn others(
    verb: &str,
    written: &[Written<String>],
    typed: &Service,
    all: &[Service],
    report: &mut Report,
) -> BTreeSet<ServiceName> {
    let others = || all.iter().map(|s| s.name.as_str()).filter(|n| *n != typed.name);
    let mut named = BTreeSet::new();
    for need in written {
        if need.value == typed.name {
            report.at(need.place.clone(), format!("a service cannot {verb} itself"), None);
        } else if !others().any(|n| n == need.value) {
            let near = names::nearest(&need.value, others());
            let hint = near.map(|n| format!("did you mean `{n}`?")).or_else(|| {
                let all: Vec<_> = others().map(|n| format!("`{n}`")).collect();
                (!all.is_empty()).then(|| format!("the other services are: {}", all.join(", ")))
            });
            report.at(need.place.clone(), format!("there is no service `{}`", need.value), hint);
        } else if let Ok(name) = need.value.parse() {
            named.insert(name);
        }
    }
    named
}

/// The source folder: as typed, else the folder of the service's name, else the project's own.
fn source(
    input: &ManifestInput,
    outside: &mut Outside<'_>,
    typed: &Service,
    report: &mut Report,
) -> Option<String> {
    let Some(written) = &typed.source else {
        outside.wanted.sources.insert(".".to_owned());
        // A package is looked for everywhere: it may lie beside others that it is built of.
        let is_own = |name: &&str| typed.package.is_none() && input.has_folder(name);
        let own = path::join(&input.given.base, &typed.name);
        let own =
            Some(own).filter(|o| is_own(&o.as_str())).unwrap_or_else(|| path::join(&input.given.base, "."));
        return Some(typed.found_in.clone().unwrap_or(own));
    };
    let mut fail = |message: String, hint: Option<String>| {
        report.at(written.place.clone(), message, hint);
        None
    };
    if written.value.starts_with('/') {
        let hint = "write it relative to this file".to_owned();
        return fail("the source folder must not be absolute".to_owned(), Some(hint));
    }
    let from_manifest = path::join(".", &written.value);
    outside.wanted.up = outside.wanted.up.max(path::levels_up(&from_manifest));
    outside.wanted.sources.insert(from_manifest);
    let path = path::join(&input.given.base, &written.value);
    if path::levels_up(&path) > 0 {
        let hint = "move this file to a folder above all its sources".to_owned();
        return fail("the source folder must not lie outside the project's folder".to_owned(), Some(hint));
    }
    if !input.has_folder(&path) {
        let hint = names::nearest(&path, input.folders()).map(|n| format!("did you mean `{n}`?"));
        return fail(format!("there is no folder `{path}`"), hint);
    }
    Some(path)
}

/// What belongs to a service although another's folder holds it.
fn include(typed: &Service, report: &mut Report) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for written in &typed.include {
        let path = path::join(".", &written.value);
        if path.starts_with('/') || path::levels_up(&path) > 0 {
            let hint = "name files and folders relative to the service's `source`".to_owned();
            report.at(written.place.clone(), "this is not below the source folder", Some(hint));
        } else {
            out.insert(path);
        }
    }
    out
}

/// A path below a service's source folder.
fn inside(written: &Written<String>, what: &str, report: &mut Report) -> Option<String> {
    let path = path::join(".", &written.value);
    if path.starts_with('/') || path::levels_up(&path) > 0 {
        let hint = "write it relative to the service's `source`".to_owned();
        let message = format!("the {what} must lie in the service's source folder");
        report.at(written.place.clone(), message, Some(hint));
        return None;
    }
    Some(path)
}

/// The folder it is started in; the image has the source folder at `/app`.
fn workdir(
    input: &ManifestInput,
    source: &str,
    written: &Written<String>,
    guess: bool,
    report: &mut Report,
) -> Option<String> {
    let below = written.value.strip_prefix("/app").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let value = below.map_or(written.value.as_str(), |rest| rest.trim_start_matches('/')).to_owned();
    let path = inside(&Written { value, place: written.place.clone() }, "working directory", report)?;
    if path == "." {
        return None;
    }
    let folder = if source == "." { path.clone() } else { format!("{source}/{path}") };
    if !input.has_folder(&folder) && guess {
        // In a compose file it may be a Dockerfile that makes it.
        let what = format!("there is no folder `{folder}`, so the service is started in its source folder");
        report.warn_at(&written.place, what);
        return None;
    }
    if !input.has_folder(&folder) {
        let hint = names::nearest(&folder, input.folders()).map(|n| format!("did you mean `{n}`?"));
        report.at(written.place.clone(), format!("there is no folder `{folder}`"), hint);
        return None;
    }
    Some(path)
}

/// Decide who has a public host: those that say so; when nobody says anything, the one that looks like the front.
fn make_public(settled: &mut [(&Service, ServiceSpec, Facts)], report: &mut Report) {
    let mut said = false;
    for (typed, spec, _) in settled.iter_mut() {
        let Some(public) = &typed.public else { continue };
        let has_no_port = match spec.kind {
            ServiceKind::Web => None,
            ServiceKind::Worker => Some("a worker"),
            ServiceKind::Job => Some("a job"),
        };
        if let Some(what) = has_no_port.filter(|_| public.value) {
            let hint = "leave `public` out, or make it kind = \"web\"".to_owned();
            report.at(
                public.place.clone(),
                format!("{what} has no port, so it cannot be public"),
                Some(hint),
            );
        }
        said |= public.value;
        spec.visibility = if public.value { Visibility::Public } else { Visibility::Private };
    }
    if said {
        return;
    }
    let candidates: Vec<usize> = (0..settled.len())
        .filter(|&i| settled[i].1.kind == ServiceKind::Web && settled[i].0.public.is_none())
        .collect();
    let named = |name: &&str| candidates.iter().copied().find(|&i| settled[i].1.name.as_str() == *name);
    let pages: Vec<usize> = candidates.iter().copied().filter(|&i| settled[i].2.has_pages).collect();
    let chosen = match (&candidates[..], &pages[..]) {
        ([only], _) => Some(*only),
        (_, pages) => FRONT.iter().find_map(named).or(match pages {
            [only] => Some(*only),
            _ => None,
        }),
    };
    match chosen {
        Some(i) => settled[i].1.visibility = Visibility::Public,
        None if candidates.is_empty() => {}
        None => {
            let compose = settled.iter().find_map(|(_, spec, _)| spec.origins.compose.as_ref());
            let hint = match compose {
                Some(file) => format!("give one of them `ports` in {file}"),
                None => "write `public = true` under one of them in dormouse.toml".to_owned(),
            };
            report
                .warn(format!("no service is public, so nothing can be opened from outside\n  hint: {hint}"));
        }
    }
}
