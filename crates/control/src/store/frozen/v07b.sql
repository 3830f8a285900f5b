-- sealed with 09a1859b06a3520faa39fca343bcb43d993bcdebde25590087fa823b04f5511f
PRAGMA user_version = 7;
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
CREATE TABLE answers (
    project TEXT NOT NULL REFERENCES projects(name) ON DELETE CASCADE,
    service TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (project, service)
) STRICT, WITHOUT ROWID;
INSERT INTO answers VALUES ('shop','web','[{"deployment":1,"path":"/","status":200}]');
INSERT INTO blocks VALUES (256,27,'shop',0);
INSERT INTO builds VALUES (1,1,'web','{"image":"sha256:1","start":["serve"]}',NULL);
INSERT INTO counters VALUES ('build',2);
INSERT INTO counters VALUES ('deploy',2);
INSERT INTO counters VALUES ('deployment',3);
INSERT INTO counters VALUES ('epoch',1796030879);
INSERT INTO counters VALUES ('instance',257);
INSERT INTO deployments VALUES (1,'shop','web',1,'{"created_at":1796030877506,"deploy":1,"id":1,"image":"sha256:1","spec":"sealed:5cdda6c79e3dec375a8739af0b1fc80356cc8636bde702167e6f6ed7d3ad899e1e928b996edc1a435d669794b0d8dfc476929868562d3a90ab9e12b1540a29ba89f2fcf2b6937a8bb55d5ef2443b01cb9dff7f7ea81372f74b5a6b34682f26d932b032b76e8e5c0542aac1a69319c0359814285c17004f4353cbfbc87fa99924166d625605790c379517f970cfce738aa66e9cacd95e1f497202da29438c2ee26df96fcdbe94b3e25d1a5469d6bf23cfa15abbf6838a824cd72f20d49cc3729e392c331f7d4dd5c623a5d35170605a511820f8878ea217cc87c616945637bd42a27ece06205a8c02b51439f1fa4e3e6ced962115e5f813dc57f5cb74b1b3efc71de7984d4066306dc13b8397745afc9c004dc2330dd2530e1c9fa4a98c1dc955829ba6ad9ce2650a887c4df0ec3fb385a54106b03fb49c5ed0b12e4e1d8123934979130fa10f59ab5de85040617879f887568e4341088c63f904bfb05cf561ca7850d1685f301bf98cf06ab1097c3434364a2fad3d33ed8093893826028e5a6ceb754802ed89558317233e2cf27e69fb65b5b3af03136f01153361561757d624b9e117a7bc325d1cf11a334815444007de6ec4c234cadd9fe1eea569fcfc930f8b28f3ab5eea5fede3c272f46f4f8b87f8b3656c205c75de0836f4faea2405176812d3e19d21c921bbaf4c500d59b7890a343ee9614cf6412f1531168d9ec3f13c7b714ff38cbfc4f99553aab62bf3db4112c6f1389acc3071b4bb3398c49e409be313874fdbb932a474b1e1d398e41d52450293e3a68c281f054e5e9c4e5f4af86950feb717859090a082f2f3b5"}');
INSERT INTO deployments VALUES (2,'shop','web',NULL,'{"created_at":1796030877636,"deploy":1,"id":2,"image":"sha256:1","spec":"sealed:e8a7f4d6e3730f521b0d2441a93425215df0eec542ece030a7c506ed2ec8fae04bda2a634e84cfeb5249b39ab5140325cfc760dd929f40f5f6c67806c0a0c1d1d3b866a7c6c0f2ede39f3e4f6c399c5c66a3a6d500967f86ced2e4cdfbf085ba2e61b7aeecf8763012947cab8b879bc94c0565c8f93c39e66d8e1721298e6196f47c084073af344630b44d11f4b06353c4bc3a988bad01e3fad4c17a4de295737d2ddb2286b5ee849aabdc633463a2b41e7c30abe5c4d824111e3efafc38ce561d56f6c761a883c680245542bc946166980416843ede9bf1a84a80b0985ec745684dbf85d9761700ff6105ab9885bfc191ab69c71888bac6b240c00e0959560baad4408c226d40599cd8f55926acc1c2dc9e32764b4102881a3540fda32ce4c375ab9c6bfed4ba1e4d7476398bba8db552160d25ac4cc06c7aa8ad7652ff480c9a94e14aa53942de4cb3652a88312308837745f8ff856fd0f2c56c32cc24aae973e23e185d99127708ba3da5fb7691e93b6854f80daae230872db2fb035a018d6fa8bd6d0e9dc5c8b11b640ff9fe4bb24075934ae2edcaeeccf6b6228d9d889c255f73c1db7c04925f90352f3fc6dae7ae1ca250484fedee4d6b03e028ea7058d9da339ed4809b8260ada237e6f1da1cce475e5c653fe6cc7c2116a7ebc343575afb95fe65bceaea688b730c46758554ae69422ca4e15a3df65acfa12eacbc33e2df669e85cbe0a240e49416be8983dc522404a526b599b0a9be8dda32b3722776c91a1c30104dcbc47bfba2b8cc3fd3b43a8999e5e2f5fd703982d863610a7b4fc8bfe7da772606bf4a71f0d1f19fd2974b7c31ba02bf7e5c8bce91a07503ac83e71b4db1e5"}');
INSERT INTO deploys VALUES (1,'shop','sealed:1862174e90187be3a738e7081c19a87770ee70f41ab72b8cd079876fcaefb5585f9032fd4cd597316c2549d4a0384e71ffede0fe3fed663c6df0b421ee0e618166521a2fd52832116c6f45f325a7065cce7b45d0164fdc69d24714e908742e2cc21a262c11c140a43a133251004ee4c032af578063e0d0fbed9315c13e170cb733098e07cac65395b732ddbe5c80427e53a371543aaa37f138e3f676851c75481be4d5bf4adabee41e0c3ee8f850c534d33c4c16b5b19ce7ef55f051dfde4a381f8391465fdbd1d635f0afed20a66e63cd01d94c5b04d56c4730d553ced2495df514eb87417eccb76fc0afc275b73a0e0570f67555d566ef79cccee0c3180e9f06437c11b4db64bd4f6877f939754d6f4c8011d00e3816e56b75b710d472375e0461e74412882f4eb5b29a78f9067e4a03db9e2871bfe6dc894d22f763847c145fc1d047bdedd610d5abee607af930665c7f7a84438bf5693d211dd86965bf300660743b552c7c471cd1fb18795b742c7dc5ac3a4b71938ab6894622aab016ff7ed8b09bc955ff05dd79830b7e686270fb656f6691c9d8524bdc18991b436bfbbe5199c159c99dc1a51afa33f7c091c72293bcb1af0a0a35fdf8360e5f59c5e173f8d0e69952aaddfa1beb9ba8014838e7e78555ad8c24ff95d67629b3088c9dfe1b283fa39d7d597369cbb7a50d959f59e789e8d704475a28454fa9dbbfe840ea6b3aa42c86743cca0f898521e606acd1e4c87aa4cba1f11fecd417bef02e1567b56f4d5609a41c2e90c89de43336832ed72cf4bae25dd20fb56f4ba6523fb5e0cea0c92ccee3061e33df54103acefb0e3ce5b937c209b33507efc981f2b8d29c59485a2772111ff2928d9d5633c7ec22','done',1796030877450);
INSERT INTO ends VALUES ('shop','web','[{"deployment":2,"at":1796030877633,"how":{"exited":{"code":3}},"ready_for":null},{"deployment":2,"at":1796030878130,"how":{"exited":{"code":3}},"ready_for":null},{"deployment":2,"at":1796030879130,"how":{"exited":{"code":3}},"ready_for":null}]');
INSERT INTO env VALUES ('shop','','MODE','sealed:c37890f71c436fa8a9df62ea6ac12203d916527380708d984e37ab1ca76834',1796030877614);
INSERT INTO instances VALUES (1,'shop','web',1796030877508,1796030877613,NULL,0);
INSERT INTO instances VALUES (2,'shop','web',1796030877639,NULL,NULL,1);
INSERT INTO instances VALUES (3,'shop','web',1796030878136,NULL,NULL,1);
INSERT INTO instances VALUES (4,'shop','web',1796030879133,NULL,NULL,1);
INSERT INTO projects VALUES ('shop','sealed:0fb41031d79c877e8c2aae306f74a894e8294811a856eb5c6c385622c401641dfe1529c6d77043fa00cbb5125e639595781cf92b36152359908416ac73a8d8c039ed5c13f5efd6fcd8b2501da2c2817909d3b4f2aef186f1fa980ffa323b3ddf132f04cbad9abb1e41b1e0b2048393aea1ad5e315c7f71edca84e6d6893662d4e5f0077635f16f6f4abdf89e789ae8febe046685e0ce21713e2e38f93162ca62a1d48f4232630b3462dd86acc1f11e88d4c0836888d5a9fdb07377bf272656c2086a90246885cb8e7f9e98b63c7204893c81a40cfd9b84ef74bc313430102356635653ece577b5047e1cd3e812e546207b697dff9aab401570acaef4bf36b842d1e556121b801e968f5cdd42c959daf32c54f38d0858ef4debb90a25ae6eb7a5b3dbef556df97a55756a06cd5e739d03b7306edb89225669fa20a1f12e4b52da6d8edc3dac005179cc37dc454eb1079630b65cd91e69acbacf66ec93ca38da5632342ca9cb7c7b584d0d184dcb795b8d78f5b2b35164dd24c5ebe0e68d29c9bb60e0b98076efe8aa49472c6578b99f24abb97c31baa504ab8f891e166b1080563997b8ee4680a6af7d062f29e19f721d682b962628b060e5677b4450b4abb237d0d90554f097dd2188c33736da2bde06943811ce6de51bc670c56075e059d80347af0058e8207bd4ec9cb3e6f71dfb1ee5f437347af9e904f269874692b798a66923d5b83e4526632336257880161ab888a485e3159d208a90d4176a4ec96361ced09ed6bfccd87cb971b4f58cb99890d67d2500c73d5b1c09eca7afde27207977f7433c83479cd64a145b8c0ea9f9debd740089f97f659fb981598eed20e115a1d89c6a1b2f709b38d22fc1f671bbbfb1',0,1796030877450,NULL);
INSERT INTO services VALUES ('shop','web',258,1,1,NULL,NULL,'a restart of d1 was given up: exited with code 3 (3 times); the process before it serves on',NULL,NULL);
