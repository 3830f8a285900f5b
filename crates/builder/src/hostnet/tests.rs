use std::fmt::Write;

use expect_test::expect;

use super::*;

/// A host with these files and variables, and what it means for sandboxes.
fn show(files: &[(&str, &str)], env: &[(&str, &str)], settings: &NetSettings) -> String {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let host = Host::new(root.path(), Path::new("/home/joe"), env);
    let dir = root.path().join("ours");
    let net = HostNet::read(&host, settings, &dir).unwrap();
    let mut out = String::new();
    for (name, value) in net.build_env().iter().filter(|(_, v)| *v != BUNDLE) {
        writeln!(out, "{name}={value}").unwrap();
    }
    for m in net.build_mounts() {
        let text = fs::read_to_string(&m.source).unwrap_or_else(|_| "(folder)".to_owned());
        writeln!(out, "{}: {}", m.target.display(), text.trim_end().replace('\n', " | ")).unwrap();
    }
    for r in net.registries.iter().filter(|r| r.credential.is_some()) {
        let header = r.credential.as_ref().unwrap().header();
        writeln!(out, "added: {} {} {:?} {header}", r.of, r.root, r.reach).unwrap();
    }
    for of in net.withheld() {
        writeln!(out, "withheld: {of}").unwrap();
    }
    for w in &net.warnings {
        writeln!(out, "warning: {w}").unwrap();
    }
    out
}

fn cert(name: &str) -> String {
    format!("# {name}\n-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----\n")
}

#[test]
fn certificates() {
    let (public, private) = (cert("public"), cert("private"));
    let both = format!("{public}{private}");
    let mut out = String::new();
    for (case, files, env) in [
        ("Debian", vec![("etc/ssl/certs/ca-certificates.crt", &public)], vec![]),
        ("Fedora", vec![("etc/pki/tls/certs/ca-bundle.crt", &public)], vec![]),
        (
            "a private one in addition",
            vec![("etc/ssl/cert.pem", &public), ("opt/ca.pem", &both)],
            vec![("SSL_CERT_FILE", "/opt/ca.pem"), ("PIP_CERT", "/opt/ca.pem")],
        ),
        (
            "in pip.conf",
            vec![
                ("etc/ssl/cert.pem", &public),
                ("opt/ca.pem", &private),
                ("etc/pip.conf", &"[global]\ncert = /opt/ca.pem\n".to_owned()),
            ],
            vec![],
        ),
        ("missing", vec![("etc/ssl/cert.pem", &public)], vec![("SSL_CERT_FILE", "/none")]),
        ("none", vec![], vec![]),
    ] {
        let files: Vec<_> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
        writeln!(out, "{case}: {}", show(&files, &env, &NetSettings::default())).unwrap();
    }
    expect![[r#"
        Debian: /etc/ssl/certs/ca-certificates.crt: -----BEGIN CERTIFICATE----- | public | -----END CERTIFICATE-----

        Fedora: /etc/ssl/certs/ca-certificates.crt: -----BEGIN CERTIFICATE----- | public | -----END CERTIFICATE-----

        a private one in addition: /etc/ssl/certs/ca-certificates.crt: -----BEGIN CERTIFICATE----- | public | -----END CERTIFICATE----- | -----BEGIN CERTIFICATE----- | private | -----END CERTIFICATE-----

        in pip.conf: /etc/ssl/certs/ca-certificates.crt: -----BEGIN CERTIFICATE----- | public | -----END CERTIFICATE----- | -----BEGIN CERTIFICATE----- | private | -----END CERTIFICATE-----

        missing: /etc/ssl/certs/ca-certificates.crt: -----BEGIN CERTIFICATE----- | public | -----END CERTIFICATE-----
        warning: the certificate bundle /none is configured but cannot be read

        none: warning: no certificate bundle was found on this host; downloads over TLS may fail in builds

    "#]].assert_eq(&out);
}

#[test]
fn indexes_and_proxies() {
    let mut out = String::new();
    let pip = "[global]\nindex-url = https://joe:pw@one.example/simple\nextra-index-url =\n    https://two.example/simple\n    \
        https://three.example\ntimeout = 9\n[install]\ntrusted-host: one.example\n[freeze]\nindex-url = no\n";
    type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, Vec<(&'a str, &'a str)>);
    let cases: Vec<Case<'_>> = vec![
        ("pip.conf", vec![("etc/pip.conf", pip)], vec![]),
        (
            "the user's over the system's, variables over both",
            vec![
                ("etc/pip.conf", pip),
                ("home/joe/.config/pip/pip.conf", "[global]\nindex-url=https://user.example\n"),
            ],
            vec![("PIP_EXTRA_INDEX_URL", "https://var.example")],
        ),
        (
            "folders of wheels",
            vec![("opt/wheels/a.whl", "")],
            vec![("PIP_FIND_LINKS", "/opt/wheels https://w.example /gone"), ("PIP_NO_INDEX", "1")],
        ),
        (
            "uv has its own",
            vec![
                ("etc/pip.conf", pip),
                ("home/joe/.config/uv/uv.toml", "[[index]]\nurl = \"https://uv.example\"\n"),
            ],
            vec![
                ("UV_INDEX_NEXUS_PASSWORD", "sesame"),
                ("UV_CACHE_DIR", "/x"),
                ("UV_EXTRA_INDEX_URL", "https://e.example"),
            ],
        ),
        (
            "proxies",
            vec![],
            vec![
                ("https_proxy", "http://proxy.example:3128"),
                ("NO_PROXY", "10.0.0.0/8"),
                ("HTTP_PROXY", "http://joe:pw@localhost:8080"),
            ],
        ),
        (
            "npm",
            vec![(
                "home/joe/.npmrc",
                "registry=https://npm.example\n//npm.example/:_authToken=${TOKEN}\nfund=false\nprefix=/opt\n",
            )],
            vec![
                ("TOKEN", "npm_123456"),
                ("NPM_CONFIG_REGISTRY", "https://n.example"),
                ("npm_config_prefix", "/x"),
            ],
        ),
        (
            "cargo",
            vec![
                (
                    "home/joe/.cargo/config.toml",
                    "[build]\njobs = 1\n[source.crates-io]\nreplace-with = \"m\"\n[http]\ncainfo = \"/x\"\n",
                ),
                ("home/joe/.cargo/credentials.toml", "[registry]\ntoken = \"cio123456\"\n"),
            ],
            vec![("CARGO_NET_RETRY", "5"), ("CARGO_TARGET_DIR", "/x")],
        ),
        ("pip's own proxy", vec![("etc/pip.conf", "[global]\nproxy = http://p.example\n")], vec![]),
        (
            "apt",
            vec![("etc/apt/auth.conf.d/m.conf", "machine m.example login joe password pw123456\n")],
            vec![],
        ),
    ];
    for (case, files, env) in cases {
        let settings = NetSettings { credentials: Ecosystem::ALL.into(), ..NetSettings::default() };
        let text = show(&files, &env, &settings).replace(
            "warning: no certificate bundle was found on this host; downloads over TLS may fail in builds\n",
            "",
        );
        writeln!(out, "{case}:\n{text}").unwrap();
    }
    expect![[r#"
        pip.conf:
        NO_PROXY=one.example
        PIP_DEFAULT_TIMEOUT=9
        PIP_EXTRA_INDEX_URL=https://two.example/simple https://three.example
        PIP_INDEX_URL=https://one.example/simple
        PIP_TRUSTED_HOST=one.example
        UV_DEFAULT_INDEX=https://one.example/simple
        UV_HTTP_TIMEOUT=9
        UV_INDEX=https://two.example/simple https://three.example
        UV_INSECURE_HOST=one.example
        no_proxy=one.example
        added: pip https://one.example/ Packages Basic am9lOnB3
        added: pip https://one.example/simple/ Whole Basic am9lOnB3

        the user's over the system's, variables over both:
        PIP_DEFAULT_TIMEOUT=9
        PIP_EXTRA_INDEX_URL=https://var.example
        PIP_INDEX_URL=https://user.example
        PIP_TRUSTED_HOST=one.example
        UV_DEFAULT_INDEX=https://user.example
        UV_HTTP_TIMEOUT=9
        UV_INDEX=https://var.example
        UV_INSECURE_HOST=one.example

        folders of wheels:
        PIP_FIND_LINKS=/mnt/find-links/0 https://w.example
        PIP_NO_INDEX=1
        UV_FIND_LINKS=/mnt/find-links/0,https://w.example
        UV_NO_INDEX=1
        /mnt/find-links/0: (folder)
        warning: find-links names /gone, which is not a folder of this host

        uv has its own:
        NO_PROXY=one.example
        PIP_DEFAULT_TIMEOUT=9
        PIP_EXTRA_INDEX_URL=https://two.example/simple https://three.example
        PIP_INDEX_URL=https://one.example/simple
        PIP_TRUSTED_HOST=one.example
        UV_HTTP_TIMEOUT=9
        UV_INDEX=https://e.example
        UV_INSECURE_HOST=one.example
        no_proxy=one.example
        /root/.config/uv/uv.toml: [[index]] | url = "https://uv.example"
        added: pip https://one.example/ Packages Basic am9lOnB3
        added: pip https://one.example/simple/ Whole Basic am9lOnB3

        proxies:
        HTTPS_PROXY=http://proxy.example:3128
        HTTP_PROXY=http://joe:pw@localhost:8080
        NO_PROXY=10.0.0.0/8
        http_proxy=http://joe:pw@localhost:8080
        https_proxy=http://proxy.example:3128
        no_proxy=10.0.0.0/8
        warning: HTTP_PROXY names a proxy on this host's loopback, which sandboxes cannot reach: http://***@localhost:8080
          hint: let the proxy listen on another address of this host and name that

        npm:
        NO_PROXY=npm.example
        NPM_CONFIG_REGISTRY=https://n.example
        no_proxy=npm.example
        npm_config_audit=false
        /root/.npmrc: registry=https://npm.example
        added: npm https://npm.example/ Whole Bearer npm_123456

        cargo:
        CARGO_NET_RETRY=5
        /root/.cargo/config.toml: [http] |  | [source.crates-io] | replace-with = "m"

        pip's own proxy:
        HTTPS_PROXY=http://p.example
        HTTP_PROXY=http://p.example
        PIP_PROXY=http://p.example
        http_proxy=http://p.example
        https_proxy=http://p.example

        apt:

    "#]].assert_eq(&out);
}

#[test]
fn settings_add_and_remove() {
    let build_env = [("UV_HTTP_TIMEOUT", "60"), ("HTTPS_PROXY", ""), ("https_proxy", "")];
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("own.pem");
    fs::write(&own, cert("own")).unwrap();
    let settings = NetSettings {
        ca_bundle: Some(own),
        credentials: BTreeSet::new(),
        mirrors: Vec::new(),
        build_env: build_env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
    };
    let public = cert("public");
    let out = show(&[("etc/ssl/cert.pem", &public)], &[("HTTPS_PROXY", "http://p.example")], &settings);
    expect![[r#"
        UV_HTTP_TIMEOUT=60
        /etc/ssl/certs/ca-certificates.crt: -----BEGIN CERTIFICATE----- | own | -----END CERTIFICATE-----
    "#]]
    .assert_eq(&out);
    let gone = NetSettings { ca_bundle: Some("/none".into()), ..NetSettings::default() };
    let host = Host::new(dir.path(), Path::new("/root"), BTreeMap::new());
    let error = HostNet::read(&host, &gone, &dir.path().join("x")).unwrap_err();
    assert!(error.to_string().starts_with("reading the certificate bundle /none: "), "{error}");
}

/// Bug: every tenant's build could read the credentials of the machine's operator.
#[test]
fn credentials_are_for_those_that_are_opted_in() {
    let public = cert("public");
    let files = [
        ("etc/ssl/cert.pem", public.as_str()),
        (
            "etc/pip.conf",
            "[global]\nindex-url = https://joe:pw123456@one.example/simple\nproxy = http://p.example\n",
        ),
        (
            "home/joe/.config/uv/uv.toml",
            "[[index]]\nname = \"nexus\"\nurl = \"https://tok123456@uv.example/x?auth_token=q123456\"\n",
        ),
        (
            "home/joe/.npmrc",
            "registry=https://joe:pw123456@npm.example\n@a:registry=https://a.example\n\
             //npm.example/:_authToken=npm_123456\n//npm.example/:username=joe\n_auth=am9lOnB3\n",
        ),
        (
            "home/joe/.cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"m\"\n[source.m]\nregistry = \"sparse+https://m.example/\"\n\
             [registries.ours]\nindex = \"sparse+https://joe:pw123456@ours.example/\"\ntoken = \"cio123456\"\n\
             credential-provider = [\"/opt/vault\"]\n",
        ),
        ("home/joe/.cargo/credentials.toml", "[registry]\ntoken = \"cio123456\"\n"),
        ("etc/apt/auth.conf.d/m.conf", "machine m.example login joe password pw123456\n"),
        ("etc/apt/sources.list", "deb https://m.example/debian stable main\n"),
        ("home/joe/.netrc", "machine m.example login joe password pw123456\n"),
    ];
    let env = [
        ("UV_INDEX_NEXUS_USERNAME", "joe"),
        ("UV_INDEX_NEXUS_PASSWORD", "sesame123456"),
        ("CARGO_REGISTRIES_OURS_TOKEN", "cio123456"),
        ("CARGO_REGISTRIES_OURS_INDEX", "sparse+https://ours.example/"),
        ("NPM_CONFIG__AUTH", "am9lOnB3"),
        ("HTTPS_PROXY", "http://joe:pw123456@proxy.example:3128"),
        ("NO_PROXY", "10.0.0.0/8"),
    ];
    let with = |credentials: &[Ecosystem]| {
        let credentials = credentials.iter().copied().collect();
        show(&files, &env, &NetSettings { credentials, ..NetSettings::default() })
    };
    let none = with(&[]);
    for secret in ["123456", "am9lOnB3", "sesame", "vault"] {
        assert!(!none.contains(secret), "{secret} in {none}");
    }
    expect![[r#"
        CARGO_REGISTRIES_OURS_INDEX=sparse+https://ours.example/
        HTTPS_PROXY=http://proxy.example:3128
        HTTP_PROXY=http://p.example
        NO_PROXY=10.0.0.0/8
        PIP_INDEX_URL=https://one.example/simple
        PIP_PROXY=http://p.example
        UV_INDEX_NEXUS_USERNAME=joe
        http_proxy=http://p.example
        https_proxy=http://proxy.example:3128
        no_proxy=10.0.0.0/8
        /etc/ssl/certs/ca-certificates.crt: -----BEGIN CERTIFICATE----- | public | -----END CERTIFICATE-----
        /root/.config/uv/uv.toml: [[index]] | name = "nexus" | url = "https://uv.example/x?auth_token="
        /root/.npmrc: registry=https://npm.example | @a:registry=https://a.example
        /root/.cargo/config.toml: [registries.ours] | index = "sparse+https://ours.example/" |  | [source.crates-io] | replace-with = "m" |  | [source.m] | registry = "sparse+https://m.example/"
        withheld: pip
        withheld: npm
        withheld: cargo
        withheld: apt
        withheld: proxy
    "#]].assert_eq(&none);
    // Added on the way out, each for itself; a proxy's are shown, because nobody could add them.
    let all = with(&Ecosystem::ALL);
    let (shown, added): (Vec<_>, Vec<_>) = all.lines().partition(|l| !l.starts_with("added: "));
    for secret in
        ["tok123456", "sesame", "npm_123456", "am9lOnB3", "cio123456", "joe:pw123456@one", "q123456"]
    {
        assert!(!shown.join("\n").contains(secret), "{secret} in {shown:?}");
    }
    assert!(all.contains("http://joe:pw123456@proxy.example:3128"), "{all}");
    expect![[r#"
        added: pip https://one.example/ Packages Basic am9lOnB3MTIzNDU2
        added: pip https://one.example/simple/ Whole Basic am9lOnB3MTIzNDU2
        added: pip https://uv.example/x/ Whole Basic am9lOnNlc2FtZTEyMzQ1Ng==
        added: npm https://npm.example/ Whole Bearer npm_123456
        added: npm https://npm.example/ Packages Bearer npm_123456
        added: cargo https://ours.example/ Packages cio123456
        added: cargo https://ours.example/ Whole cio123456
        added: apt https://m.example/debian/ Whole Basic am9lOnB3MTIzNDU2"#]]
    .assert_eq(&added.join("\n"));
    for of in Ecosystem::ALL {
        let only = with(&[of]);
        let others: Vec<_> = Ecosystem::ALL.into_iter().filter(|e| *e != of).collect();
        let kept = with(&others);
        let added = |text: &str| text.lines().filter(|l| l.starts_with(&format!("added: {of} "))).count();
        assert_eq!((added(&only) > 0, added(&kept)), (of.is_relayed(), 0), "{of}");
        assert_eq!(kept.matches("withheld: ").count(), 1, "{kept}");
    }
}
