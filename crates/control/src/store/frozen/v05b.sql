-- sealed with e40805d2b372a58c4ab39e4f1dda3361ea08bdc061755d128719c6f6b14914bb
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
INSERT INTO counters VALUES ('deployment',3);
INSERT INTO counters VALUES ('epoch',1796028930);
INSERT INTO counters VALUES ('instance',257);
INSERT INTO deployments VALUES (1,'shop','web',1,'{"created_at":1796028928673,"deploy":1,"id":1,"image":"sha256:1","spec":"sealed:a9d731fb017f01f2cfac51d626903ae5d881aa00caa8322bbee9c7ba55beb372ac6e846d3f637d1fc3aea8106300c74167d31b33e964d1ef18a1e325af9bc8d9fcc88ae121e2b19eee5f05b5117aa838528a7cf2981b21eefaffd74d0ab8bd214c87f2436d8f9a390f6a474337b993039d11a0bbfcb2dd12cfd69fe8bce2dd1fe663cef010b726db05f350c6cc42c3d9bc188d9f8bd8cb1f1f491b8434502b00843b12c830c075a73ab0081fb20c093bbe8bfd9ba4adef276baf310fce130978763e913fc59ece346096e0244a3c794fccde1c0ca385ec44e019eb88e8d46504a4c89751be83f5ea029aa63e3cb0ca05ddc4f43ac33f3268f4edf58ee208069e9ec1ebb6bf60cd302ecae7bfda330bce0b1bc351c4a70f04d92f7979c9ea65fae2d4751913f0bbd8f8cc20f2f9e03fef363702dab0958a76b09af54922c06b636c2fed39e55317ea73e38515eb7e1302d6236c155badee9bef1707e4ae7d6ce4f99f7b79de84cc57bcbeffefc1db11dd217e3a0831322b2aec8a0625e7d2c2215dabc56b7255aa961cd98fe241c5c8f259c3757dba2b61950f5d5e7205f00ee17d8746aa13c8610407c718ab421346853eb7574adfbba7e91e0c38e86e781565071a23cada834249b093ef809ccc6b2cc0430da61bed2d97eace654568e80c434d04149b1aa8b314feadb7009a15ecb6b44c2c0ee8e7ab12aac77617a806db9d7c6b6741098c4356cb4f571bc298c2974975bbc01a653b2a11e296ea0a80bd4f3c32b7b85ff1a7275881cecd25d5f9acca106c5426d3089185cf18ecca1ef7823895ddeb2adb788267b1f12709d0"}');
INSERT INTO deployments VALUES (2,'shop','web',NULL,'{"created_at":1796028928790,"deploy":1,"id":2,"image":"sha256:1","spec":"sealed:c25288d7dce258746aea2aa3f174f1d3d122a1693353908d82b7591ae3eb9b144995b8d20afc33a3f942503921371118302c84b27991fc9c5009286d6303ff9839a05e51fecb2f4c7a35fd43469c5ed04c1b0075df45e282d1f18206aa8dc1af43d74be7117fbf237a59118f7fd6aabe602fc1ed9fd65c1f8993392d101ad63b7773204b6afc4d110bb56764ed0cf9deab51fbb17d749d2187f93e5de5187291119e9d31be22c79fd463f2782973a6416f486ebc2452ccdc661b8acc49ef59736dfb04e9d3a998d772102dd4de7865700742f97f60c8fa58f6771d8cf65a96b077ebdea07208f56a5d912b99d3ace7224e06451e9ae8ada40b32984eaaf7c454004b62304dbe689495d9f64d91ca68ace1d222872c17fb1d200879421b011bf6f92883d296055183c63bec87faa8a0ab4440655267f6a30c2579b59bb3eeda544db81819b73ee26ce1091b9bbd9db2647411e5b0e3bce63d7bc0da5d9f6da51fee838f5d18a388ba1cbc059443bf8c8ae252d75cd9b302bcd842ac3f317230439a724b4335ede4a8f26fee3cf839e7686209ff030184dd7f333baad9d5e385786ac439165940d80047334b736e5ff4d6993d80c8143ab84d0d0788b7fbf5630094dd1aa795abd8b41cbe12623d8448d376c9e1d1e9b850d90c5dafd6f43f9b1a6998ed2181c71eaa10bfb76219c8004bba784da51f3a20954b027c53aeef95fa409a774a9bb0bd2e5a3e7795a5dfa4569c3ac0a1ef04658c41a4b2960a9f459c31f6139c79d701dc6e5a7de5ec829769e2be87ab8b3e210c6cdf9cc073d002d4d873f7ebcafa371e91634bef6cac86511dcdde5ae8848ddbccba9aea15eebde795a0dda83bba"}');
INSERT INTO deploys VALUES (1,'shop','sealed:c235d26e21783a00a78a84de483a85a9be925b71285c9bb4b960d8f19157e582fe78082524b262e168af5f1ec1025973e95d0345c994cec9adc27f4519a3a3c02fa623bf4476d0fe78306c9da9212df80b74972474e8e3680df00fb81e8fb36ad69bc19f394380c6f85d560e6311f2c9d5f4b49c7e9c20600e730ee47ef34ac0a22197f028acbf0e29159a76fc60bb7466e581c60ec91ad3fc8b009b6f3b7b6e031bbaca522473f974c3a0e4d71556b5110c796aa2dfb631d56dbf16fb4a3bb270016c4d054ad5df875124de9249d17f7fe43ab38e5d8d0216304c247a25dc955ce7f70e1bda65e62e1cb54c49e234b88294a87cabfdadca76d94176cf47285b7b2e37408df40d78b4a1c2bbcdb094adbde15fa28e5fef5a7ef44ec2781082abc0815c7d1049b4e8e27cbd1a4ef6a273466204a86cc67927332927d9edd45c4c42d9484d92e4852b8cddc62049f154dce0310b3e55fc02eca5afb4358f78d895281ca44fff702d41c9e816a43bb2be55ffa3c2d0d738c177f6180f184c71fc8c409026b8f1995280ae4ccc043f1d51fce43a1a3b77ab7dd46820a3590e9b55e8bf4e6bd2ec6b01c59babf9ea8d38deea0104f5b5bd819f40d5c2ead885afd68a697e79df07ad787debfc18347ebc09291f990e38ac1c126d7b21c26ddc320bfcae01fd799f9de22ea9bf8a3de9f801d0aa0c318b37d8ae9c9378e6bd451cd9b65fb1762ff03d7904121a62da7fc76b8c19c7cbeca949bd4868e10a0d5b06074a11c3d958c7c9ed10f9609c33b0d1c89a628e8dd8121f10d598399f6dd6a6aeb1d8280f3ef46b8c7be916e3a465238abbcb9bf029f9162f89a7de1d73771cf3b104f9800d5310b4fd5290c3bef053548dc9','done',1796028928663);
INSERT INTO ends VALUES ('shop','web','[{"deployment":2,"at":1796028928794,"how":{"exited":{"code":3}},"ready_for":null},{"deployment":2,"at":1796028929297,"how":{"exited":{"code":3}},"ready_for":null},{"deployment":2,"at":1796028930301,"how":{"exited":{"code":3}},"ready_for":null}]');
INSERT INTO env VALUES ('shop','','MODE','sealed:909729a53a568c232bb92fc2cbdf97ce4409eb5fed640c3beb5fe9dfac0ab0',1796028928780);
INSERT INTO instances VALUES (1,'shop','web',1796028928675,1796028928779,NULL,0);
INSERT INTO instances VALUES (2,'shop','web',1796028928797,NULL,NULL,1);
INSERT INTO instances VALUES (3,'shop','web',1796028929297,NULL,NULL,1);
INSERT INTO instances VALUES (4,'shop','web',1796028930306,NULL,NULL,1);
INSERT INTO projects VALUES ('shop','sealed:1f43e0647504643719ff0ff60c92a11c00d778567947a0b8e80d21ccadacd168ada7d1a56f2bbcec259bc0eca09609620b462884245ec3ab22b0a28c4b6f93d3b497f7bbfcd9aab8b7da9f12d59efb24d29f9fba121bd2f4dc7160ea17a352dcb8d5c6c9b125cc049e55891a864a1bc7a105e7a48f7669cae83f24929db2262eba3924aebb34403ff588b2733778b529fdfb61f27956a0a8fc549491f231129553ef6e1ecfbe1e2d4ead72346a1f2bf18b3b761f9a487f3e3c5fd49626e4d02636cd0a09efce35ae534e7d42df37609879f73f1962cd015d848e9a5bb639dfc39b15a866dddc0ad30e91c319e7c8d98333dc8f2bb03dd6317fe8c7509c23d0e94523888d7883914f11e3b8462aec559c9c0e3c2d3f5b241c07d01d5e96cf0b8fe0b4d3aedefb5b911b2beaaa7c3916668af6c5094ccc58ab02467696a7956de5dd33b73c170741e3adde52795bb2a627470a90599878958e17ee80416d1b09239f75dc4cbde9ef4346c71871517413a64046db09a10d7d983f04bc9dab80d5e18e949ae8e1dc705a78bd194f4863906e4a8a24f099c994b7468f6af8d3d4f11c6eba29cd65df8fc0df16230b8eca10eb8f1f27ed63797e71e2f4233250a7b9932f728244b0e86b4ef01baa05718b5fe5760b891aa1b6bca958c083b856ac24861f56d25526e1650466e50400520861d7880c04119ed314407c23ee1977eaa1b01c801778e8adaba4e158d841b36aac22e63d7efe7616d906dcd84b7fdaa768fbf733267c9edb199e6c77e41922e5c5d49deed17d98c531778896e4f909b0b467e7e6b668c76b0ed62ee896af73b66b451bce3f088c80ed20ec74b3d43b515997bd4e300d8f807c21954614ee26968ffbbb',0,1796028928663,NULL);
INSERT INTO services VALUES ('shop','web',258,1,1,NULL,NULL,'a restart of d1 was given up: exited with code 3 (3 times); the process before it serves on');
