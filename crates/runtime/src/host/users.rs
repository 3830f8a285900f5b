//! Who stands behind the users of each project's sandboxes.
//!
//! The records of instances remember it; nothing else on disk knows. A project of which nothing is left may have others
//! when it comes again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use dormouse_model::ProjectName;

use crate::sandbox::users::{Pool, Users};

/// The users of every project that has instances.
#[derive(Debug)]
pub(super) struct ProjectUsers {
    pool: Pool,
    taken: Mutex<BTreeMap<ProjectName, Users>>,
}

impl ProjectUsers {
    pub(super) fn new(tag: &str) -> Self {
        Self { pool: Pool::of_projects(tag), taken: Mutex::default() }
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, BTreeMap<ProjectName, Users>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An instance of the project has these. What all shared once is nobody's own.
    pub(super) fn remember(&self, project: &ProjectName, users: Users) {
        if users != Users::SHARED {
            self.taken().insert(project.clone(), users);
        }
    }

    /// Those of a project; from now on, when it has none yet.
    pub(super) fn of(&self, project: &ProjectName) -> Users {
        let mut taken = self.taken();
        if let Some(users) = taken.get(project) {
            return *users;
        }
        let all: BTreeSet<_> = taken.values().copied().collect();
        let users = self.pool.free(|users| all.contains(&users));
        if users != Users::SHARED {
            taken.insert(project.clone(), users);
        }
        users
    }

    /// The project is gone, with all of its instances.
    pub(super) fn forget(&self, project: &ProjectName) {
        self.taken().remove(project);
    }
}
