//! Every key of the Compose Specification (its `compose-spec.json` of October 2026), and what becomes of it here.

use std::collections::BTreeMap;

use super::{
    super::{
        node::{Entry, Node, Value},
        problem::{Place, Report},
        read::{Reader, join},
    },
    slips,
};

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Honour {
    /// It is read.
    Read,
    /// What it asks for is so anyway, or it says nothing about what runs.
    Anyway,
    /// It is named as not honoured.
    Not,
}

use Honour::{Anyway, Not, Read};

/// The keys of one kind of table.
pub(in super::super) type Keys = &'static [(&'static str, Honour)];

/// Of the file.
pub(in super::super) const TOP: Keys = &[
    ("configs", Not),
    ("include", Read),
    ("jobs", Not),
    ("models", Not),
    ("name", Read),
    ("networks", Read),
    ("secrets", Not),
    ("services", Read),
    ("version", Anyway),
    ("volumes", Not),
];

/// Of a service.
pub(in super::super) const SERVICE: Keys = &[
    ("annotations", Anyway),
    ("attach", Anyway),
    ("blkio_config", Not),
    ("build", Read),
    ("cap_add", Not),
    ("cap_drop", Anyway),
    ("cgroup", Not),
    ("cgroup_parent", Not),
    ("command", Read),
    ("configs", Not),
    ("container_name", Read),
    ("cpu_count", Not),
    ("cpu_percent", Not),
    ("cpu_period", Not),
    ("cpu_quota", Not),
    ("cpu_rt_period", Not),
    ("cpu_rt_runtime", Not),
    ("cpu_shares", Not),
    ("cpus", Read),
    ("cpuset", Not),
    ("credential_spec", Not),
    ("depends_on", Read),
    ("deploy", Read),
    ("develop", Anyway),
    ("device_cgroup_rules", Not),
    ("devices", Not),
    ("dns", Not),
    ("dns_opt", Not),
    ("dns_search", Not),
    ("domainname", Not),
    ("entrypoint", Read),
    ("env_file", Read),
    ("environment", Read),
    ("expose", Read),
    ("extends", Read),
    ("external_links", Not),
    ("extra_hosts", Not),
    ("gpus", Not),
    ("group_add", Not),
    ("healthcheck", Read),
    ("hostname", Read),
    ("image", Read),
    ("init", Anyway),
    ("ipc", Not),
    ("isolation", Not),
    ("label_file", Anyway),
    ("labels", Anyway),
    ("links", Read),
    ("logging", Anyway),
    ("mac_address", Not),
    ("mem_limit", Read),
    ("mem_reservation", Not),
    ("mem_swappiness", Not),
    ("memswap_limit", Not),
    ("models", Not),
    ("network_mode", Not),
    ("networks", Read),
    ("oom_kill_disable", Not),
    ("oom_score_adj", Not),
    ("pid", Not),
    ("pids_limit", Read),
    ("platform", Not),
    ("ports", Read),
    ("post_start", Not),
    ("pre_start", Not),
    ("pre_stop", Not),
    ("privileged", Not),
    ("profiles", Read),
    ("provider", Not),
    ("pull_policy", Anyway),
    ("pull_refresh_after", Anyway),
    ("read_only", Not),
    ("restart", Read),
    ("runtime", Not),
    ("scale", Read),
    ("secrets", Not),
    ("security_opt", Not),
    ("shm_size", Not),
    ("stdin_open", Anyway),
    ("stop_grace_period", Read),
    ("stop_signal", Not),
    ("storage_opt", Not),
    ("sysctls", Not),
    ("tmpfs", Not),
    ("tty", Anyway),
    ("ulimits", Not),
    ("umask", Not),
    ("use_api_socket", Not),
    ("user", Not),
    ("userns_mode", Not),
    ("uts", Not),
    ("volumes", Not),
    ("volumes_from", Not),
    ("working_dir", Read),
];

/// Of `build`.
pub(in super::super) const BUILD: Keys = &[
    ("additional_contexts", Not),
    ("args", Read),
    ("cache_from", Anyway),
    ("cache_to", Anyway),
    ("context", Read),
    ("dockerfile", Read),
    ("dockerfile_inline", Read),
    ("entitlements", Not),
    ("extra_hosts", Not),
    ("isolation", Not),
    ("labels", Anyway),
    ("network", Not),
    ("no_cache", Anyway),
    ("no_cache_filter", Anyway),
    ("platforms", Not),
    ("privileged", Not),
    ("provenance", Anyway),
    ("pull", Anyway),
    ("sbom", Anyway),
    ("secrets", Not),
    ("shm_size", Not),
    ("ssh", Not),
    ("tags", Anyway),
    ("target", Read),
    ("ulimits", Not),
];

/// Of `deploy`.
pub(in super::super) const DEPLOY: Keys = &[
    ("endpoint_mode", Not),
    ("labels", Anyway),
    ("mode", Not),
    ("placement", Not),
    ("replicas", Read),
    ("resources", Read),
    ("restart_policy", Not),
    ("rollback_config", Not),
    ("update_config", Not),
];

/// Of `deploy.resources`.
pub(in super::super) const RESOURCES: Keys = &[("limits", Read), ("reservations", Not)];

/// Of `deploy.resources.limits`.
pub(in super::super) const LIMITS: Keys = &[("cpus", Read), ("memory", Read), ("pids", Read)];

/// Of `healthcheck`.
pub(in super::super) const HEALTHCHECK: Keys = &[
    ("disable", Read),
    ("interval", Read),
    ("retries", Read),
    ("start_interval", Anyway),
    ("start_period", Read),
    ("test", Read),
    ("timeout", Read),
];

/// Of a service in `depends_on`.
pub(in super::super) const DEPENDENCY: Keys = &[("condition", Read), ("required", Read), ("restart", Anyway)];

/// Of a port in its long form.
pub(in super::super) const PORT: Keys = &[
    ("app_protocol", Anyway),
    ("host_ip", Anyway),
    ("mode", Anyway),
    ("name", Anyway),
    ("protocol", Read),
    ("published", Anyway),
    ("target", Read),
];

/// Of a service's network.
pub(in super::super) const NETWORK: Keys = &[
    ("aliases", Read),
    ("driver_opts", Not),
    ("gw_priority", Not),
    ("interface_name", Not),
    ("ipv4_address", Not),
    ("ipv6_address", Not),
    ("link_local_ips", Not),
    ("mac_address", Not),
    ("priority", Anyway),
    ("use_service_name_alias", Not),
];

/// Of a network of the file.
pub(in super::super) const TOP_NETWORK: Keys = &[
    ("attachable", Anyway),
    ("driver", Anyway),
    ("driver_opts", Not),
    ("enable_ipv4", Anyway),
    ("enable_ipv6", Not),
    ("external", Not),
    ("internal", Not),
    ("ipam", Not),
    ("labels", Anyway),
    ("name", Anyway),
];

/// Of `extends`.
pub(in super::super) const EXTENDS: Keys = &[("file", Read), ("service", Read)];

/// Of an `include`.
pub(in super::super) const INCLUDE: Keys = &[("env_file", Read), ("path", Read), ("project_directory", Read)];

/// What is valid and not honoured.
#[derive(Debug, Default)]
pub(super) struct Unhonoured(BTreeMap<String, Vec<Place>>);

impl Unhonoured {
    pub(super) fn add(&mut self, key: &str, place: Place) {
        self.0.entry(key.to_owned()).or_default().push(place);
    }

    /// Name them all, in one warning.
    pub(super) fn warn(mut self, report: &mut Report) {
        if self.0.is_empty() {
            return;
        }
        // What a service loses is told first, and what stands first in the file.
        let rank =
            |key: &str| usize::from(!matches!(key, "volumes" | "secrets" | "configs" | "network_mode"));
        let mut keys: Vec<_> = std::mem::take(&mut self.0).into_iter().collect();
        keys.sort_by_key(|(key, places)| (rank(key), places.iter().map(|p| p.line).min()));
        let shown = keys.iter().map(|(key, places)| {
            let first = &places[0];
            let more = match places.len() - 1 {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            format!("`{key}` ({}:{}{more})", first.file, first.line)
        });
        let shown = shown.collect::<Vec<_>>().join(", ");
        let lost = keys.iter().any(|(key, _)| key == "volumes");
        let hint = "\n  hint: what a service writes is gone when its instance is replaced";
        report.warn(format!("valid, but not honoured: {shown}{}", if lost { hint } else { "" }));
    }
}

/// The entries of a table that are to be read. Those that are not honoured are noted, and those that are no keys told.
pub(super) fn known<'n>(
    r: &mut Reader<'_>,
    unhonoured: &mut Unhonoured,
    node: &'n Node,
    path: &str,
    keys: Keys,
) -> Vec<&'n Entry> {
    let mut read = Vec::new();
    for entry in r.table(node, path) {
        let key = entry.key.as_str();
        match keys.iter().find(|(k, _)| *k == key).map(|(_, honour)| honour) {
            // Nothing is said by a key without a value.
            Some(Read) if entry.node.value == Value::Null => {}
            Some(Read) => read.push(entry),
            Some(Anyway) => {}
            Some(Not) => unhonoured.add(key, r.place(&entry.key_span, &join(path, key))),
            None if key.starts_with("x-") => {}
            None => slips::tell(r, entry, path, keys),
        }
    }
    read
}
