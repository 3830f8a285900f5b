//! Public host names and URLs.

use dormouse_model::{ProjectName, ProjectSpec, ServiceName, ServiceSpec, Visibility};

use crate::ControlSettings;

/// `<project>.<domain>`.
fn front_host(project: &ProjectName, domain: &str) -> String {
    format!("{project}.{domain}")
}

/// `<service>--<project>.<domain>`.
fn service_host(project: &ProjectName, service: &ServiceName, domain: &str) -> String {
    format!("{service}--{project}.{domain}")
}

/// Hosts of a service, the shortest first; none for a private one.
pub(crate) fn hosts(spec: &ProjectSpec, service: &ServiceSpec, domain: &str) -> Vec<String> {
    match service.visibility {
        Visibility::Private => vec![],
        Visibility::Public => {
            let own = service_host(&spec.name, &service.name, domain);
            let front = spec.front().is_some_and(|f| f.name == service.name);
            front.then(|| front_host(&spec.name, domain)).into_iter().chain([own]).collect()
        }
    }
}

/// What a service is asked by: its public host, or the name that its neighbours know.
pub(crate) fn authority(
    spec: Option<&ProjectSpec>,
    service: &ServiceSpec,
    settings: &ControlSettings,
) -> String {
    match spec.and_then(|spec| hosts(spec, service, &settings.domain).into_iter().next()) {
        Some(host) => settings.authority(&host),
        None => format!("{}:{}", service.name, service.port),
    }
}

/// All public URLs of a project, the front one first: one for each service.
pub(crate) fn urls(spec: &ProjectSpec, settings: &ControlSettings) -> Vec<String> {
    let front = spec.front();
    let others = spec.services.values().map(AsRef::as_ref).filter(|s| front.is_none_or(|f| f.name != s.name));
    front
        .into_iter()
        .chain(others)
        .filter_map(|s| hosts(spec, s, &settings.domain).first().map(|h| settings.url(h)))
        .collect()
}
