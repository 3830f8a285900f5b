//! Services that run once at each deploy, and those that wait for them or for others.

use std::collections::{BTreeMap, BTreeSet};

use super::{code::Facts, problem::Report, typed::Service};
use crate::{ServiceKind, ServiceName, ServiceSpec};

/// Check who waits for whom: nobody calls a job, and somebody has to be first.
pub(super) fn order(settled: &[(&Service, ServiceSpec, Facts)], report: &mut Report) {
    let specs: BTreeMap<_, _> = settled.iter().map(|(_, spec, _)| (&spec.name, spec)).collect();
    let kind = |name: &str| name.parse::<ServiceName>().ok().and_then(|name| Some(specs.get(&name)?.kind));
    for (typed, spec, _) in settled {
        for written in &typed.needs {
            if kind(&written.value) == Some(ServiceKind::Job) {
                let what = format!("`{}` is a job, and nobody can call it", written.value);
                let hint = format!("write after = [\"{}\"]", written.value);
                report.at(written.place.clone(), what, Some(hint));
            }
        }
        if let Some(written) = typed.after.first()
            && waits_for_itself(&specs, &spec.name)
        {
            let what = format!("`{}` waits for itself, through others", spec.name);
            report.at(written.place.clone(), what, Some("let one of them begin".to_owned()));
        }
    }
}

/// Whether a service waits for itself, through others.
fn waits_for_itself(specs: &BTreeMap<&ServiceName, &ServiceSpec>, name: &ServiceName) -> bool {
    let mut seen = BTreeSet::new();
    let mut todo = vec![name];
    while let Some(next) = todo.pop() {
        for job in specs.get(next).into_iter().flat_map(|spec| &spec.after) {
            if job == name {
                return true;
            }
            if seen.insert(job) {
                todo.push(job);
            }
        }
    }
    false
}
