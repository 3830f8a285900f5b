//! Which users of the host stand behind the users of a sandbox.

/// The host's user and group behind root in a sandbox. Nothing on a host is owned by it: distributions give numbers
/// up to 60000 to people and services, and subordinate ranges for people begin here but own no files outside of
/// their containers.
pub(super) const FIRST: u32 = 100_000;

/// How many users and groups a sandbox has; 65534 is `nobody` in every distribution.
pub(super) const COUNT: u32 = 65_536;

/// A map for `/proc/<pid>/uid_map` and `gid_map`.
pub(super) fn map() -> String {
    format!("0 {FIRST} {COUNT}\n")
}
