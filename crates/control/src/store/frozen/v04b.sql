-- sealed with 185ba3a8c07fd0b023707c3a7859294313c9158aab9ab51baff501253acb7db7
PRAGMA user_version = 4;
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
, origin TEXT) STRICT, WITHOUT ROWID;
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
INSERT INTO deployments VALUES (1,'shop','web',1,'{"created_at":1796027359416,"deploy":1,"id":1,"image":"sha256:1","spec":"sealed:839c6dda8de3a54c203e10b78deddaf8b115d7a10eb16472e617905ae4990aa8ac206a7aaab81b64df7a1f92305db91cad325115267903fc6b777ff87e22a1cd1ab698b8916439940a7f621845d9bb4e829b8c5f149f7bb8c9392ac5bd0c1712125bce9f17136003f09a77b4e8f53760d5bf7a9d5a33a2edc924953272e96ce70158e61fe056e7f0518ace459456c67b53cf1cc587c4ea923a8210f1e03121f264479d229cb072c855db1630c0ab20e53060c4ab6255b5c19f532dfeab8e9f445cdf2677f6a22fb8c9dadda621e692dd6a227d2c32bf5e04ee210485e27ea5f7a7b621efef097f46e484698fb7982aa013bd043b7acead4a5cc6c721833337d5cf44d65d391ff2c72acae21e60dd72a5ff31910cf86a397b82695a88e700d719c42b7b1be2c6cc163798d8d6a4346c881e3673843dd02f8a7cae794463da86ac489f63366d07b68de2ef80850330c7d3eb934f2866fd3a403c970f4df6faf0822da25df623c0f6b83c865604f641f71b0098f7d4414b864cbf6028cc6d3dc6a3ae108ac303bda767f3eca9d9673148482353a319df7e66c53f48c963374b35c4d4bd2a2959f103a2dc138fa68e16a680d554b085acf719494ff2afe605a5e9b2c3ffc478fc01b1483a6f9d13ecb93766d590c13e318270a76202539e58129dde37d3fa065b335743db9370ff6a383488f20e459a83c043800abc4e17b14761ac47f402119dd969825c21591e8afe6cc0704076c60b66c93e7b252ade64d8f6cb5750c15e494b37c8cf67050e40d92e62ca1f2f51c81a33b9aa9b8c48a8a75e3d3d21b273d47877f247e1b5cec7d9"}');
INSERT INTO deploys VALUES (1,'shop','sealed:de24892014058335216081e736a5e3d10f5e484de878cda0fde72125a8b31f8a22d7effb48ec3e38dc7ec2a5df49eac36fc1489b4d0605e5f3e7dda642fd7192284e09fa8aba586153717d0d61c54b27c2220cbf1d50832841679927426201bd419b3ff14c80f009a2779e99abb9281ae583c6f76e116a3a912c1932d1b3e0e1161306625ebc0aa2a884a60826dd40a17d86441859acc94a028b6a74569ee3a52a86909be9b730578cdffd765a202a8611dae34878eec0646941d2ddb7b5f0423e9dd19367135ae9241c53c778b5c640126e9ff7e3a3f2d9c7c8028e46a97c4a32866907305489de3397cf40164934d0085f6c03eabaee17b724e168f1054f100a6457198db0d1a07531126ae10e3c9b53581996be1ec5dbba92ea6050a5e3f08d81e3577e5fce302262da73d593a51921aac31958750a2d52fb684f7f4fb7545ff125e81a9349b17c963add59293c4b6bdd5d343162ebbf360aaa0bd115b8d6b205bf76844ef08cc4adb6395cee0a1d28d49def768f42b986fb82102d73d8d0acc9e079e56378652aaf1e3b944bf47ef42520b0bea467923ed2a679ae1efa905b348f7528bf748b24675303a8a63991b75c426771487b4fa3c612ec60e150efea93da08707cce7aace69fb8f930db8353d217e4c617a968d905ffb4bfc3fe29a30f164e8513ffaeb3985ab4fb94f6dde114fff922df3f08e3b910a477bcd798270e7c820d1ac6936fd5cb5d2f43a4a9da88827fd42093393d52a5454ebddcd8331a4e04274841b2eabac06ae11767d46960e1217251ca74c75de2cfaa24a688bdab415230dec5860aae36915f366f101809b0458f17d4dc046e566b188cb34a966c4ac2705342cca73e4ef6897fe079dd','done',1796027359410);
INSERT INTO ends VALUES ('shop','web','[{"deployment":1,"at":1796027359522,"how":{"exited":{"code":1}},"ready_for":{"secs":0,"nanos":0}}]');
INSERT INTO instances VALUES (1,'shop','web',1796027359420,1796027359524,NULL,1);
INSERT INTO instances VALUES (2,'shop','web',1796027360025,1796027360128,NULL,0);
INSERT INTO projects VALUES ('shop','sealed:f9d63411ba4303ca7b4850440c8e37cc31272054d4399daf2e430a38ef783b26aeef6fc64b854018df8b090b1a9d483c5e18ce2fc7b66ee0e50e9fbabb57c9c66bd5928a71b3cbc61f2bc79542e3b7e94ced2ca17f7ff2efa9d23de0d09644267ebf5234dba8bc18b0e35b45fca46e51e50305112114c940e058f904ceaa8a17e747f85b6716f61785cffc9b69d64d84b2a0fc1bbe86325ea012b84d5d4487f746abc95d05740bb28b8cc454f5523c2effa244c73a4a22767129bde6062cb6cedca1aa946b66cdc5de373860d7e4848ff6803db96b36ae47d7e88a2b70df03572ea09b005cd7e86ec55c2633f754eb5bd2dab4c4fb81c9883c871afb3f0661b8ea78af76b37775c12a03d77ee35e66ce8b939b4d7d85d76dcb3c947eb356c8a4a3b28d4fbfdfea39a53a6d41f4c6a907e07648f5d6a25bd9a5dff47cef6da87ca0f925c6b2e24f141dd559d9f098471cc3122c8634c0f36c27143a57b6026d09e502439517b966f7cd9dd03314a5f6c4ddd005f86ee0ab0095b2c0606a3689e6aa7053a1458faf3f46d174d442a2b547dfcd6cd28a071ba41afeca0875b6c2a571c1fda49626ab559c4de8370747216af825ca0de2f8afc355a49837065be7e083cd14c0581c0b0cc676460e948188be815ad5a7791651582b8af543f34e0643fa7d6b3364ef6cc3963b234e938db336e1aa2167c6e74f44f55c3daac8f0a80db6f01979824713983b4dbfe6b54273575e496af91c6d0bf354ac27823e8b27718e999ca5315aa8f7aedab0c37970a2625e13149c517e78d22453312cfde1efb363747ec363ed04c6fdac1631685819a849b5ff39dcce42cb4a561e9047760e8e1f403ab4bc095b301ba20d6f26bed95815',0,1796027359410,NULL);
INSERT INTO services VALUES ('shop','web',258,1,1,NULL,NULL,NULL);
