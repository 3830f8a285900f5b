//! Folders without a manifest.

use expect_test::expect;

use super::{check, folder};

#[test]
fn the_code_tells() {
    let fastapi = "from fastapi import FastAPI\n@app.get('/health')\ndef h(): ...";
    for (files, expected) in [
        (
            &[("requirements.txt", "fastapi"), ("main.py", fastapi)][..],
            expect![[r#"
                project hello
                front web
                web: source=. port=8000 public health?=/health
            "#]],
        ),
        (
            &[
                ("requirements.txt", "flask"),
                ("tests/requirements.txt", "pytest"),
                ("app.py", "import flask"),
            ],
            expect![[r"
                project hello
                front web
                web: source=. port=8000 public
            "]],
        ),
        (
            // Without a health route, what is known to speak HTTP has to.
            &[("requirements.txt", "fastapi"), ("main.py", "import fastapi")],
            expect![[r#"
                project hello
                front web
                web: source=. port=8000 public health?=/docs
            "#]],
        ),
        (
            &[("requirements.txt", "fastapi"), ("main.py", "import fastapi\nimport streamlit")],
            expect![[r#"
                project hello
                front web
                web: source=. port=8000 public health?=/docs
            "#]],
        ),
        (
            // The root's pyproject.toml holds the settings of tools.
            &[
                ("pyproject.toml", "[tool.ruff]"),
                ("api/requirements.txt", "fastapi"),
                ("api/main.py", fastapi),
                ("My_Page/pyproject.toml", "dependencies = ['streamlit']"),
                ("docs/requirements.txt", "sphinx"),
            ],
            expect![[r#"
                project hello
                front my-page
                api: source=api port=8000 health?=/health
                my-page: source=My_Page port=8000 public needs={api}
            "#]],
        ),
        (
            &[("setup.py", "setup()"), ("app.py", "import flask")],
            expect![[r#"
            project hello
            front web
            web: source=. port=8000 public
        "#]],
        ),
        (
            &[("setup.cfg", "[flake8]"), ("api/requirements.txt", "fastapi"), ("api/main.py", fastapi)],
            expect![[r#"
                project hello
                front api
                api: source=api port=8000 public health?=/health
            "#]],
        ),
        (
            &[("main.py", "print()")],
            expect![[r"
                there is nothing to run in this folder
                  hint: add a requirements.txt or a Cargo.toml beside the code, or a dormouse.toml with a [services.web]
            "]],
        ),
        (
            &[],
            expect![[r"
                there is nothing to run in this folder
                  hint: add a requirements.txt or a Cargo.toml beside the code, or a dormouse.toml with a [services.web]
            "]],
        ),
        (
            &[
                ("Cargo.toml", "[package]\nname = 'hello'"),
                ("src/main.rs", "Router::new().route(\"/health\", get(ok))"),
            ],
            expect![[r#"
                project hello
                front web
                web: source=. port=8080 public health?=/health
            "#]],
        ),
        (
            // A library beside the services is none.
            &[
                ("engine/Cargo.toml", "[package]\nname = 'engine'"),
                ("engine/src/lib.rs", ""),
                ("api/Cargo.toml", "[package]\nname = 'api'"),
                ("api/src/main.rs", ""),
                ("page/Cargo.toml", "[package]\nname = 'page'\n[[bin]]\nname = 'p'"),
            ],
            expect![[r#"
                project hello
                api: source=api port=8080
                page: source=page port=8080
                warning: no service is public, so nothing can be opened from outside
                  hint: write `public = true` under one of them in dormouse.toml
            "#]],
        ),
    ] {
        check(&folder("hello", files), &expected);
    }
}
