//! What cannot be built.

use dormouse_model::manifest::Sign;

/// Files that are signs of it, the most telling first.
pub(super) const SIGNS: &[Sign] = &[
    Sign {
        file: "Pipfile",
        what: "Pipfiles are not supported",
        hint: "run `pipenv requirements > requirements.txt` and deploy again",
    },
    Sign {
        file: "environment.yml",
        what: "conda environments are not supported",
        hint: "list the packages in a requirements.txt",
    },
    Sign {
        file: "package.json",
        what: "Node.js projects are not supported yet",
        hint: "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    },
    Sign {
        file: "go.mod",
        what: "Go projects are not supported yet",
        hint: "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    },
    Sign {
        file: "Gemfile",
        what: "Ruby projects are not supported yet",
        hint: "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    },
    Sign {
        file: "composer.json",
        what: "PHP projects are not supported yet",
        hint: "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    },
    Sign {
        file: "pom.xml",
        what: "Java projects are not supported yet",
        hint: "only Python projects with a requirements.txt or pyproject.toml, and Rust ones, can be built so far",
    },
    Sign {
        file: "Dockerfile",
        what: "it has only a Dockerfile, and Dockerfiles are not used",
        hint: "list Python packages in a requirements.txt, Debian packages as `packages` and the command as `start` in dormouse.toml",
    },
    Sign {
        file: "index.html",
        what: "static sites are not supported yet",
        hint: "serve the files from a Python app for now",
    },
];
