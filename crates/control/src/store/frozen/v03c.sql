-- sealed with 6e72396d5a78d25de668d75256bae82dba379a767065f6dc92abc2dafe6ea39b
PRAGMA user_version = 3;
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL          -- the first number not handed out
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
CREATE TABLE blocks (
    start INTEGER PRIMARY KEY,
    prefix INTEGER NOT NULL,
    project TEXT NOT NULL REFERENCES projects(name) ON DELETE CASCADE,
    nth INTEGER NOT NULL           -- of the project's; 0 holds its gateway
) STRICT;
CREATE TABLE "projects" (
    name TEXT PRIMARY KEY,
    spec TEXT,                     -- what is rolled out; null until the first build is done
    removing INTEGER NOT NULL DEFAULT 0,  -- 1 keep logs, 2 drop logs
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE env (
    project TEXT NOT NULL,
    service TEXT NOT NULL,         -- empty for every service of the project
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (project, service, name)
) STRICT, WITHOUT ROWID;
INSERT INTO blocks VALUES (256,27,'shop',0);
INSERT INTO builds VALUES (1,1,'api',NULL,'the dependencies phase failed: exited with code 1');
INSERT INTO builds VALUES (2,1,'web',NULL,NULL);
INSERT INTO counters VALUES ('build',3);
INSERT INTO counters VALUES ('deploy',2);
INSERT INTO counters VALUES ('deployment',1);
INSERT INTO counters VALUES ('epoch',3);
INSERT INTO counters VALUES ('instance',513);
INSERT INTO deploys VALUES (1,'shop','sealed:d1605a604af7e77a5ac2a8ea8db238b15610e291caeb89d630c81aa45383d71a42e3ad7f30b5a97fa323df5bddd87d45071b48767e67a9991411a4674a19a0898c0e55e8c86fbe44188bdc86bd52cbb9c3ae3ef54a085a2b29bf3ecfe8be5538f344f1add33d4bf7cfce1b06f17b6e35d858246b26cbfca9a47024b47bdbca5c3158d1198c5775fe34d63e499619675ebcd93892d71d098f1adb32f33a76c6dde7b2daa9750bc553f16d86795eaae120ffa0f1f0f8dcb3e5a2cc124eca70907034d1727bb316c1dd4894649015cb8741c189bbe871a92328ede3eabbe0d553106d2ae462b07d08ccb3654f65e117ebc51ea96243994496740bed050e2e078820a514de8742ded74c052960115b7a1c966e06cc1c1c9ed078defb4df07ed2cb9779ae19c10914673db212dd08dd5d15d28dbf80f4fd02ddee4695214e0ae2a66fb151694f57fac163ea06ff5a63b460b235c2785637c0a1bdb44bdaeb279a9ccc9729258a17424be55654ee2742582a2aabf655e2b2125e1242224113e13c0625000c4f52e542f4bd20fe41b0992d8ccb7f656d19b2aaebe702e12c790c34387f9ca4c453b31b0e0f1a532826c6c3f5a0cc198757cb271236129bb0ca3ba5d481b2c7cb6f0267ad6e09237432eafaa80d570c38413f4df13a15ceec79926faac48f5b184a77fbdb6404b2ee0100eadf19b7e25e595915686740e36254ff5a482a259d8f1427079554ea8376e1c3efce8c2a53ffd39012d1d365d50c386665104d73bcabce98f6945b8dcb3afb8dd137f0b153dcbb6a28274d20cda0c9a4b39965ea4be796887c9b6178d1580d7539096c9c2bc3231fcd954e0fbbf925cbcdb3ed1d8035f7d927fd69a550cfcd295e7564fd1cf46bbba4b850a8367a8e6d639e8b0c40ec418434f5a3fd2f3d7614e8dccc5367dec1f4671d45776c52b1008bf773ebfdf47b01737d4582f476230e2ee8a523a11ae4845ed6836cc1258a9e8dbca25e68baf7cfb5a18be21da43998c9b33784b4c4f61a47cfdaa83bd74c0eac94abe58a76af5ed71551158cccc34e5d66c885fd5b3d33805109a25c9c0ae2ee77540f1d79712b3bfc46440b881472dd695a1e30467db60e03f0155ea4904a9503bd1e55a9acf0877af55c5e2e8b11c2a54ec7a4dd9faec8406528d1768526afaf468c8dcf0ab681e09f373c2185ba761cfd6d54b007dcc8455c05a3a4c6924caded5a465bb47167eff8102cc62d9ecb89d9b715a0415c1454c28fb0409435afc181139499e40ad71a3a0b3828128526cc873acaaa9384bdce8c9a614ec3895ce075780b227177a646d418de73e87a7f62bcbc2ccea1ffa784a6ca4ab995b1f695b225a0d344d64f1a7a9a7963f9f9a6976d88044d46816ab101997532a5e2d301c4cd2072fea25ebe502cac5a4287c46901547fbdd6ea0ea4973d0513864749b3cbbd2bad258bbc2749b232cc02ab24b16ef3e617ce27f6b6ab6b46241afb651019ef041bbe2d8759c2a3f00255ef8cca5ac83a454fafb5fa74d7c92dc61ee18e8ef2e583d565a5f5680474c31a17ec4b35d50f070af84b21a49d3c4eaee39cf21d4d9353c76d54be688ef62737c2fedbf63121aaa263d378f53f906b254d999df9de7e96c13b29d3f7b90ca7afc9d5f8d1d85f2151ed100ddfed218f265b03eb7652ea5bcbfb665f0bb67b','failed',1796027061863);
INSERT INTO projects VALUES ('shop',NULL,0,1796027061863);
INSERT INTO services VALUES ('shop','api',258,NULL,NULL,NULL,NULL,'deploy 1 failed: the dependencies phase failed: exited with code 1');
INSERT INTO services VALUES ('shop','web',259,NULL,NULL,NULL,NULL,'deploy 1 failed: the build of api failed');
