//! Names people type and numbers we hand out.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a valid {what} name: {why}")]
pub struct NameError {
    /// `project` or `service`.
    pub what: &'static str,
    /// What was given.
    pub name: String,
    /// The rule it breaks.
    pub why: &'static str,
}

/// Longest name: `<service>--<project>` must fit one DNS label of 63 octets (RFC 1035 §2.3.4).
const MAX_NAME: usize = 30;

fn check(what: &'static str, name: &str) -> Result<(), NameError> {
    let err = |why| Err(NameError { what, name: name.to_owned(), why });
    if name.is_empty() {
        return err("it is empty");
    }
    if name.len() > MAX_NAME {
        return err("it is longer than 30 characters");
    }
    if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return err("only a-z, 0-9 and - are allowed");
    }
    if !name.as_bytes()[0].is_ascii_lowercase() {
        return err("it must start with a letter");
    }
    if name.ends_with('-') {
        return err("it must not end with -");
    }
    if name.contains("--") {
        return err("-- separates a service from its project in host names");
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $ty:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $ty(Arc<str>);

        impl $ty {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $ty {
            type Err = NameError;
            fn from_str(s: &str) -> Result<Self, NameError> {
                check($what, s)?;
                Ok(Self(s.into()))
            }
        }
        impl TryFrom<String> for $ty {
            type Error = NameError;
            fn try_from(s: String) -> Result<Self, NameError> {
                s.parse()
            }
        }
        impl From<$ty> for String {
            fn from(n: $ty) -> String {
                n.0.as_ref().to_owned()
            }
        }
        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The tenant boundary: services, private network, quota, secrets.
    ProjectName,
    "project"
);
name!(
    /// One kind of process in a project. Also its host name on the private network.
    ServiceName,
    "service"
);

macro_rules! number {
    ($(#[$doc:meta])* $ty:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $ty(pub u64);

        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
        impl fmt::Debug for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

number!(
    /// One upload of a project's source and all that follows from it: a build of each service, then their deployments.
    /// The one number of these that people see.
    DeployId,
    "d"
);
number!(
    /// One edge, for as long as it lives. A server has one, and a second while one takes over from the other.
    EdgeId,
    "e"
);
number!(
    /// Source in, image out; immutable, numbered, logged.
    BuildId,
    "b"
);
number!(
    /// One image of one service with one configuration. People know it by its [`DeployId`]; a restart has one of these of
    /// its own.
    DeploymentId,
    "d"
);
number!(
    /// One running replica of a deployment. Never reused within a state folder.
    InstanceId,
    "i"
);

/// Digest of an image manifest in the content-addressed store, `sha256:<hex>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageId(pub Arc<str>);

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A service of a project: the unit that is deployed, routed to, put to sleep and woken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceKey {
    /// Whose it is.
    pub project: ProjectName,
    /// Its name there.
    pub service: ServiceName,
}

impl ServiceKey {
    /// Pair a project with one of its services.
    #[must_use]
    pub fn new(project: &ProjectName, service: &ServiceName) -> Self {
        Self { project: project.clone(), service: service.clone() }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.service)
    }
}
impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for ServiceKey {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        let (project, service) = s.split_once('/').ok_or_else(|| NameError {
            what: "service",
            name: s.to_owned(),
            why: "write it as project/service",
        })?;
        Ok(Self { project: project.parse()?, service: service.parse()? })
    }
}
impl TryFrom<String> for ServiceKey {
    type Error = NameError;
    fn try_from(s: String) -> Result<Self, NameError> {
        s.parse()
    }
}
impl From<ServiceKey> for String {
    fn from(k: ServiceKey) -> String {
        k.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, ok) in [
            ("web", true),
            ("web-2", true),
            ("", false),
            ("Web", false),
            ("2web", false),
            ("web-", false),
            ("a--b", false),
            ("a_b", false),
            ("../etc", false),
            ("abcdefghijabcdefghijabcdefghij", true),
            ("abcdefghijabcdefghijabcdefghijk", false),
        ] {
            assert_eq!(name.parse::<ServiceName>().is_ok(), ok, "{name}");
        }
    }

    #[test]
    fn keys_round_trip() {
        let key: ServiceKey = "shop/web".parse().unwrap();
        assert_eq!(key.to_string(), "shop/web");
        assert!("shop".parse::<ServiceKey>().is_err());
    }
}
