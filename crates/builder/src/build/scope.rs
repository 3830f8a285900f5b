//! Who may be given what a build made.
//!
//! Code that a package brings runs while it is installed, as code of the project does, and may write what it likes into
//! the layer and into the caches that it sees. So a layer is given only to whoever would have run the same on the same,
//! and a cache is never seen both by what is shared and by what sees one project's source.

use dormouse_images::CacheKey;
use dormouse_model::ProjectName;

/// Whose projects share. All projects of a server belong to whoever runs it; where that changes, his name comes here.
const OWNER: &str = "operator";

/// What a command sees of a project, beside the layers below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sees {
    /// The files that say what to install, whose text is in the key, and no other.
    Manifests,
    /// Its source.
    Source,
}

impl Sees {
    /// The key, for those who may be given its layer: all projects of the owner where all that went into it is in the key
    /// already, else the one project.
    pub(crate) fn within(self, key: CacheKey, project: &ProjectName) -> CacheKey {
        match self {
            Self::Manifests => key.with("owner", OWNER),
            Self::Source => key.with("project", project.as_str()),
        }
    }

    /// What uv's cache is called among those of the project.
    pub(crate) fn uv_cache(self) -> &'static str {
        match self {
            Self::Manifests => "dependencies",
            Self::Source => "uv",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_saw_a_source_is_its_projects() {
        let key = |sees: Sees, project: &str| {
            sees.within(CacheKey::new("k"), &project.parse::<ProjectName>().unwrap()).hex()
        };
        for (sees, shared) in [(Sees::Manifests, true), (Sees::Source, false)] {
            assert_eq!(key(sees, "one") == key(sees, "two"), shared, "{sees:?}");
        }
        assert_ne!(key(Sees::Manifests, "operator"), key(Sees::Source, "operator"));
        assert_ne!(Sees::Manifests.uv_cache(), Sees::Source.uv_cache());
    }
}
