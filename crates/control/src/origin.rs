//! Where a project comes from, so that another folder of the same name does not silently take its place.

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
    /// It was deployed from elsewhere, and its name is one that somebody chose: worth a word.
    Moved(Origin),
    /// It was deployed from elsewhere, and has its name only because a folder happens to be called so.
    Clash(Origin),
}

impl Claim {
    /// How a deploy stands to the project of its name, which was last deployed from `known`. A name that somebody wrote
    /// down travels with the code, to other checkouts and other machines; one made of a folder's does not.
    pub(crate) fn of(known: Option<&Origin>, asked: &Asked, named_by_folder: bool) -> Self {
        let (Some(known), Some(origin)) = (known, &asked.origin) else { return Self::Same };
        match known == origin || asked.replace || asked.project.is_some() {
            true => Self::Same,
            false if named_by_folder => Self::Clash(known.clone()),
            false => Self::Moved(known.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(known: &str, from: &str, asked: Asked, named_by_folder: bool, expected: &Expect) {
        let origin = |text: &str| {
            let (machine, path) = text.split_once(':')?;
            Some(Origin { machine: machine.to_owned(), path: path.to_owned() })
        };
        let asked = Asked { origin: origin(from), ..asked };
        let claim = Claim::of(origin(known).as_ref(), &asked, named_by_folder);
        expected.assert_eq(&match claim {
            Claim::Same => "same".to_owned(),
            Claim::Moved(was) => format!("moved from {was}"),
            Claim::Clash(was) => format!("clashes with {was}"),
        });
    }

    /// Bug: two folders that are both called `app` replaced each other without a word.
    #[test]
    fn whose_name_it_is() {
        let plain = Asked::default;
        let named = || Asked { project: Some("app".to_owned()), ..plain() };
        let replacing = || Asked { replace: true, ..plain() };
        check("m:/a/app", "m:/a/app", plain(), true, &expect!["same"]);
        check("m:/a/app", "m:/b/app", plain(), true, &expect!["clashes with /a/app"]);
        check("m:/a/app", "n:/a/app", plain(), true, &expect!["clashes with /a/app"]);
        check("m:/a/app", "m:/b/app", replacing(), true, &expect!["same"]);
        check("m:/a/app", "m:/b/app", named(), false, &expect!["same"]);
        // A build server checks the same project out to a new folder each time.
        check("m:/tmp/1/shop", "m:/tmp/2/shop", plain(), false, &expect!["moved from /tmp/1/shop"]);
        // Deployed by a version that did not ask, or by a client that does not say.
        check("", "m:/a/app", plain(), true, &expect!["same"]);
        check("m:/a/app", "", plain(), true, &expect!["same"]);
    }
}
