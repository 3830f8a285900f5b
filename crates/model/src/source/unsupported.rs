//! What cannot be built.

/// Files that are signs of it, the most telling first: each with what it is, and what to do.
pub const SIGNS: &[(&str, &str, &str)] = &[
    (
        "Pipfile",
        "Pipfiles are not supported",
        "run `pipenv requirements > requirements.txt` and deploy again",
    ),
    ("environment.yml", "conda environments are not supported", "list the packages in a requirements.txt"),
    (
        "package.json",
        "Node.js projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    ),
    (
        "go.mod",
        "Go projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    ),
    (
        "Gemfile",
        "Ruby projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    ),
    (
        "composer.json",
        "PHP projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    ),
    (
        "pom.xml",
        "Java projects are not supported yet",
        "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    ),
    (
        "Dockerfile",
        "it has only a Dockerfile, and Dockerfiles are not used",
        "list Python packages in a requirements.txt, Debian packages as `packages` and the command as `start` in dormouse.toml",
    ),
    ("index.html", "static sites are not supported yet", "serve the files from a Python app for now"),
];
