//! The environment of a service. Its values may be secret: they are never shown.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{ProjectName, ServiceName, exec::LONGEST, interpolate};

/// Names and values.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Env(BTreeMap<String, EnvValue>);

/// A value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EnvValue {
    /// As it is.
    Text(String),
    /// Refers to variables that are stored with `dormouse env`; see [`Env::filled`].
    Template {
        /// By the rules of compose files: `postgres://app:${PASSWORD}@db`.
        template: String,
    },
}

impl Env {
    /// Keep a variable; an earlier one of the same name is replaced.
    pub fn insert(&mut self, name: impl Into<String>, value: EnvValue) {
        self.0.insert(name.into(), value);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &EnvValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// What a process is given: every reference filled in, and every stored variable on top. What is set for a service
    /// on its server holds whatever its files say. A reference to what is not stored becomes nothing.
    #[must_use]
    pub fn filled(&self, stored: &Self) -> Variables {
        let stored = stored.texts();
        let mut all: Variables =
            self.0.iter().map(|(name, value)| (name.clone(), value.filled(&stored))).collect();
        all.extend(stored);
        all
    }

    /// Names and values of what refers to nothing.
    #[must_use]
    pub fn texts(&self) -> Variables {
        let text = |(name, value): (&String, &EnvValue)| match value {
            EnvValue::Text(text) => Some((name.clone(), text.clone())),
            EnvValue::Template { .. } => None,
        };
        self.0.iter().filter_map(text).collect()
    }
}

impl EnvValue {
    fn filled(&self, stored: &Variables) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Template { template } => {
                let expanded = interpolate::expand(template, &mut |name| stored.get(name).cloned());
                expanded.map(|e| e.text).unwrap_or_default()
            }
        }
    }
}

impl FromIterator<(String, String)> for Env {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(texts: I) -> Self {
        Self(texts.into_iter().map(|(name, text)| (name, EnvValue::Text(text))).collect())
    }
}

impl<const N: usize> From<[(String, String); N]> for Env {
    fn from(texts: [(String, String); N]) -> Self {
        texts.into_iter().collect()
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Plain names and values.
pub type Variables = BTreeMap<String, String>;

/// Check that a process can be given a variable.
///
/// # Errors
/// Why not, in words.
pub fn check(name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        Err(format!("`{}` cannot be the name of a variable", name.escape_debug()))
    } else if value.contains('\0') {
        Err(format!("the variable `{name}` holds a NUL character"))
    } else if name.len() + value.len() + 2 > LONGEST {
        let (size, most) = (value.len().div_ceil(1 << 10), LONGEST >> 10);
        Err(format!(
            "the variable `{name}` has {size} KiB, and Linux starts no process with one above {most} KiB"
        ))
    } else {
        Ok(())
    }
}

/// What is stored with `dormouse env`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Stored(BTreeMap<ProjectName, BTreeMap<Option<ServiceName>, Variables>>);

impl Stored {
    /// Keep a variable of a service, or of every service of the project.
    pub fn insert(
        &mut self,
        project: ProjectName,
        service: Option<ServiceName>,
        name: String,
        value: String,
    ) {
        self.0.entry(project).or_default().entry(service).or_default().insert(name, value);
    }

    /// What holds for a service, or for every service of the project: a service's own come before its project's.
    #[must_use]
    pub fn of(&self, project: &ProjectName, service: Option<&ServiceName>) -> Env {
        let Some(all) = self.0.get(project) else { return Env::default() };
        let own = service.and_then(|s| all.get(&Some(s.clone())));
        all.get(&None).into_iter().chain(own).flatten().map(|(n, v)| (n.clone(), v.clone())).collect()
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_variables_hold_over_what_files_say() {
        let mut env =
            Env::from([("A".to_owned(), "file $B".to_owned()), ("B".to_owned(), "file".to_owned())]);
        env.insert("URL", EnvValue::Template { template: "pg://${PW}@${HOST:-db}/$$x".to_owned() });
        let stored = |pairs: &[(&str, &str)]| -> Env {
            pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
        };
        for (set, want) in [
            (&[][..], r#"{"A": "file $B", "B": "file", "URL": "pg://@db/$x"}"#),
            (
                &[("PW", "s3cret"), ("B", "server")],
                r#"{"A": "file $B", "B": "server", "PW": "s3cret", "URL": "pg://s3cret@db/$x"}"#,
            ),
        ] {
            assert_eq!(format!("{:?}", env.filled(&stored(set))), want);
        }
        assert_eq!(format!("{env:?}"), r#"{"A", "B", "URL"}"#, "values are not shown");
    }

    #[test]
    fn as_stored_by_older_versions() {
        let env: Env = serde_json::from_str(r#"{"A":"b","C":{"template":"${D}"}}"#).unwrap();
        assert_eq!(serde_json::to_string(&env).unwrap(), r#"{"A":"b","C":{"template":"${D}"}}"#);
    }

    #[test]
    fn a_service_s_own_come_first() {
        let (shop, web): (ProjectName, ServiceName) = ("shop".parse().unwrap(), "web".parse().unwrap());
        let mut all = Stored::default();
        for (service, name, value) in [(None, "A", "1"), (None, "B", "2"), (Some(web.clone()), "A", "3")] {
            all.insert(shop.clone(), service, name.to_owned(), value.to_owned());
        }
        assert_eq!(format!("{:?}", all.of(&shop, Some(&web)).texts()), r#"{"A": "3", "B": "2"}"#);
        assert_eq!(format!("{:?}", all.of(&shop, None).texts()), r#"{"A": "1", "B": "2"}"#);
    }
}
