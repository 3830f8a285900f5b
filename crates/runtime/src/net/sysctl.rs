//! The few settings of the kernel's that the networks need.

use std::fs;

use super::NetError;

/// Let this host pass packets on.
pub(super) fn forward() -> Result<(), NetError> {
    set("net/ipv4/ip_forward", "1")
}

/// Keep IPv6 off an interface: its link-local addresses would be a way past rules made of IPv4 addresses.
pub(super) fn no_ipv6(interface: &str) -> Result<(), NetError> {
    let setting = format!("net/ipv6/conf/{interface}/disable_ipv6");
    // A kernel without IPv6 has no such setting.
    if fs::exists(path(&setting)).unwrap_or(false) { set(&setting, "1") } else { Ok(()) }
}

fn path(setting: &str) -> String {
    format!("/proc/sys/{setting}")
}

fn set(setting: &str, value: &str) -> Result<(), NetError> {
    let path = path(setting);
    // Read first: where it is right already it may not be ours to write.
    if fs::read_to_string(&path).is_ok_and(|now| now.trim() == value) {
        return Ok(());
    }
    fs::write(path, value).map_err(|source| NetError::Setting {
        setting: setting.replace('/', "."),
        value: value.to_owned(),
        source,
    })
}
