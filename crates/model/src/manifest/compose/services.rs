//! Which services of a compose file are built and started here.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        names,
        node::{Entry, Node, Value},
        outside::Outside,
        problem::Place,
        read::{Reader, join},
        typed::{Service, Written},
    },
    keys::Unhonoured,
    service::{Condition, Dependency, Read, one},
    slips,
};
use crate::ServiceKind;

/// Services named at most, in one warning.
const MOST: usize = 8;

/// One that is not started.
struct LeftOut<'n> {
    name: &'n str,
    image: String,
    place: Place,
    /// Who depends on it.
    wanted_by: Vec<String>,
}

/// Those with a `build` whose profile is asked for.
pub(super) fn services(
    r: &mut Reader<'_>,
    unhonoured: &mut Unhonoured,
    outside: &mut Outside<'_>,
    node: &Node,
) -> Vec<Service> {
    let entries = r.table(node, "services");
    let profiles = outside.profiles();
    let (active, inactive): (Vec<_>, Vec<_>) = entries.iter().partition(|e| is_active(&e.node, &profiles));
    let (built, images): (Vec<_>, Vec<_>) = active.into_iter().partition(|e| build(e, entries).is_some());
    inactive.iter().chain(&images).for_each(|e| slips::in_left_out(r, e));
    let slugs = slugs(r, &built);
    let mut read: Vec<Read> = Vec::new();
    for entry in built {
        let found = build(entry, entries).flatten();
        read.extend(one(r, unhonoured, outside, entry, found, &slugs[&entry.key]));
    }
    let mut left_out: Vec<LeftOut<'_>> = images
        .into_iter()
        .filter(|e| !slips::hides_its_making(&e.node))
        .map(|e| LeftOut {
            name: &e.key,
            image: e.node.get("image").and_then(|i| i.value.scalar()).unwrap_or_default(),
            place: {
                let image = e.node.entry("image").map_or(&e.key_span, |image| &image.key_span);
                r.place(image, &join("services", &e.key))
            },
            wanted_by: Vec::new(),
        })
        .collect();
    circles(r, &read);
    let jobs = jobs(r, &mut read);
    for read in &mut read {
        let (dependencies, by) = (std::mem::take(&mut read.dependencies), read.written.clone());
        for dependency in dependencies {
            if let Some(out) = left_out.iter_mut().find(|o| o.name == dependency.on.value) {
                out.wanted_by.push(by.clone());
            } else if let Some(off) = inactive.iter().find(|e| e.key == dependency.on.value) {
                not_active(r, off, dependency);
            } else if let Some(slug) = slugs.get(&dependency.on.value) {
                let on = Written { value: slug.clone(), ..dependency.on };
                match dependency.until {
                    Condition::Done => read.service.after.push(on),
                    // Nobody calls a job, so there is nothing to be woken.
                    Condition::Started | Condition::Healthy if jobs.contains(slug) => {}
                    Condition::Started => read.service.needs.push(on),
                    Condition::Healthy => {
                        read.service.after.push(on.clone());
                        read.service.needs.push(on);
                    }
                }
            } else if dependency.required {
                let name = &dependency.on.value;
                let near = names::nearest(name, entries.iter().map(|e| e.key.as_str()).filter(|e| *e != by));
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                r.report.at(dependency.on.place, format!("there is no service `{name}`"), hint);
            }
        }
    }
    wait_through_others(&mut read);
    links(&mut read, &slugs);
    let any = !read.is_empty();
    if !any && left_out.is_empty() {
        none_active(r, node, &inactive);
    }
    tell(r, left_out, any);
    read.into_iter().map(|read| read.service).collect()
}

/// Nobody could be the first of services that wait for each other; compose refuses them too.
fn circles(r: &mut Reader<'_>, read: &[Read]) {
    let on = |name: &str| read.iter().find(|read| read.written == name).map(|read| &read.dependencies);
    let mut told = BTreeSet::new();
    for first in read {
        // What leads from this service to others, and whence it led there.
        let mut from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut todo = vec![first.written.as_str()];
        while let Some(name) = todo.pop() {
            for next in on(name).into_iter().flatten().map(|d| d.on.value.as_str()) {
                if !from.contains_key(next) {
                    from.insert(next, name);
                    todo.push(next);
                }
            }
        }
        // To itself alone is told where names are looked up.
        let Some(mut last) = from.get(first.written.as_str()).copied().filter(|l| *l != first.written) else {
            continue;
        };
        let mut circle = vec![first.written.as_str()];
        while last != first.written {
            circle.push(last);
            let Some(before) = from.get(last) else { break };
            last = before;
        }
        circle.push(&first.written);
        circle.reverse();
        let members: BTreeSet<_> = circle.iter().copied().collect();
        let fresh = told.is_disjoint(&members);
        told.extend(members);
        if let (true, Some(dependency)) = (fresh, first.dependencies.iter().find(|d| d.on.value == circle[1]))
        {
            let what = format!("the services wait for each other in a circle: {}", circle.join(" → "));
            r.report.at(dependency.on.place.clone(), what, Some("let one of them begin".to_owned()));
        }
    }
}

/// Services that run once and end, because others wait for their end; by the names that they have here.
fn jobs(r: &mut Reader<'_>, read: &mut [Read]) -> BTreeSet<String> {
    let waited_for = |by: &Read| {
        let done = by.dependencies.iter().filter(|d| d.until == Condition::Done && d.on.value != by.written);
        done.map(|d| d.on.value.clone()).collect::<Vec<_>>()
    };
    let waited_for: BTreeSet<_> = read.iter().flat_map(waited_for).collect();
    let mut jobs = BTreeSet::new();
    for Read { written, service, .. } in read.iter_mut().filter(|read| waited_for.contains(&read.written)) {
        service.kind = Some(ServiceKind::Job);
        service.port = None;
        if let Some(public) = service.public.take() {
            let what = format!("others wait for the end of `{written}`, so nobody is led to its ports");
            r.report.warn_at(&public.place, what);
        }
        jobs.insert(service.name.clone());
    }
    jobs
}

/// What waits for a service that waits for another waits for that too.
fn wait_through_others(read: &mut [Read]) {
    loop {
        let known: BTreeMap<_, _> =
            read.iter().map(|r| (r.service.name.clone(), r.service.after.clone())).collect();
        let mut more = false;
        for Read { service, .. } in read.iter_mut() {
            let through = service.needs.iter().chain(&service.after).filter_map(|on| known.get(&on.value));
            for job in through.flatten().cloned().collect::<Vec<_>>() {
                if job.value != service.name && service.after.iter().all(|on| on.value != job.value) {
                    service.after.push(job);
                    more = true;
                }
            }
        }
        if !more {
            return;
        }
    }
}

/// Whether a service is to be started: it has no profile, or one that is asked for, and more than no copies.
fn is_active(service: &Node, profiles: &BTreeSet<String>) -> bool {
    let none = |node: Option<&Node>| node.and_then(|n| n.value.scalar()).is_some_and(|n| n == "0");
    if none(service.get("scale")) || none(service.get("deploy").and_then(|d| d.get("replicas"))) {
        return false;
    }
    let Some(Value::List(own)) = service.get("profiles").map(|p| &p.value) else { return true };
    let asked = |name: &Node| name.value.scalar().is_some_and(|n| profiles.contains(&n));
    own.is_empty() || profiles.contains("*") || own.iter().any(asked)
}

/// How a service is built: by its own `build`, or by that of another which makes the image it names. The inner `None`
/// is for one that says nothing, which is told; the outer for one that only has an image.
fn build<'n>(service: &'n Entry, all: &'n [Entry]) -> Option<Option<&'n Node>> {
    if let Some(own) = service.node.get("build") {
        return Some(Some(own));
    }
    if service.node.get("provider").is_some() {
        return None;
    }
    let Some(image) = service.node.get("image") else { return Some(None) };
    let makes = |e: &&Entry| e.node.get("image").is_some_and(|i| i.value == image.value);
    all.iter().filter(makes).find_map(|e| e.node.get("build")).map(Some)
}

/// The names that services have here: letters in lower case, digits and dashes, as public host names want them. The
/// name as it is written stays known on the private network.
fn slugs(r: &mut Reader<'_>, services: &[&Entry]) -> BTreeMap<String, String> {
    let mut slugs: BTreeMap<String, String> = BTreeMap::new();
    for entry in services {
        let slug = names::sanitise(&entry.key, "service");
        if let Some((other, _)) = slugs.iter().find(|(_, s)| **s == slug) {
            let what = format!("`{}` and `{other}` are both called `{slug}` here", entry.key);
            let hint = "give one of them another name";
            r.problem(&entry.key_span, &join("services", &entry.key), what, Some(hint));
        }
        slugs.insert(entry.key.clone(), slug);
    }
    slugs
}

fn not_active(r: &mut Reader<'_>, off: &Entry, dependency: Dependency) {
    if !dependency.required {
        return;
    }
    let profile = profiles_of(&off.node).into_iter().next();
    let (why, hint) = match profile {
        Some(profile) => (
            format!("the profile `{profile}` is not asked for"),
            format!("deploy with --profile {profile}, or write `required: false`"),
        ),
        None => ("it has no copies".to_owned(), "let it have one, or write `required: false`".to_owned()),
    };
    let what = format!("`{}` is not started: {why}", off.key);
    r.report.at(dependency.on.place, what, Some(hint));
}

/// `links` give a service further names.
fn links(read: &mut [Read], slugs: &BTreeMap<String, String>) {
    let named: Vec<_> = read.iter().flat_map(|r| r.links.clone()).collect();
    for (target, alias) in named {
        let slug = slugs.get(&target);
        if let Some(read) = read.iter_mut().find(|r| Some(&r.service.name) == slug) {
            read.service.aliases.push(alias);
        }
    }
}

/// Tell that nothing is to be started. Compose does not start anything then either.
fn none_active(r: &mut Reader<'_>, services: &Node, inactive: &[&Entry]) {
    let Some(first) = inactive.first() else { return };
    let place = r.place(&services.span, "services");
    let (what, hint) = match inactive.iter().flat_map(|e| profiles_of(&e.node)).next() {
        Some(profile) => {
            let each = inactive.iter().map(|e| match profiles_of(&e.node).as_slice() {
                [] => format!("`{}` (no copies)", e.key),
                own => format!("`{}` ({})", e.key, own.join(", ")),
            });
            (
                format!("no service is started: each has a profile: {}", each.collect::<Vec<_>>().join(", ")),
                format!(
                    "deploy with --profile {profile}, or set COMPOSE_PROFILES in an .env beside the file"
                ),
            )
        }
        None => (
            format!("no service is started: `{}` is to have no copies", first.key),
            "let it have one".to_owned(),
        ),
    };
    r.report.at(place, what, Some(hint));
}

/// The profiles that a service belongs to.
fn profiles_of(service: &Node) -> Vec<String> {
    match service.get("profiles").map(|p| &p.value) {
        Some(Value::List(items)) => items.iter().filter_map(|n| n.value.scalar()).collect(),
        Some(
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::Table(_),
        )
        | None => Vec::new(),
    }
}

/// Tell of what only has an image.
fn tell(r: &mut Reader<'_>, left_out: Vec<LeftOut<'_>>, any: bool) {
    let Some(first) = left_out.first() else { return };
    if !any {
        let what = format!(
            "`{}` has an image (`{}`) and no `build`, and images cannot be run yet",
            first.name, first.image
        );
        let hint = "give it a `build` with the folder of its source".to_owned();
        return r.report.at(first.place.clone(), what, Some(hint));
    }
    let shown = left_out.iter().take(MOST).map(|out| {
        let by = match out.wanted_by.as_slice() {
            [] => String::new(),
            by => format!(", which `{}` depends on", by.join("` and `")),
        };
        format!("`{}` ({}:{}: `{}`{by})", out.name, out.place.file, out.place.line, out.image)
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = match left_out.len().saturating_sub(MOST) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let wanted = left_out.iter().find(|out| !out.wanted_by.is_empty());
    let hint = wanted.map(|out| {
        let (name, by) = (out.name, &out.wanted_by[0]);
        format!(
            "\n  hint: let `{name}` run elsewhere, and give `{by}` its address in `environment` or with `dormouse env set`"
        )
    });
    let hint = hint.unwrap_or_default();
    r.report.warn(format!("left out, because images cannot be run yet: {shown}{more}{hint}"));
}
