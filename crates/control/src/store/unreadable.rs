//! Rows that this version cannot read: each is set aside, told, and tried again at every start; all others are used.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::SystemTime,
};

use dormouse_model::{ProjectName, ServiceKey, ServiceName, Time};
use rusqlite::{Connection, OpenFlags, Row, Transaction, params, types::ValueRef};

use super::{StoreError, Tx};

/// What of a row cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// What is rolled out of a project.
    Rollout,
    /// Where a project was deployed from.
    Origin,
    /// What a deploy asked for.
    Deploy,
    /// What a build made.
    Build,
    Deployment,
    /// How instances of a service ended, and the like, which is found out again.
    Found,
    /// What `dormouse env` keeps.
    Variable,
    /// A whole row, by its name.
    Row,
}

impl Part {
    const ALL: [Self; 8] = [
        Self::Rollout,
        Self::Origin,
        Self::Deploy,
        Self::Build,
        Self::Deployment,
        Self::Found,
        Self::Variable,
        Self::Row,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Rollout => "rollout",
            Self::Origin => "origin",
            Self::Deploy => "deploy",
            Self::Build => "build",
            Self::Deployment => "deployment",
            Self::Found => "found",
            Self::Variable => "variable",
            Self::Row => "row",
        }
    }
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) part: Part,
    /// Its key in the table it is of.
    pub(crate) place: String,
    /// Whom it concerns, where that is known.
    pub(crate) project: Option<ProjectName>,
    /// `None` for all of the project.
    pub(crate) service: Option<ServiceName>,
    pub(crate) why: String,
    /// When it was first found so.
    pub(crate) since: Time,
    /// Something else stands in its place by now.
    pub(crate) replaced: bool,
}

impl Unreadable {
    /// Whether it is about a service, or about all of its project.
    pub(crate) fn concerns(&self, key: &ServiceKey) -> bool {
        self.project.as_ref() == Some(&key.project) && self.service.as_ref().is_none_or(|s| *s == key.service)
    }

    /// Whether what should run cannot be told without it.
    pub(crate) fn hides_what_runs(&self) -> bool {
        match self.part {
            Part::Rollout | Part::Deployment | Part::Row => true,
            Part::Origin | Part::Deploy | Part::Build | Part::Found | Part::Variable => false,
        }
    }

    /// What is missing, in one line.
    pub(crate) fn what(&self) -> String {
        let Self { place, why, .. } = self;
        let what = match self.part {
            Part::Rollout => format!("what is deployed of {place}"),
            Part::Origin => format!("where {place} was deployed from"),
            Part::Deploy => format!("what deploy d{place} asked for"),
            Part::Build => format!("what build {place} made"),
            Part::Deployment => format!("deployment {place}, which its version runs by"),
            Part::Found => format!("the {place}"),
            Part::Variable => format!("the variable {place}"),
            Part::Row => format!("a row of {place}"),
        };
        format!("the server's database holds {what}, and this release cannot read it: {why}")
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        let back = "put back the `secret.key` or start the release that it was written with";
        match (self.part, &self.project) {
            (Part::Variable, _) => format!("set it again with `dormouse env set`, or {back}"),
            (Part::Found | Part::Origin, _) => {
                format!("nothing needs to be done: it is found out again; or {back}")
            }
            (Part::Rollout | Part::Deploy | Part::Build | Part::Deployment | Part::Row, Some(project)) => {
                format!("deploy {project} again, or {back}")
            }
            (Part::Rollout | Part::Deploy | Part::Build | Part::Deployment | Part::Row, None) => {
                back.to_owned()
            }
        }
    }
}

/// What is being set aside while all is read.
pub(super) struct Aside<'a> {
    tx: &'a Transaction<'a>,
    now: Time,
    /// What was set aside before.
    known: BTreeMap<(Part, String), String>,
    found: RefCell<Vec<(Unreadable, String)>>,
    /// What was set aside before and can be read.
    back: RefCell<BTreeSet<(Part, String)>>,
}

/// Whose something is.
pub(super) type Of = (Option<ProjectName>, Option<ServiceName>);

pub(super) fn of(key: &ServiceKey) -> Of {
    (Some(key.project.clone()), Some(key.service.clone()))
}

impl<'a> Aside<'a> {
    pub(super) fn new(tx: &'a Transaction<'a>) -> Result<Self, StoreError> {
        let known = all(tx)?.into_iter().map(|(u, content)| ((u.part, u.place), content)).collect();
        let now = Time::from(SystemTime::now());
        Ok(Self { tx, now, known, found: RefCell::default(), back: RefCell::default() })
    }

    /// What was read, or nothing when it is the row's fault that it was not.
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) fn part<T>(
        &self,
        (part, place, (project, service)): (Part, String, Of),
        content: &str,
        read: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let why = match read {
            Ok(value) => {
                let name = (part, place);
                if self.known.get(&name).is_some_and(|known| known == content) {
                    self.back.borrow_mut().insert(name);
                }
                return Ok(Some(value));
            }
            Err(error) => error.of_row().ok_or(error)?,
        };
        let unreadable = Unreadable { part, place, project, service, why, since: self.now, replaced: false };
        self.found.borrow_mut().push((unreadable, content.to_owned()));
        Ok(None)
    }

    /// The same for a whole row of a table.
    pub(super) fn row<T>(
        &self,
        table: &str,
        row: &Row<'_>,
        read: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if read.is_ok() {
            return read.map(Some);
        }
        let columns: Vec<_> = (0..row.as_ref().column_count()).map(|n| text(row.get_ref(n))).collect();
        let first = columns.first().cloned().unwrap_or_default();
        let content = serde_json::to_string(&columns)?;
        let project = columns.iter().find_map(|text| {
            let known = "SELECT EXISTS (SELECT 1 FROM projects WHERE name = ?)";
            let known = self.tx.query_row(known, [text], |row| row.get::<_, bool>(0));
            known.unwrap_or(false).then(|| text.parse().ok()).flatten()
        });
        self.part((Part::Row, format!("{table} ({first})"), (project, None)), &content, read)
    }

    /// Write down what was found, and what became of what was found before; all there is.
    pub(super) fn settle(self) -> Result<Vec<Unreadable>, StoreError> {
        let Self { tx, now, known, found, back } = self;
        let (found, back) = (found.into_inner(), back.into_inner());
        let sql = "INSERT INTO unreadable (part, place, project, service, content, why, since)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                   ON CONFLICT (part, place) DO UPDATE SET why = excluded.why, content = excluded.content,
                       since = iif(content = excluded.content, since, excluded.since), replaced_at = NULL";
        for (Unreadable { part, place, project, service, why, since, replaced: _ }, content) in &found {
            let (project, service) = (project.as_ref().map(ProjectName::as_str), service.as_ref());
            let service = service.map(ServiceName::as_str);
            tx.execute(sql, params![part.name(), place, project, service, content, why, since.0])?;
        }
        for (part, place) in known.into_keys() {
            let sql = match found.iter().any(|(u, _)| u.part == part && u.place == place) {
                true => continue,
                // A whole row is either there or not.
                false if part == Part::Row || back.contains(&(part, place.clone())) => {
                    "DELETE FROM unreadable WHERE part = ?1 AND place = ?2 AND ?3"
                }
                false => {
                    "UPDATE unreadable SET replaced_at = coalesce(replaced_at, ?3) WHERE part = ?1 AND place = ?2"
                }
            };
            tx.execute(sql, params![part.name(), place, now.0])?;
        }
        Ok(all(tx)?.into_iter().map(|(unreadable, _)| unreadable).collect())
    }
}

fn text(value: rusqlite::Result<ValueRef<'_>>) -> String {
    match value {
        Ok(ValueRef::Integer(n)) => n.to_string(),
        Ok(ValueRef::Real(x)) => x.to_string(),
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Ok(ValueRef::Null) | Err(_) => String::new(),
    }
}

/// All that is set aside. Rows of a newer release's own kinds are left to it.
fn all(connection: &Connection) -> Result<Vec<(Unreadable, String)>, StoreError> {
    let sql =
        "SELECT part, place, project, service, why, since, replaced_at IS NOT NULL, content FROM unreadable
               ORDER BY part, place";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let Some(part) = Part::ALL.into_iter().find(|part| part.name() == name) else { continue };
        let unreadable = Unreadable {
            part,
            place: row.get(1)?,
            project: row.get::<_, Option<String>>(2)?.and_then(|text| text.parse().ok()),
            service: row.get::<_, Option<String>>(3)?.and_then(|text| text.parse().ok()),
            why: row.get(4)?,
            since: Time(row.get(5)?),
            replaced: row.get(6)?,
        };
        out.push((unreadable, row.get(7)?));
    }
    Ok(out)
}

impl Tx<'_> {
    /// What runs of a project beside what the database could read is ended: nothing hangs on what was replaced any more.
    pub(crate) fn forget_replaced(&self, project: &ProjectName) -> Result<(), StoreError> {
        let sql = "DELETE FROM unreadable WHERE project = ? AND replaced_at IS NOT NULL";
        self.0.execute(sql, [project.as_str()])?;
        Ok(())
    }
}

/// What the database of a state folder holds and the release that last served from it could not read: each in a line, with
/// what to do. Changes nothing, also beside a server that runs.
///
/// # Errors
/// When the database cannot be read.
pub fn set_aside(state: &Path) -> Result<Vec<(String, String)>, StoreError> {
    let path = crate::settings::database(state);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if !connection.table_exists(None, "unreadable")? {
        return Ok(Vec::new());
    }
    let missing = all(&connection)?.into_iter().map(|(unreadable, _)| unreadable).filter(|u| !u.replaced);
    Ok(missing.map(|u| (u.what(), u.hint())).collect())
}
