//! Where a project comes from, so that another folder of the same name does not take its place by accident.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A folder on some machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Tells machines apart; empty where it has nothing to be told by.
    pub machine: String,
    /// Absolute, with no link in it.
    pub path: String,
}

impl Origin {
    /// How it is told to somebody who is at `other`.
    pub(crate) fn seen_from(&self, other: &Self) -> String {
        let elsewhere = if self.machine == other.machine { "" } else { " on another machine" };
        format!("{self}{elsewhere}")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// What whoever deploys says beside the source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// The folder's own name, which names the project when nothing else does.
    pub folder: String,
    /// The name the project is to have, whatever the folder says.
    pub project: Option<String>,
    /// Where the folder is; `None` when that is not known.
    pub origin: Option<Origin>,
    /// Whether a project of the same name that comes from elsewhere is to be replaced.
    pub replace: bool,
}

/// What it means that a project of this name is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is the same one, or nothing speaks against it.
    Same,
    /// It was deployed from there, and nobody has said that it is to be replaced.
    Clash(Origin),
}

impl Claim {
    /// How a deploy stands to the project of its name, which was last deployed from `known`. Whoever names the project
    /// on the command line means that one; a name in a manifest may have been copied with it.
    pub(crate) fn of(known: Option<&Origin>, asked: &Asked) -> Self {
        let (Some(known), Some(origin)) = (known, &asked.origin) else { return Self::Same };
        match known == origin || asked.replace || asked.project.is_some() {
            true => Self::Same,
            false => Self::Clash(known.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(known: &str, from: &str, asked: Asked, expected: &Expect) {
        let origin = |text: &str| {
            let (machine, path) = text.split_once(':')?;
            Some(Origin { machine: machine.to_owned(), path: path.to_owned() })
        };
        let asked = Asked { origin: origin(from), ..asked };
        let claim = Claim::of(origin(known).as_ref(), &asked);
        expected.assert_eq(&match claim {
            Claim::Same => "same".to_owned(),
            Claim::Clash(was) => format!("clashes with {was}"),
        });
    }

    /// Bug: two folders that are both called `app` replaced each other without a word.
    #[test]
    fn whose_name_it_is() {
        let plain = Asked::default;
        let named = || Asked { project: Some("app".to_owned()), ..plain() };
        let replacing = || Asked { replace: true, ..plain() };
        check("m:/a/app", "m:/a/app", plain(), &expect!["same"]);
        check("m:/a/app", "m:/b/app", plain(), &expect!["clashes with /a/app"]);
        check("m:/a/app", "n:/a/app", plain(), &expect!["clashes with /a/app"]);
        check("m:/a/app", "m:/b/app", replacing(), &expect!["same"]);
        check("m:/a/app", "m:/b/app", named(), &expect!["same"]);
        // Deployed by a version that did not ask, or by a client that does not say.
        check("", "m:/a/app", plain(), &expect!["same"]);
        check("m:/a/app", "", plain(), &expect!["same"]);
    }
}
