//! The services of a folder without a manifest.

use super::{
    code::{Code, Languages},
    input::ManifestInput,
    names,
    typed::Service,
};

/// Folders that hold code which is not a service.
const NOT_SERVICES: [&str; 8] = ["tests", "test", "docs", "doc", "scripts", "venv", "env", "node_modules"];

/// The folder itself, or each folder in it.
pub(super) fn services(input: &ManifestInput, languages: &dyn Languages) -> Vec<Service> {
    let can_build = |folder: &str| languages.can_build(&Code::new(input, folder));
    let mut found: Vec<(String, &str)> = input
        .folders()
        .filter(|f| !f.contains('/') && !f.starts_with('.') && !NOT_SERVICES.contains(f))
        .filter(|f| can_build(f))
        .map(|f| (names::sanitise(f, "service"), f))
        .collect();
    // What says how to build above several services is often nothing but the settings of tools.
    if can_build(".") && (languages.is_at_top(&Code::new(input, ".")) || found.len() < 2) {
        let mut web = Service::named("web".to_owned(), None);
        web.found_in = Some(".".to_owned());
        return vec![web];
    }
    found.dedup_by(|a, b| a.0 == b.0);
    let mut services: Vec<Service> = found
        .into_iter()
        .map(|(name, folder)| {
            let mut service = Service::named(name, None);
            service.found_in = Some(folder.to_owned());
            service
        })
        .collect();
    services.sort_by(|a, b| a.name.cmp(&b.name));
    services
}
