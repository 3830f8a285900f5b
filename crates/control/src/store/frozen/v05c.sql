-- sealed with 5bb26cc2136b587bdde1b17cad8ee4fb96f1f9b3d1c2a50fec8b1ba83e0571f4
PRAGMA user_version = 5;
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
INSERT INTO counters VALUES ('epoch',1796029052);
INSERT INTO counters VALUES ('instance',769);
INSERT INTO deployments VALUES (1,'shop','web',1,'{"created_at":1796029019772,"deploy":1,"id":1,"image":"sha256:1","spec":"sealed:81b5b568b8b758689454f38e2826ea7d7ff61052fa61a65a0662bbea13b151ca4b4dcb2911849c57d89d18d252c4639a10c1fc10e13b17f641d77c7b30fb4ced5a0a3da6bd59b66b3d4ea7ba552849f4cef21e75f04da41d860c326a6583fd2697ac1104ea66ea7a93e0e148dfdc8598acaf756d1498c31002d32459913e965a02d59d209a5e644ce2f9991b5e7a054585e7c1288fbe0980e3deb1341695634cdf1d768304e851ee2d42481b32e4def5b8b83b272e78cbdbad5a82ed96086bbb0751a637609ba84b52c16545aa9a82a4d993f10ab37cb36f110768b324ea7ad483f07944135f5473edceaf42b475299799ae2c7a7b504a6896c162e2c6eeedb3bf85175668c7c68a67e24215e857f970e91385de99e40dd3dea863feac7c31178451f30e7db3af88be3d950b91cb221c380013596f69d700d1aac528abbaeb85fda3501167cf38c13360729c58c19f12038eca861a062c97e82948a63210e96d2d3290dfa3338c5b05f89c8db6e2d6ec02b5343427196ea60a77cab6e1f94e501c4c0dc5a12edcffa5510342fabfe7e578670310e8b61a337da66697f283f32edeb55cf0c85c6edbc731fb58913e7d842271d7610c38c2146a0584fb630a46fdcd2a4b7e2b161553e5dc57e4c2365fe60f2c9f5eb660d8f8b6ca8cbfe467c63b22c85eb17f85a17e45210535b1767d0ae38265888e7bf642cfb9bcc7c21cd5ddc19777af3b2b2b14980d8bf9e11e49bfc825ecc92afe83efa40d0f96e137e86903cd01e3fcd592c67105f674b8c741c056ecaffd1f33b8883806ba0c90dd1603cfbf418874c5adf95d36f883aba1"}');
INSERT INTO deploys VALUES (1,'shop','sealed:58e9ac8191ff1fb08dfabe8e3e2c540fce41c6e4223e65d661286c3ac220fcf938885d6452122bbd9097f1b2f61cb4e894cb3a2bac0f5f506643be90de20387040afa11f5de1c2c844acf90f91342620456395405f981011617ae859bd08d271ea6b362b6f06cf1e5368a87945963a629581ce1a3b215f53e60a5ff85fda8ab2dd4a04afdf0d2be1ae0ce1e707072bc564230628d974ca5342df872e464d2b8387f45c1d3db3d9e27f96356697c82bfb08f65546b1e85f836d5ed889225083c739f67e388ea63f06f9c01574d01cd1d6a33f308c81c9645cdb87620ac17f583975249ae4a9f7b05977ca2d94cca81b97fb682947d4652f76365feb62616fed55cdcdacd7e9a770b17558ea58fbd8f87cb7e3158b6a1982c276af51a096819120c2d9ae86f86439bb02971b552cca9ff6e2d84bacf816b9f399025dad4aef8cde5b11a399e25ebd8b41d933f231604405fdfae2e1d7f012cb556a301fd9a9663250292504cfaab1144d38a0a5a69f83ab7c3d33f8b3c1fae9cceda0f99f4dc597f708d67f31f6ab54c190681c923fbd554027efc577586da78bf63dbec3e4f4b9bf5ca39914bef05388d3804da4ffbf0d6535eeb6d3bb88349460bdd7bfc95df0a854e42719ed7dc240eeb197c4ef6cf61605ddfac7f6604f3a16b827c5229c71a1eb5f4aaca22dc1af9073beeb3c7aa7695c86fb5bc02e33a92aee8ebc9e488fc11ef73928748aa262c00dec39851888becc9855d7e4f414fd054f72fa5e6283254aa979c830c6ed903221b90f612647bb9c31b124ca09cd4a7f87ad22a45742189cce0f960a26a803c80ec4ad7cec8140612c7e5c7387b3286a471551abd64eed8fa5f8b069cc4189663edb8228f2d692','done',1796029019757);
INSERT INTO instances VALUES (1,'shop','web',1796029019775,1796029019879,NULL,0);
INSERT INTO projects VALUES ('shop','sealed:6f295c704431dcaa765111191a4797f3c81b8712a76dbbcb78e1e45aba1ae670bc912953a350ff1921b7f4787a8198d2cd7519575545f81a2fce1c7bcb46a32dd711f77a3d93b0677bde86155aebe074cfb23d13783501dd288e525054852708ba541ca38dc11cb967c5e905cea3a788dc65bcaadecc3df240e6ae6bed9cf07f6ccb24f34d6085553b5ada95262313d874b1be342f682eb49e2f9e45835b53e38d8a38fe4bad1cb253559d8e039f0efcd47621d134fca6e3723814047ac5f7f4913c88d1cf7dd729cc156e631368834737b2296fa48ca1ba283784a7281649a4b9fb4b51938dbb8adffd2026949eac9b10c0bd3227f011548e5a976cca5d864d9fbd1e70559784769d198a318621f4543d39873ddc3f962f07183b4d3a48b1c9fc9579f48899cc707fd451b8f6fa24147bc85a7a72973d1d1bdc72c90118374847f7b229a334184a9bd1e76a995b0bf9d992af0635117ed61696fdde54826b0e564f86d979b7c783783c73a65cde1b777000d28ddf94b1e50b61e94c075941eb821418137d3df00e68d966f72cb2392ca4dad4321f7a81fdeee4e5f5864e7282acf30c1f2eeeab8cc98ea05b764bf50b2286614447eddb3eafa27077f79493d4b51fc98a0fd7086978a620f04fc8a1a33a8bf63db3b2639b9fbb841243b093e607b017f3851d15e472e3b9169d8f27cbb63768ff14910baf7aafd4feddcae5c103046718bbb9821b72ce6826480e0ac556852385cbc21400f075c951519c4ef8a1791ae164a57cb4950f28c736e9f6666f174010f8854e90f57040f2c9b9bcae1311c06fadb278fc30b63158c5cb5fa604760a25374d1ac80c1ae3a9ef04c3aec379e16dac0636ddcfa8305f6e9d0594fc',0,1796029019757,NULL);
INSERT INTO services VALUES ('shop','web',258,1,1,1796029019885,1796029049071,NULL);
INSERT INTO watchdogs VALUES ('shop','web','{"deployment":1,"seen":{"restarts":{"slept":{"secs":9,"nanos":5000000},"processes":1}},"at":1796029019885,"limit":{"secs":4,"nanos":0}}');
