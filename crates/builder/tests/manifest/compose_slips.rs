//! Keys and numbers of compose files that are nearly right, and what is told of them.

use expect_test::{Expect, expect};

use super::{check, folder, shown};

/// What is told first, without the line that is shown.
fn told(text: &str, more: &[(&str, &str)], expected: &Expect) {
    let files = [&[("compose.yaml", text), ("requirements.txt", ""), ("src/", "")], more].concat();
    let shown = shown(&folder("shop", &files));
    let kept = |l: &&str| !l.contains(" | ") && !l.trim().is_empty() && !l.ends_with(" |");
    let kept: Vec<_> = shown.lines().filter(kept).map(|l| l.to_owned() + "\n").collect();
    expected.assert_eq(&kept.concat());
}

/// Bug: of a service without `build` that was told before the key that stood in its place, with an image the key was
/// not told at all; words of other tools had no hint, or a wrong one.
#[test]
fn keys_of_a_service() {
    for (text, expected) in [
        (
            "bild: .",
            expect![[r#"
            compose.yaml:3:5: services.web.bild: unknown key `bild`
              hint: did you mean `build`?
        "#]],
        ),
        (
            "Build: .\n    Ports: ['80']",
            expect![[r#"
            compose.yaml:3:5: services.web.Build: unknown key `Build`
              hint: did you mean `build`?
            compose.yaml:4:5: services.web.Ports: unknown key `Ports`
              hint: did you mean `ports`?
        "#]],
        ),
        (
            "image: shop\n    bild: .",
            expect![[r#"
            compose.yaml:4:5: services.web.bild: unknown key `bild`
              hint: did you mean `build`?
        "#]],
        ),
        (
            "imge: shop",
            expect![[r#"
            compose.yaml:3:5: services.web.imge: unknown key `imge`
              hint: did you mean `image`?
        "#]],
        ),
        (
            "extend: {file: a.yaml, service: b}",
            expect![[r#"
            compose.yaml:3:5: services.web.extend: unknown key `extend`
              hint: did you mean `extends`?
        "#]],
        ),
        (
            "build: .\n    port: ['80']\n    enviroment: {A: b}\n    comand: x\n    dependsOn: [a]",
            expect![[r#"
                compose.yaml:4:5: services.web.port: unknown key `port`
                  hint: did you mean `ports`?
                compose.yaml:5:5: services.web.enviroment: unknown key `enviroment`
                  hint: did you mean `environment`?
                compose.yaml:6:5: services.web.comand: unknown key `comand`
                  hint: did you mean `command`?
                compose.yaml:7:5: services.web.dependsOn: unknown key `dependsOn`
                  hint: did you mean `depends_on`?
            "#]],
        ),
        (
            "build: .\n    env: {A: b}\n    cmd: x\n    dockerfile: x\n    replicas: 2\n    interval: 5s",
            expect![[r#"
                compose.yaml:4:5: services.web.env: unknown key `env`
                  hint: did you mean `environment`?
                compose.yaml:5:5: services.web.cmd: unknown key `cmd`
                  hint: did you mean `command`?
                compose.yaml:6:5: services.web.dockerfile: unknown key `dockerfile`
                  hint: write it under `build`: build: {dockerfile: ...}
                compose.yaml:7:5: services.web.replicas: unknown key `replicas`
                  hint: write it under `deploy`: deploy: {replicas: ...}
                compose.yaml:8:5: services.web.interval: unknown key `interval`
                  hint: write it under `healthcheck`: healthcheck: {interval: ...}
            "#]],
        ),
        (
            "build: .\n    sleep: 10m\n    packages: [ffmpeg]\n    memory: 1g\n    xyzzy: 1\n    x-xyzzy: 1",
            expect![[r#"
                compose.yaml:4:5: services.web.sleep: unknown key `sleep`
                  hint: this is a key of dormouse.toml, which is read instead of a compose file
                compose.yaml:5:5: services.web.packages: unknown key `packages`
                  hint: this is a key of dormouse.toml, which is read instead of a compose file
                compose.yaml:6:5: services.web.memory: unknown key `memory`
                  hint: did you mean `mem_limit`?
                compose.yaml:7:5: services.web.xyzzy: unknown key `xyzzy`
            "#]],
        ),
        (
            "build: {contxt: src, command: x}\n    deploy: {limits: {}, ports: [], resources: {memory: 1g}}",
            expect![[r#"
                compose.yaml:3:13: services.web.build.contxt: unknown key `contxt`
                  hint: did you mean `context`?
                compose.yaml:3:26: services.web.build.command: unknown key `command`
                  hint: this key belongs to the service itself
                compose.yaml:4:14: services.web.deploy.limits: unknown key `limits`
                  hint: write it under `resources`: resources: {limits: ...}
                compose.yaml:4:26: services.web.deploy.ports: unknown key `ports`
                  hint: this key belongs to the service itself
                compose.yaml:4:49: services.web.deploy.resources.memory: unknown key `memory`
                  hint: write it under `limits`: limits: {memory: ...}
            "#]],
        ),
        (
            "comand: x",
            expect![[r#"
            compose.yaml:2:3: services.web: it has no `build`
              hint: write `build: ./folder`
            compose.yaml:3:5: services.web.comand: unknown key `comand`
              hint: did you mean `command`?
        "#]],
        ),
    ] {
        told(&format!("services:\n  web:\n    {text}\n"), &[], &expected);
    }
}

/// Bug: what was wrong was told twice, and services without `services` above them were called unknown keys.
#[test]
fn keys_of_the_file() {
    for (text, expected) in [
        (
            "service:\n  web: {build: .}",
            expect![[r#"
            compose.yaml:1:1: service: unknown key `service`
              hint: did you mean `services`?
        "#]],
        ),
        (
            "Services:\n  web: {build: .}",
            expect![[r#"
            compose.yaml:1:1: Services: unknown key `Services`
              hint: did you mean `services`?
        "#]],
        ),
        (
            "web:\n  build: .\ndb: {image: x}",
            expect![[r#"
            compose.yaml:1:1: web: unknown key `web`
              hint: a service stands under `services`
            compose.yaml:3:1: db: unknown key `db`
              hint: a service stands under `services`
        "#]],
        ),
        (
            "build: .\nports: ['80']",
            expect![[r#"
            compose.yaml:1:1: build: unknown key `build`
              hint: this key belongs to a service
            compose.yaml:2:1: ports: unknown key `ports`
              hint: this key belongs to a service
        "#]],
        ),
        (
            "services:\n  web: {build: .}\nvolume: {}\nx-more: 1\nxyzzy: 1",
            expect![[r#"
            compose.yaml:3:1: volume: unknown key `volume`
              hint: did you mean `volumes`?
            compose.yaml:5:1: xyzzy: unknown key `xyzzy`
              hint: known here: `configs`, `include`, `jobs`, `models`, `name`, `networks`, `secrets`, `services`, `version`, `volumes`
        "#]],
        ),
        (
            "x-more: 1",
            expect![[r#"
            compose.yaml:1:1: there are no `services` in this file
        "#]],
        ),
        (
            "",
            expect![[r#"
                compose.yaml:1:1: there are no `services` in this file
            "#]],
        ),
    ] {
        told(text, &[], &expected);
    }
}

/// Bug: nobody looked at the keys of services that are left out, also where one had taken the place of `build`.
#[test]
fn keys_of_services_that_are_left_out() {
    let web = "services:\n  web: {build: ., ports: ['80']}\n";
    for (text, expected) in [
        (
            "  db: {image: x, enviroment: {A: b}}",
            expect![[r#"
            compose.yaml:3:18: services.db.enviroment: unknown key `enviroment`
              hint: did you mean `environment`?
        "#]],
        ),
        (
            "  db: {image: x, of_a_later_day: 1, x-a: 2}",
            expect![[r#"
            project shop
            front web
            web: source=. port=80 public
            warning: left out, because images cannot be run yet: `db` (compose.yaml:3: `x`)
        "#]],
        ),
        (
            "  test: {profiles: [test], bild: .}",
            expect![[r#"
            compose.yaml:3:28: services.test.bild: unknown key `bild`
              hint: did you mean `build`?
        "#]],
        ),
        (
            "  api: {image: shop/api, biuld: api}",
            expect![[r#"
            compose.yaml:3:26: services.api.biuld: unknown key `biuld`
              hint: did you mean `build`?
        "#]],
        ),
    ] {
        told(&format!("{web}{text}\n"), &[], &expected);
    }
}

/// Bug: of more instances than there may be one ran, with a warning that named no bound.
#[test]
fn more_instances_than_there_may_be() {
    let web = |more: &str| format!("services:\n  web:\n    build: .\n    {more}\n");
    told(
        &web("scale: 101"),
        &[],
        &expect![[r#"
        compose.yaml:4:12: services.web.scale: expected a whole number from 0 to 100, found 101
    "#]],
    );
    told(
        &web("deploy: {replicas: 101}"),
        &[],
        &expect![[r#"
        compose.yaml:4:24: services.web.deploy.replicas: expected a whole number from 0 to 100, found 101
    "#]],
    );
}

/// Bug: ports that nothing has were passed over on the host's side, in a command and as `PORT`.
#[test]
fn numbers_that_no_port_has() {
    let env: &[(&str, &str)] = &[("web.env", "PORT=99999"), ("api.env", "PORT=3000\n")];
    for (text, expected) in [
        (
            "ports: ['99999:80', '80:99999', '80000-80001:80', 0, -1, 99999, '127.0.0.1:70000:80', 'http:80', 8000.5]",
            expect![[r#"
                compose.yaml:4:13: services.web.ports[0]: 99999 is not a port: they go from 1 to 65535
                  hint: write it like "8501:8501" or 8000
                compose.yaml:4:25: services.web.ports[1]: 99999 is not a port: they go from 1 to 65535
                  hint: write it like "8501:8501" or 8000
                compose.yaml:4:37: services.web.ports[2]: 80000 is not a port: they go from 1 to 65535
                  hint: write it like "8501:8501" or 8000
                compose.yaml:4:55: services.web.ports[3]: 0 is not a port: they go from 1 to 65535
                  hint: write it like "8501:8501" or 8000
                compose.yaml:4:58: services.web.ports[4]: not a port
                  hint: write it like "8501:8501" or 8000
                compose.yaml:4:62: services.web.ports[5]: 99999 is not a port: they go from 1 to 65535
                  hint: write it like "8501:8501" or 8000
                compose.yaml:4:69: services.web.ports[6]: 70000 is not a port: they go from 1 to 65535
                  hint: write it like "8501:8501" or 8000
                compose.yaml:4:91: services.web.ports[7]: not a port
                  hint: write it like "8501:8501" or 8000
                compose.yaml:4:102: services.web.ports[8]: not a port
                  hint: write it like "8501:8501" or 8000
            "#]],
        ),
        (
            "ports: [{target: 99999}, {target: 80, published: '99999'}, {target: 0}]",
            expect![[r#"
            compose.yaml:4:13: services.web.ports[0]: 99999 is not a port: they go from 1 to 65535
              hint: write it like "8501:8501" or 8000
            compose.yaml:4:30: services.web.ports[1]: 99999 is not a port: they go from 1 to 65535
              hint: write it like "8501:8501" or 8000
            compose.yaml:4:64: services.web.ports[2]: 0 is not a port: they go from 1 to 65535
              hint: write it like "8501:8501" or 8000
        "#]],
        ),
        (
            "ports: ['[::1]:8080:80', '127.0.0.1::80', '0.0.0.0:8080:80', '8000-8001:80', ' 8080 : 80 ']",
            expect![[r#"
                project shop
                front web
                web: source=. port=80 public
            "#]],
        ),
        (
            "expose: [70000]",
            expect![[r#"
            compose.yaml:4:14: services.web.expose[0]: 70000 is not a port: they go from 1 to 65535
              hint: write it like "8501:8501" or 8000
        "#]],
        ),
        (
            "environment: {PORT: 99999}",
            expect![[r#"
            compose.yaml:4:25: services.web.environment.PORT: `99999` is not a port: they go from 1 to 65535
        "#]],
        ),
        (
            "environment: [PORT=http]",
            expect![[r#"
            compose.yaml:4:19: services.web.environment[0]: `http` is not a port: they go from 1 to 65535
        "#]],
        ),
        (
            "environment: [PORT]",
            expect![[r#"
                project shop
                web: source=. port=8000 worker
                warning: compose.yaml:4: services.web.environment[0]: PORT is always the service's port; this value is not used
            "#]],
        ),
        (
            "environment: {PORT: '${NO_PORT}'}",
            expect![[r#"
                project shop
                web: source=. port=8000 worker
                warning: compose.yaml:4: services.web.environment.PORT: PORT is always the service's port; this value is not used
            "#]],
        ),
        (
            "env_file: web.env",
            expect![[r#"
            compose.yaml:4:15: services.web.env_file: `99999` is not a port: they go from 1 to 65535
        "#]],
        ),
        (
            "env_file: [web.env, api.env]",
            expect![[r#"
            project shop
            front web
            web: source=. port=3000 public without=["api.env", "web.env"]
        "#]],
        ),
        (
            "env_file: web.env\n    environment: {PORT: 4000}",
            expect![[r#"
            project shop
            front web
            web: source=. port=4000 public without=["web.env"]
        "#]],
        ),
        (
            "env_file: api.env\n    ports: ['80']",
            expect![[r#"
            project shop
            front web
            web: source=. port=80 public without=["api.env"]
            warning: compose.yaml:4: services.web.env_file: PORT is always the service's port; this value is not used
        "#]],
        ),
        (
            "command: uvicorn a:b --port 99999",
            expect![[r#"
            compose.yaml:4:14: services.web.command: 99999 is not a port: they go from 1 to 65535
              hint: write $PORT there, which is the service's port
        "#]],
        ),
        (
            "command: sh -c 'exec gunicorn -b :99999 a:b'",
            expect![[r#"
            compose.yaml:4:14: services.web.command: 99999 is not a port: they go from 1 to 65535
              hint: write $PORT there, which is the service's port
        "#]],
        ),
    ] {
        told(&format!("services:\n  web:\n    build: .\n    {text}\n"), env, &expected);
    }
}

/// Bug: a service that two files speak of was said to stand where the second one begins to.
#[test]
fn places_in_files_over_files() {
    let base = "services:\n  web: {build: ., ports: ['80']}\n  db:\n    image: postgres:15\n";
    for (over, expected) in [
        (
            "# a\n# b\nservices:\n  db:\n    environment: {A: b}\n    image: postgres:16\n",
            expect![[r#"
            project shop
            front web
            web: source=. port=80 public
            warning: left out, because images cannot be run yet: `db` (compose.override.yaml:6: `postgres:16`)
        "#]],
        ),
        (
            "# a\n# b\nservices:\n  db:\n    environment: {A: b}\n",
            expect![[r#"
            project shop
            front web
            web: source=. port=80 public
            warning: left out, because images cannot be run yet: `db` (compose.yaml:4: `postgres:15`)
        "#]],
        ),
        (
            "# a\n# b\nservices:\n  web:\n    ports: [99999]\n",
            expect![[r#"
            compose.override.yaml:5:13: services.web.ports[1]: 99999 is not a port: they go from 1 to 65535
              hint: write it like "8501:8501" or 8000
        "#]],
        ),
        (
            "# a\n# b\nservices:\n  web:\n    privileged: true\n  db: !override\n    image: mysql\n",
            expect![[r#"
            project shop
            front web
            web: source=. port=80 public
            warning: left out, because images cannot be run yet: `db` (compose.override.yaml:7: `mysql`)
            warning: valid, but not honoured: `privileged` (compose.override.yaml:5)
        "#]],
        ),
    ] {
        told(base, &[("compose.override.yaml", over)], &expected);
    }
}

/// Bug: a number that no port has in `start` was passed over, and another port waited for; that of a file of variables
/// was dropped in silence.
#[test]
fn ports_in_the_manifest() {
    for (text, expected) in [
        (
            "start = 'uvicorn a:b --port 99999'",
            expect![[r#"
            dormouse.toml:3:9: services.web.start: 99999 is not a port: they go from 1 to 65535
                |
              3 | start = 'uvicorn a:b --port 99999'
                |         ^^^^^^^^^^^^^^^^^^^^^^^^^^
              hint: write $PORT there, which is the service's port
        "#]],
        ),
        (
            "start = 'gunicorn a:b --bind=0.0.0.0:0'",
            expect![[r#"
            dormouse.toml:3:9: services.web.start: 0 is not a port: they go from 1 to 65535
                |
              3 | start = 'gunicorn a:b --bind=0.0.0.0:0'
                |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              hint: write $PORT there, which is the service's port
        "#]],
        ),
        (
            "start = 'python -m http.server 80000'",
            expect![[r#"
            dormouse.toml:3:9: services.web.start: 80000 is not a port: they go from 1 to 65535
                |
              3 | start = 'python -m http.server 80000'
                |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              hint: write $PORT there, which is the service's port
        "#]],
        ),
        (
            "start = 'gunicorn a:b --bind unix:/tmp/x'",
            expect![[r#"
            project shop
            front web
            web: source=. port=8000 public start=["gunicorn", "a:b", "--bind", "unix:/tmp/x"] start@dormouse.toml:3 health=/
        "#]],
        ),
        (
            "port = '8000'",
            expect![[r#"
            dormouse.toml:3:8: services.web.port: expected a whole number from 1 to 65535, found text
                |
              3 | port = '8000'
                |        ^^^^^^
              hint: write 8000 without quotes
        "#]],
        ),
        (
            "port = '80000:80'",
            expect![[r#"
            dormouse.toml:3:8: services.web.port: expected a whole number from 1 to 65535, found text
                |
              3 | port = '80000:80'
                |        ^^^^^^^^^^
        "#]],
        ),
        (
            "port = -1",
            expect![[r#"
            dormouse.toml:3:8: services.web.port: expected a whole number from 1 to 65535, found -1
                |
              3 | port = -1
                |        ^^
        "#]],
        ),
        (
            "env = { PORT = '99999' }",
            expect![[r#"
            dormouse.toml:3:9: services.web.env.PORT: PORT is always the port the service is expected to listen on
                |
              3 | env = { PORT = '99999' }
                |         ^^^^
              hint: set the service's `port` instead
        "#]],
        ),
        (
            "env_file = 'web.env'",
            expect![[r#"
            project shop
            front web
            web: source=. port=8000 public without=["web.env"]
            warning: dormouse.toml:3: services.web.env_file: PORT of `web.env` is not used: it is always the service's `port`
        "#]],
        ),
        (
            "env_file = 'web.env'\nport = 3000",
            expect![[r#"
            project shop
            front web
            web: source=. port=3000 public without=["web.env"]
        "#]],
        ),
    ] {
        let text = format!("[services.web]\nsource = '.'\n{text}\n");
        let files = [("dormouse.toml", text.as_str()), ("requirements.txt", ""), ("web.env", "PORT=3000")];
        check(&folder("shop", &files), &expected);
    }
}

/// Bug: signs for a shell were given to the program without a word, `poetry` was to be run, an empty `build` was called
/// no table, variables in a list with a colon or a space were misread, and names of images were not thought of.
#[test]
fn values_that_are_nearly_right() {
    for (text, expected) in [
        (
            "command: python manage.py migrate && gunicorn x",
            expect![[r#"
            project shop
            web: source=. port=8000 worker start=["python", "manage.py", "migrate", "&&", "gunicorn", "x"] start@compose.yaml:5
            warning: compose.yaml:5: services.web.command: `&&` is given to the program: no shell reads a command
              hint: write it as ["sh", "-c", "..."]
            warning: left out, because images cannot be run yet: `redis` (compose.yaml:2: `redis`)
        "#]],
        ),
        (
            "command: sh -c 'a && gunicorn -b :9000 x'",
            expect![[r#"
            project shop
            front web
            web: source=. port=9000 public start=["sh", "-c", "a && gunicorn -b :9000 x"] start@compose.yaml:5 health=/
            warning: left out, because images cannot be run yet: `redis` (compose.yaml:2: `redis`)
        "#]],
        ),
        (
            "command: [echo, '&&']\n    ports: ['80']",
            expect![[r#"
            project shop
            front web
            web: source=. port=80 public start=["echo", "&&"] start@compose.yaml:5
            warning: left out, because images cannot be run yet: `redis` (compose.yaml:2: `redis`)
        "#]],
        ),
        (
            "command: poetry run uvicorn a:b --port 9001",
            expect![[r#"
            project shop
            front web
            web: source=. port=9001 public start=["uvicorn", "a:b", "--port", "9001"] start@compose.yaml:5 health=/
            warning: left out, because images cannot be run yet: `redis` (compose.yaml:2: `redis`)
        "#]],
        ),
        (
            "command: uv run python manage.py runserver 0.0.0.0:9002",
            expect![[r#"
            project shop
            front web
            web: source=. port=9002 public start=["python", "manage.py", "runserver", "0.0.0.0:9002"] start@compose.yaml:5 health=/
            warning: left out, because images cannot be run yet: `redis` (compose.yaml:2: `redis`)
        "#]],
        ),
        (
            "environment: [A: 1, 'B = 2', 'C=3']\n    ports: ['80']",
            expect![[r#"
            compose.yaml:5:19: services.web.environment[0]: a list of variables has NAME=value
              hint: write - A=1, or leave out all the dashes
        "#]],
        ),
        (
            "environment: ['B = 2', 'C=3']\n    ports: ['80']",
            expect![[r#"
            project shop
            front web
            web: source=. port=80 public env={"B ": " 2", "C": "3"}
            warning: compose.yaml:5: services.web.environment[0]: the variable is called `B `, with a space
              hint: write B=... without it
            warning: left out, because images cannot be run yet: `redis` (compose.yaml:2: `redis`)
        "#]],
        ),
        (
            "depends_on: [redsi]\n    ports: ['80']",
            expect![[r#"
            compose.yaml:5:18: services.web.depends_on[0]: there is no service `redsi`
              hint: did you mean `redis`?
        "#]],
        ),
        (
            "depends_on: {redsi: {condition: service_started, required: false}}\n    ports: ['80']",
            expect![[r#"
                project shop
                front web
                web: source=. port=80 public
                warning: left out, because images cannot be run yet: `redis` (compose.yaml:2: `redis`)
            "#]],
        ),
    ] {
        let text = format!("services:\n  redis: {{image: redis}}\n  web:\n    build: .\n    {text}\n");
        told(&text, &[], &expected);
    }
    told(
        "services:\n  web:\n    build:\n    ports: ['80']\n",
        &[],
        &expect![[r#"
        compose.yaml:3:10: services.web.build: it names no folder
          hint: write `build: ./folder`
    "#]],
    );
}
