PRAGMA user_version = 1;
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
INSERT INTO builds VALUES (1,1,'api',NULL,NULL);
INSERT INTO builds VALUES (2,1,'web',NULL,'the dependencies phase failed: exited with code 1');
INSERT INTO counters VALUES ('build',3);
INSERT INTO counters VALUES ('deploy',2);
INSERT INTO counters VALUES ('deployment',1);
INSERT INTO counters VALUES ('epoch',3);
INSERT INTO counters VALUES ('instance',513);
INSERT INTO deploys VALUES (1,'shop','{"name":"shop","services":{"api":{"name":"api","kind":"web","source":".","start":null,"port":18000,"health":{"path":null,"interval":{"secs":10,"nanos":0},"timeout":{"secs":5,"nanos":0},"start_timeout":{"secs":10,"nanos":0},"failures":3,"hang_timeout":{"secs":120,"nanos":0}},"needs":[],"limits":{"memory":1073741824,"cpu_milli":1000,"pids":512},"env":{},"visibility":"public","sleep":{"after":null,"depth":"paged","streams":"count","patience":{"secs":900,"nanos":0}},"stop_grace":{"secs":2,"nanos":0},"packages":[]},"web":{"name":"web","kind":"web","source":".","start":null,"port":18000,"health":{"path":null,"interval":{"secs":10,"nanos":0},"timeout":{"secs":5,"nanos":0},"start_timeout":{"secs":10,"nanos":0},"failures":3,"hang_timeout":{"secs":120,"nanos":0}},"needs":[],"limits":{"memory":1073741824,"cpu_milli":1000,"pids":512},"env":{},"visibility":"public","sleep":{"after":null,"depth":"paged","streams":"count","patience":{"secs":900,"nanos":0}},"stop_grace":{"secs":2,"nanos":0},"packages":[]}}}','failed',1796026825576);
INSERT INTO projects VALUES ('shop',1,NULL,0,1796026825576);
INSERT INTO services VALUES ('shop','api',2,NULL,NULL,NULL,NULL,'deploy 1 failed: the build of web failed');
INSERT INTO services VALUES ('shop','web',3,NULL,NULL,NULL,NULL,'deploy 1 failed: the dependencies phase failed: exited with code 1');
