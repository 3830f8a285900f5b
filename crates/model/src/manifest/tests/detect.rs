//! Folders without a manifest.

use expect_test::expect;

use super::{check, folder};

#[test]
fn the_code_tells() {
    let fastapi = "from fastapi import FastAPI\n@app.get('/health')\ndef h(): ...";
    for (files, expected) in [
        (
            &[("requirements.txt", "fastapi"), ("main.py", fastapi)][..],
            expect![[r"
                project hello
                front web
                web: source=. port=8000 public health=/health
            "]],
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
            // The root's pyproject.toml holds the settings of tools.
            &[
                ("pyproject.toml", "[tool.ruff]"),
                ("api/requirements.txt", "fastapi"),
                ("api/main.py", fastapi),
                ("My_Page/pyproject.toml", "dependencies = ['streamlit']"),
                ("docs/requirements.txt", "sphinx"),
            ],
            expect![[r"
                project hello
                front my-page
                api: source=api port=8000 health=/health
                my-page: source=My_Page port=8000 public health=/_stcore/health needs={api}
            "]],
        ),
        (
            &[("main.py", "print()")],
            expect![[r"
                there is nothing to run in this folder
                  hint: add a requirements.txt beside the code, or a dormouse.toml with a [services.web]
            "]],
        ),
        (
            &[],
            expect![[r"
                there is nothing to run in this folder
                  hint: add a requirements.txt beside the code, or a dormouse.toml with a [services.web]
            "]],
        ),
    ] {
        check(&folder("hello", files), &expected);
    }
}
