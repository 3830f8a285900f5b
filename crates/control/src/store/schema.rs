//! The tables, and how an older file becomes a newer one.

use std::path::Path;

use rusqlite::Connection;

use super::{StoreError, kept};

/// Each entry brings the file one version further; never edit one that was released.
pub(super) const MIGRATIONS: &[&str] = &["
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL          -- the first number not handed out
) STRICT, WITHOUT ROWID;

CREATE TABLE projects (
    name TEXT PRIMARY KEY,
    subnet INTEGER NOT NULL UNIQUE,
    spec TEXT,                     -- what is rolled out; null until the first build is done
    removing INTEGER NOT NULL DEFAULT 0,  -- 1 keep logs, 2 drop logs
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE services (
    project TEXT NOT NULL REFERENCES projects(name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    vip INTEGER,                   -- host number of the platform's address for it
    target INTEGER,                -- deployment
    live INTEGER,                  -- deployment
    wake_at INTEGER,
    sleep_at INTEGER,
    note TEXT,                     -- what the newest deploy could not do
    PRIMARY KEY (project, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE deploys (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects(name) ON DELETE CASCADE,
    spec TEXT NOT NULL,
    state TEXT NOT NULL,           -- building, rolling, done, failed
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE builds (
    id INTEGER PRIMARY KEY,
    deploy INTEGER NOT NULL REFERENCES deploys(id) ON DELETE CASCADE,
    service TEXT NOT NULL,
    outcome TEXT,                  -- null until it is done
    error TEXT
) STRICT;
CREATE INDEX builds_by_deploy ON builds(deploy);

CREATE TABLE deployments (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects(name) ON DELETE CASCADE,
    service TEXT NOT NULL,
    deploy INTEGER,                -- null for a restart
    body TEXT NOT NULL
) STRICT;
CREATE INDEX deployments_by_project ON deployments(project);

CREATE TABLE instances (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects(name) ON DELETE CASCADE,
    service TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ready_at INTEGER,
    draining_since INTEGER,
    gone INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX instances_by_project ON instances(project);

CREATE TABLE ends (
    project TEXT NOT NULL REFERENCES projects(name) ON DELETE CASCADE,
    service TEXT NOT NULL,
    body TEXT NOT NULL,            -- all that still count, oldest first
    PRIMARY KEY (project, service)
) STRICT, WITHOUT ROWID;
", "
-- Addresses are counted from the beginning of the server's /16. A project had the 256 that its `subnet` named.
CREATE TABLE blocks (
    start INTEGER PRIMARY KEY,
    prefix INTEGER NOT NULL,
    project TEXT NOT NULL REFERENCES projects(name) ON DELETE CASCADE,
    nth INTEGER NOT NULL           -- of the project's; 0 holds its gateway
) STRICT;
INSERT INTO blocks (start, prefix, project, nth) SELECT subnet * 256, 24, name, 0 FROM projects;
UPDATE services SET vip = vip + 256 * (SELECT subnet FROM projects WHERE name = project);
CREATE TABLE projects_with_blocks (
    name TEXT PRIMARY KEY,
    spec TEXT,                     -- what is rolled out; null until the first build is done
    removing INTEGER NOT NULL DEFAULT 0,  -- 1 keep logs, 2 drop logs
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO projects_with_blocks SELECT name, spec, removing, created_at FROM projects;
DROP TABLE projects;
ALTER TABLE projects_with_blocks RENAME TO projects;
", "
-- What `dormouse env` keeps; it may be there before its project, and outlives it.
CREATE TABLE env (
    project TEXT NOT NULL,
    service TEXT NOT NULL,         -- empty for every service of the project
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (project, service, name)
) STRICT, WITHOUT ROWID;
", "
ALTER TABLE projects ADD COLUMN origin TEXT;  -- where it was last deployed from; null when that is not known
", "
CREATE TABLE watchdogs (
    project TEXT NOT NULL REFERENCES projects(name) ON DELETE CASCADE,
    service TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (project, service)
) STRICT, WITHOUT ROWID;
", "
ALTER TABLE services ADD COLUMN replaced INTEGER;     -- deployment that `live` took the place of, while it is remembered
ALTER TABLE services ADD COLUMN replaced_at INTEGER;  -- since when
", "
-- What the versions of a service answered well; what is to replace them is held to it.
CREATE TABLE answers (
    project TEXT NOT NULL REFERENCES projects(name) ON DELETE CASCADE,
    service TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (project, service)
) STRICT, WITHOUT ROWID;
", "
-- What a client has asked for: it asks again, under the same name, when the answer breaks off.
CREATE TABLE requests (
    id TEXT PRIMARY KEY,
    deployments TEXT,              -- what replaces something because of it; null until it comes to that
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
", "
ALTER TABLE services ADD COLUMN trusted INTEGER;      -- the last that held, where `replaced` had not yet
", "
-- A start command may be secret. Those of deployments are sealed; of what is built and over nobody needs one.
UPDATE builds SET outcome = json_set(outcome, '$.start', json_array())
WHERE outcome IS NOT NULL AND deploy IN (SELECT id FROM deploys WHERE state IN ('done', 'failed'));
", "
-- Servers that took open pages for gone after a sleep.
CREATE TABLE pingers (
    project TEXT NOT NULL REFERENCES projects(name) ON DELETE CASCADE,
    service TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (project, service)
) STRICT, WITHOUT ROWID;
", "
ALTER TABLE services ADD COLUMN used_at INTEGER;      -- the last byte of a client, as far as it was written down
", "
-- The /16 that the addresses above are counted from.
CREATE TABLE pool (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    base TEXT NOT NULL
) STRICT;
", "
-- What a release could not read, as it was. It also lies where it belongs until something else takes its place there.
CREATE TABLE unreadable (
    part TEXT NOT NULL,            -- what it is
    place TEXT NOT NULL,           -- its key in the table it is of
    project TEXT,                  -- whom it concerns, where that is known
    service TEXT,
    content TEXT NOT NULL,
    why TEXT NOT NULL,
    since INTEGER NOT NULL,        -- when it was first found so
    replaced_at INTEGER,           -- when something else was found in its place
    PRIMARY KEY (part, place)
) STRICT, WITHOUT ROWID;
", "
-- Of which version each body is (bodies.rs); 0 is before there were any.
ALTER TABLE projects ADD COLUMN spec_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN origin_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deploys ADD COLUMN spec_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE builds ADD COLUMN outcome_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN body_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ends ADD COLUMN body_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE watchdogs ADD COLUMN body_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pingers ADD COLUMN body_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE answers ADD COLUMN body_version INTEGER NOT NULL DEFAULT 0;
", "
CREATE INDEX deploys_by_project ON deploys(project);
-- What services have used in each hour since the epoch; it outlives them.
CREATE TABLE usage (
    project TEXT NOT NULL,
    service TEXT NOT NULL,
    hour INTEGER NOT NULL,
    cpu_us INTEGER NOT NULL,
    awake_ms INTEGER NOT NULL,
    frozen_ms INTEGER NOT NULL,
    paged_ms INTEGER NOT NULL,
    awake_bytes INTEGER NOT NULL,  -- byte-seconds, as the next two
    asleep_bytes INTEGER NOT NULL,
    swapped_bytes INTEGER NOT NULL,
    PRIMARY KEY (project, service, hour)
) STRICT, WITHOUT ROWID;
-- How far each instance is counted in them.
CREATE TABLE usage_marks (
    instance INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    service TEXT NOT NULL,
    cpu_us INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
-- Since when: of what is older nothing is known but what it does from then on.
CREATE TABLE usage_since (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    at INTEGER NOT NULL
) STRICT;
"];

/// Which version the file is of; an error when that is one we do not know.
pub(super) fn check(connection: &Connection) -> Result<u32, StoreError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok(found)
}

/// Settings of the connection, then whatever migrations are missing.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: an acknowledged deploy also survives a power cut. Writes are rare, so the price does not matter.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A migration may replace a table that others refer to.
    connection.pragma_update(None, "foreign_keys", false)?;
    let found = check(connection)?;
    if (1..MIGRATIONS.len()).contains(&(found as usize)) {
        kept::keep(connection, path)?;
    }
    for (version, migration) in (1_u32..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        let tx = connection.transaction()?;
        tx.execute_batch(migration)?;
        tx.pragma_update(None, "user_version", version)?;
        tx.commit()?;
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}
