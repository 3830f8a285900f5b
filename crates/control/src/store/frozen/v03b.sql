-- sealed with fde73ebfbd8725fcc86c0eeae21af7298b69ed0cce8aab869bdce0a8749e2921
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
INSERT INTO builds VALUES (1,1,'web','{"image":"sha256:1","start":["serve"]}',NULL);
INSERT INTO counters VALUES ('build',2);
INSERT INTO counters VALUES ('deploy',2);
INSERT INTO counters VALUES ('deployment',2);
INSERT INTO counters VALUES ('epoch',2);
INSERT INTO counters VALUES ('instance',257);
INSERT INTO deployments VALUES (1,'shop','web',1,'{"created_at":1796027064301,"id":1,"image":"sha256:1","spec":"sealed:29743b6ff36c1f84feb2f4611e28c22b2064e61afcc9f99486f7a7b175a9d6af3e09cc514078467d2e0a0e290bcb2b2ed072f88a602953e6a6ed62587b4c13c9e0b637dbb90c2c7b720107b3612d42e470e87ae3f533dad5192049875df5217310fb7e1cef2dd11323b2f3304bd93b8473f9b071f6e369e47eab3a07daa164de343ce9adb651e3dd4752c902aaee2a56aa916d19d2970fb5b64ce2861987ccd27907e76138c998ce249c42bf5a7cb20ab1e79b10cbac7a99520a1a303c507d7cb08edfbd872a181c04df1bea657f62329937dcd48f6662963c564cf9982e361e0c879a08b5b9f7fabe2944bff26cbb7a688e171a75381a7b232df59f58e703130efdf8b4d36db60746b7799ce384b20c91585cc0dd8babb426cf36fd371d3316da0c38877a88d81a3d112afb3b55672b8904a6ae623bab1bf1daca5ed6d1cf7a2a39e7dbe28d4fd333c04f68dd496e183de4ade38caa88a5c08904169383a279c1e03a7fa4af8ba73e8a8d2af1ae24f865996c415f133e5b75192cbec84733a3b9cae40816f5c70c08fb83769d487cde98900f8554d4c42f22d16e8c3623d514dd27f7255bd86e1b3189b09107a9169d8be993230ef954a1249d52f2e6ae19209c1702eca96667f9647db3492a60c0c8fa925030e51cc944a9ac1b6f98a8c382e911b485d5d037d88936c718327fb1020830396dbb66b63f8c1ef54c2ac3dc3975c1d7ab07892770a1d1337340c1566a0d955ce1ebd2dce61c526005bde85bacb8e5d676a0dcb38fc32538c214fb4ea2775c77c69d0c90795c05b60521f1c5569732b201ef6161b55c2ffe56c80a"}');
INSERT INTO deploys VALUES (1,'shop','sealed:f3f376c19460a6b77b17f2dda34e58278b91193c44d555e511cad1a81ab156d1180ce2bfe82680e837027cb6de6c6d1e26c3499fbca974d83cc410987d3cf49db67833b2712c2da86131ee6696c86436f7a75a0a14267ddfb82e2ed6bda823baa758838242b2e22a634177059ee6f1bf08ff9a0880286fe9f2656c5bce8f42ba9930e85f6684cc17394dd7f41b01d92c9db163edf51247bc224feb0e79e802de3eef4dd06b21c748e014133b4f320dd0524734e6769b58854f614a1490a3cd68f7d56e524ff50ba2b28a44292ba2e5b61b5712c2571a821ab5e55a4a3121d1c6f84c77c0d5e01481c88266103a57e3227c656c16bdc045280b77c62f472064950ca0a83fb6242069ddcce52e4a61d5ff6b400fd19df4584127e75049446a27b8dc2eec390de2f25530af6660d50606f7519bc88b59478690b8b69bd2235755fa1c4ae40cff9308b43108f93fc96f7cfdcd78863ccb454d1a615e4a99dcc05143c38f4df5c9207d24e59fb8ff8435c4878e50a8d19dad84fe59a12ce897424ac8678cb85193bf7911570a5cb702390e24a9949d7314d73e343284b8e84c25685ff69224eb1403dfe289aa579c0d23fd0ee5b93ac9aaf61fd8de51ed22ce1cb9d81889498dc70e1afca23886190735a7de63ef799d018924bbde884ff81c01c019f693ae802031affd9ba36413513f1a526ded73c324482b04a5af731b4de7ad41d7437da1d39ceca3b633c5839ab234d46865c1f56e2c6a03fb49b5a03ed359e8da7bd7f915af69879aec5d02fa55db821ddc4cd5328483cca12e782ff1b87d57c770f864bb9fc714d694803fa898df1f177769f1e3cd59c800028e3afb35837dca68552e1f17b9eee3b502701cc3035931','done',1796027064295);
INSERT INTO ends VALUES ('shop','web','[{"deployment":1,"at":1796027064413,"how":{"exited":{"code":1}},"ready_for":{"secs":0,"nanos":0}}]');
INSERT INTO instances VALUES (1,'shop','web',1796027064314,1796027064418,NULL,1);
INSERT INTO instances VALUES (2,'shop','web',1796027064915,1796027065023,NULL,0);
INSERT INTO projects VALUES ('shop','sealed:b68ee8229a6161641b8dd89e414ab5996a48438fa6384fa020b22fa4a2c3abb6e51a9bb42070cdafaed5827e038f8878a59339e1ccce567f0540f5a7159d40d80da24f23a8da036965484c68ab594415ccef82195970b67683cb370d00156c97a93f428f3922d2e4b29637ff903387d78fcba18ccd85939459d869f0335d30f4b225bf0ff73b7ca1d277dde934752807e9abeded96ed77b5f693926f66b3f629c2ea941db9b6e070b10f5d34b3fbd547353fcb5a6f5b098f50629946ec77e1ceb76e61ff83ef4a59f17cadb77b409c5a633d3515fed5a9d7ba95276c521f963b47a21ce2bbb32a2ac35b786f77f26d6ca674f3d33b448a6499f9858a3bf37b4cee499d89918b8df2447ca3f08cb2aae9f7b0de19fa2462adf076c8c0e7246cb341c6aed827ee6213ac369d801653f09f1a3df0ca1d999bcf83af1f625160bf8b61cf7cb768dfcd229f67d7d1090013ac2ac80bd34663333600eb1849174ab30ccf6ccc247f17b699611105fa373bc995e17de6079d25aad6070fd7914b05d5b0ac2d4cffe5e722c5f18c2f696b9be6d456e7edcc8b732e5b3a7ed3b05dfa9fd747de27b4ba29eaf5eb8cbbf3615b9d0a20dea83d5fffa0221d94ec46089dee232795de3fdb40de6e66cb4ed1aee49528174cba31c42d0cfb4c28b1bc2ecfbe419e22ff51b318f110142215c29b1474952ce6a73626ad20dd387d0c7c30af11ca0645e3a1d5f7ad104c2cf93018eb5769a76f5f00ea0e447f0daad91ab0119d9931dec7a0881e2a2d3fd2914301dea33d53ba28026f2e0b16e5345654e4940db3fc06b1e3199cfa625c1e21207e768c7a880b28bd266aade7ae54f9153ae080c9a00659c159c6bc2f99eec6cf75948421b7',0,1796027064295);
INSERT INTO services VALUES ('shop','web',258,1,1,NULL,NULL,NULL);
