-- sealed with 8e28443659558fbabbd2dcc23d447b8e504c7c990ee895b69b9726617fbdac2d
PRAGMA user_version = 6;
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
    note TEXT, replaced INTEGER, replaced_at INTEGER,                     -- what the newest deploy could not do
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
, origin TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE env (
    project TEXT NOT NULL,
    service TEXT NOT NULL,         -- empty for every service of the project
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (project, service, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE watchdogs (
    project TEXT NOT NULL REFERENCES projects(name) ON DELETE CASCADE,
    service TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (project, service)
) STRICT, WITHOUT ROWID;
INSERT INTO blocks VALUES (256,27,'shop',0);
INSERT INTO builds VALUES (1,1,'web','{"image":"sha256:1","start":["serve"]}',NULL);
INSERT INTO counters VALUES ('build',2);
INSERT INTO counters VALUES ('deploy',2);
INSERT INTO counters VALUES ('deployment',2);
INSERT INTO counters VALUES ('epoch',1796029494);
INSERT INTO counters VALUES ('instance',769);
INSERT INTO deployments VALUES (1,'shop','web',1,'{"created_at":1796029461970,"deploy":1,"id":1,"image":"sha256:1","spec":"sealed:1cd98faa981aeb86ce478e395c4d9900873936c9a9f87ff8d5fa5234dcbbd34e81f22ef8206d0eb856a0cd354d1ad310f54a59804ce7bbfcd9c73bcc166ff20a976cc118160fb8e0b3498004373cc474fc150760af092f8b6e45144d72d41e56ed40c88537b86d1a4d4540296ffd3e7f8c0511bafacd474482500c53803ade372ec9a501053d57df981c1a53ef120d7add708a75558bdbd742f55d9c0322601c9f00fb670c2e0e005d09b81ab12d1115edac76d55da1289d1f2d5074182e92ab2844f2fd7cb6eae56f742d28c62a23f63c52ed3186ce1cae880f26337c7d43764912bad5a82af0eaed49ec6c8814345e2cc4023ee386de5b2d69bd106b343a2a3c4dae92473fa211e80f701a741e0976f1f6465ac123b658689ca74d68f754947a660f846f19ab38ba6c42f06b944b0db4a4505c2f4cb47d0a760ad19e24188fa280a4fc0518cd72fc8699ee0006c5bcf6ef0716efb4312cd88a84184f559fccec599724ae941bef68bc0864696ad17f825545dc5f131298ac3c0ead8bcdfe7cdbe7e14a6a8fae5a466cc718b40c0709398285fdba6689f987543ce628396d97cdad6684f2289fc9ad9dc8488cad925b7c61ee15b2c843824e7cddfb450d30518eb0057b903a2dbc7de99d6d7d323a04daf11b93e422f0f501457949d8fc913373373c9ed60a9b5cc1f71e25bfd9e9e6336602c2f41a9aebbd370d92f70031f234f4183b951942efff16f6fc2f57836df1226d43fef93a81d73d2b9905e4bd782a0326dc5a1c666cdb24809b1b01808527d51c83eae69f8ab0bb6e7376d296d536ea1bef4170b9cd44890e059af8"}');
INSERT INTO deploys VALUES (1,'shop','sealed:6a521b01af9c88a9800ee74f69b4b153bed7f70f7757316e42891a5c71c5d76709188749d95437cf373ea328a79ec0536e08a3014d75dcf71309d5cbe113406cc36f9fa8268e22499f7e4eb55639795d99b07c107bacea6374c646feaa0ca8b88bc351a071d82abc51ad7661585683556d2944af5108d3b2492377d238b885073bda16c9f07262885229d7e87ee800108e798822a37d676b0714fa210889919d9d4c21d08192a0fb34a94dfe7a1bdecf61d2d614516fbe8829638101d9f148abbe0c7f04eb1c4f83af0353134e71790c5113298a65f85c00c518b056f321fac8e953bb7de90b90f3f739ed5871febe938c9b1bb30e14d2138a74eba2316dc5d8a5febff9e69a1b124875fc797ff3a146622f9266149a27cd32840dd05017d7580186b8e6c2a69d34fd1569c8ca68edce93339bcad2780bd6bf16560019135302741c607feb9bd34020f2a33ed5bcdc567ece4b176a8aa0b517c620aa65ec11794d9f90c833367e7b2cb74931ff93e8ef3dfa88cf99280837a527f34afcb3b5338664fd0aa48b1b7f39296ed2750865a3997d728c851a21a8b6b9b08dde1ea8222960eb05886404fdc244495c3584ca9c37809801e8b61f7c8bccad78a9c0d2115e4835df7b4dd6b994a4471b675b7256b344df750ddbe64fa0f3ebb81528485f5a9f12e2871c14e80678b6ad3ff55ddc9df48628f891372128c200de18bf0e17013872106cb07c0234b75798bd064df8987e9988b68597b8c913d60c61f7364d9badd20e0a59bd922519f5bdbf786dd76b3dcb3942b88b3f3ed5de6b57bbaf3745de1fa2344c2f081d982fcc633e43c1b2290925158041e51b95711253476482b0ec3be53702d7d3a8d843b6da0805b51f','done',1796029461947);
INSERT INTO instances VALUES (1,'shop','web',1796029461972,1796029462082,NULL,0);
INSERT INTO projects VALUES ('shop','sealed:7352523b90376c8760544ecd248e6d2b2da0cec821d6ebaa4a4b99fa381bfdccaa4ef206dd962196cf3633353386f358f325a88ed9c30ea1b78c87e2529a5a3faeb0dcbec48ddf2b019ddb44883017bf54a148bf621340f565e9ce1733e43b3d8e9f8714a7c743972656221c07917471ea54f32c67bded22f9f54a74d0168572add493439c8b725f16d7ed67e30c4270dbfeb90a6dfac674937eb591175327140290303718af0ee70f226058628799092fa3334e911d73a459940e029d9139e750b9bb11025e1f7a14706f80085eeab1ff53a0aab076b2e84038c4c113e4323f180914f774dcb81c1294ab6462e1e9081f29c4b5aebda1b36e68f9d831621c6bd4538fc71d57cb91b79bb1d46b134c73cc05087e0c8a19c7336d7e4758d6a8f7314670566f6ac5a53e7be120619a7628efee56995c048562eacaf6c639583cc80be05f8ea71a9183bdb8561fedde349aeef03c46431a0f7c80b037f160d93bdac027db98f2d17022e5a5c6127dff039f7db09a52b594c34bc4d84e472647b47971fa3bd876844871acb93dba1c415e4cf929810fc437abe42ac7b0151ff83f9b029022c6ec923fbaaf51e2c72efdb4725068016e1631fa5b820c52f4cd3ade4ac2421e2ceac58a8951805067984ffca7d6d5d545f895664327e177a5371c27f2ad9565507c6998f40ed6b517b71765aff0fccc52cfb221791e0bcf83fa00f8db6e9d165b0302b18aa7a5b0aebf1af83ad03b2df374d7cfbfbc985a98fd6793633a757431e36b08d5d5b16c64244ae6940b9a9a39c9e3122508fa7d00b525ceb752a1cd7aa989979d60e6c0ec7a9d7282d0b53e2f4d34fe956ac3ea3320b1ceb1ba0224e981cefb0ff5dd58141d8cee81c3',0,1796029461947,NULL);
INSERT INTO services VALUES ('shop','web',258,1,1,1796029462122,1796029491393,NULL,NULL,NULL);
INSERT INTO watchdogs VALUES ('shop','web','{"deployment":1,"seen":{"restarts":{"slept":{"secs":9,"nanos":32000000},"processes":1}},"at":1796029462123,"limit":{"secs":4,"nanos":0}}');
