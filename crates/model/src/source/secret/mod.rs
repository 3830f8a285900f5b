//! Files that hold secrets: they reach an image only when somebody asks for them by name.
//!
//! Secrets belong into the environment of what runs; in an image they lie around in every copy of it. Names are those that
//! tools use by default, and where a name says little the file's first bytes decide.

mod content;
mod copies;

use content::{is_bare_key, is_filled, is_in, is_variables};
use copies::original;

/// How many bytes of a file [`holds`] wants to see.
pub const HEAD: usize = 64 << 10;

/// What a file's name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// Nothing that speaks against it.
    Plain,
    /// That it holds secrets.
    Secret,
    /// That it may: its bytes tell.
    Perhaps,
    /// The same, and that it may be the bare text of a key.
    Key,
    /// The same, and that it may be variables.
    Variables,
    /// That it holds secrets, if it holds anything, and as long as that is not encrypted.
    Said,
}

/// Folders in which tools keep credentials.
const FOLDERS: [&str; 3] = [".ssh", ".gnupg", ".password-store"];

/// Folders of nothing but variables, and perhaps what reads them.
const VARIABLES: [&str; 2] = [".envs", ".env.d"];

/// The same in folders that hold other things too.
const PATHS: [&str; 24] = [
    ".aws/config",
    ".aws/credentials",
    ".azure/accesstokens.json",
    ".azure/msal_token_cache.json",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".composer/auth.json",
    ".config/gh/hosts.yml",
    ".config/hub",
    ".config/rclone/rclone.conf",
    ".dbt/profiles.yml",
    ".docker/config.json",
    ".fly/config.yml",
    ".gem/credentials",
    ".huggingface/token",
    ".kube/config",
    ".m2/settings.xml",
    ".oci/config",
    ".snowflake/connections.toml",
    ".streamlit/secrets.toml",
    ".terraform.d/credentials.tfrc.json",
    "config/master.key",
    "gcloud/application_default_credentials.json",
    "huggingface/token",
];

/// Files in which tools keep credentials.
const FILES: [&str; 32] = [
    ".boto",
    ".databrickscfg",
    ".dev.vars",
    ".dockercfg",
    ".git-credentials",
    ".htpasswd",
    ".msmtprc",
    ".my.cnf",
    ".mylogin.cnf",
    ".netrc",
    ".pgpass",
    ".pypirc",
    ".rediscli_auth",
    ".s3cfg",
    ".smbcredentials",
    ".terraformrc",
    ".vault-token",
    ".vault_pass",
    ".vault_pass.txt",
    ".vault_password",
    "_netrc",
    "accesstokens.json",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
    "kaggle.json",
    "local.settings.json",
    "rclone.conf",
    "secring.gpg",
    "terraform.tfstate",
    "terraform.tfstate.backup",
];

/// Endings of key stores, and of the variables of Terraform.
const STORES: [&str; 13] = [
    ".p12",
    ".pfx",
    ".jks",
    ".bks",
    ".bcfks",
    ".keystore",
    ".keychain",
    ".keychain-db",
    ".kdbx",
    ".ppk",
    ".agekey",
    ".tfvars",
    ".tfvars.json",
];

/// Endings of code, pages, pictures and data, which hold no keys but in what is said about them.
const HARMLESS: [&str; 61] = [
    "py", "pyi", "pyc", "pyx", "ipynb", "js", "mjs", "cjs", "jsx", "ts", "tsx", "vue", "svelte", "map",
    "css", "scss", "sass", "less", "html", "htm", "md", "rst", "rs", "go", "java", "kt", "scala", "c", "h",
    "cc", "cpp", "hpp", "rb", "php", "pl", "lua", "r", "jl", "cs", "swift", "ex", "exs", "erl", "sh", "sql",
    "csv", "tsv", "parquet", "svg", "png", "jpg", "jpeg", "gif", "webp", "ico", "woff", "woff2", "ttf",
    "mp3", "mp4", "pdf",
];

/// What people call files of secrets of their own.
const SAID: [&str; 4] = ["secret", "secrets", ".secret", ".secrets"];

/// The endings of those.
const SAID_IN: [&str; 10] = ["toml", "yaml", "yml", "json", "ini", "conf", "cfg", "properties", "txt", "key"];

/// For what variables are meant, in the ending of a file that is called `env`.
const STAGES: [&str; 12] = [
    "production",
    "prod",
    "staging",
    "stage",
    "development",
    "devel",
    "dev",
    "local",
    "testing",
    "test",
    "live",
    "docker",
];

/// Words that make an environment file one for people to copy and fill in.
const EXAMPLES: [&str; 8] =
    ["example", "sample", "template", "tmpl", "dist", "defaults", "schema", "placeholder"];

/// Of a file at `path`, relative to its project and separated by `/`.
fn named(path: &str) -> Named {
    let lower = path.to_ascii_lowercase();
    let (folders, copy) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let (name, is_renamed) = original(copy);
    let name = name.as_str();
    let lower = if folders.is_empty() { name.to_owned() } else { format!("{folders}/{name}") };
    let ends_in = |end: &str| lower.strip_suffix(end).is_some_and(|r| r.is_empty() || r.ends_with('/'));
    let is_secret = folders.split('/').any(is_folder)
        || PATHS.iter().any(|path| ends_in(path))
        || FILES.contains(&name)
        || name.starts_with("id_") && name.ends_with("_sk")
        || name.starts_with("client_secret") && name.ends_with(".json")
        || STORES.iter().any(|end| name.ends_with(end))
        || is_environment(name)
        || is_environment(copy);
    let ending = name.trim_start_matches('.').rsplit_once('.').map(|(_, ending)| ending);
    // A copy need not be of what its name says.
    let is_harmless = !is_renamed && ending.is_some_and(|ending| HARMLESS.contains(&ending));
    let among_variables = folders.split('/').any(|folder| VARIABLES.contains(&folder));
    match is_secret || among_variables && !is_harmless && !is_example(name) {
        true => Named::Secret,
        false if is_harmless => Named::Plain,
        false if is_said(name) => Named::Said,
        false if is_of_variables(name) => Named::Variables,
        false if ending == Some("key") => Named::Key,
        false => Named::Perhaps,
    }
}

/// Whether a file holds secrets, by each of the paths that it has: its own, and those of links that lead to it. `head` gives
/// its first [`HEAD`] bytes when no name tells.
///
/// # Errors
/// Those of `head`.
pub fn holds<'p, E>(
    paths: impl IntoIterator<Item = &'p str>,
    head: impl FnOnce() -> Result<Vec<u8>, E>,
) -> Result<bool, E> {
    let all: Vec<Named> = paths.into_iter().map(named).collect();
    if all.contains(&Named::Secret) || all.iter().all(|named| *named == Named::Plain) {
        return Ok(all.contains(&Named::Secret));
    }
    let head = head()?;
    Ok(all.into_iter().any(|named| match named {
        Named::Plain => false,
        Named::Secret => true,
        Named::Perhaps => is_in(&head),
        Named::Key => is_in(&head) || is_bare_key(&head),
        Named::Variables => is_in(&head) || is_variables(&head),
        Named::Said => is_in(&head) || is_filled(&head),
    }))
}

/// Whether a folder of this name is one in which tools keep credentials.
#[must_use]
pub fn is_folder(name: &str) -> bool {
    FOLDERS.contains(&name)
}

/// `secrets.toml`, `.secrets`, `secret.key`; not `secrets.example.toml`.
fn is_said(name: &str) -> bool {
    // Without an ending it may as well be a program.
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => (stem, ending),
        _ => return name.starts_with('.') && SAID.contains(&name),
    };
    SAID.contains(&stem) && SAID_IN.contains(&ending)
}

/// `env`, `env.production`, `dotenv`, `dotenv.local`.
fn is_of_variables(name: &str) -> bool {
    let ending = ["env", "dotenv"].iter().find_map(|stem| name.strip_prefix(stem));
    ending.is_some_and(|e| e.is_empty() || e.strip_prefix('.').is_some_and(|stage| STAGES.contains(&stage)))
}

/// `.env`, `.env.local`, `.env2`, `.env (1)`, `.envrc`, `prod.env`, `prod.env.local`; not `.env.example`.
fn is_environment(name: &str) -> bool {
    let rest = match (name.strip_prefix(".env"), name.strip_suffix(".env")) {
        (Some(rest), _)
            if rest == "rc"
                || rest.trim_matches(|c: char| c.is_ascii_digit()).is_empty()
                || rest.starts_with(|c: char| !c.is_alphanumeric()) =>
        {
            rest
        }
        (None, Some(rest)) => rest,
        // `.env.d.py` is code, and `prod.env.local` is not.
        (None, None) if name.contains(".env.") && name.ends_with("local") => name,
        (Some(_) | None, _) => return false,
    };
    !is_example(rest)
}

fn is_example(name: &str) -> bool {
    name.split(|c: char| !c.is_alphanumeric()).any(|word| EXAMPLES.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name() {
        for (want, paths) in [
            (
                Named::Secret,
                ".env .env.local .env.production api/.env .envrc .env-prod prod.env keys.env config/db.ENV .ENV id_rsa \
                 deploy/id_ed25519 id_ecdsa_sk .ssh/config .aws/credentials home/.kube/config .ssh/known_hosts .netrc .pgpass \
                 .git-credentials cert.p12 store.jks key.ppk .docker/config.json .streamlit/secrets.toml .aws/config .vault-token \
                 prod.env.local client_secret_12.json config/master.key \
                 id_rsa.bak .netrc.old .env~ infra/terraform.tfstate .dev.vars local.settings.json \
                 .envs/.production/.django .env.d/prod .env2 .env%copy id_rsa%copy \
                 home/.gem/credentials .config/gh/hosts.yml rclone.conf .azure/accessTokens.json .vault_pass \
                 infra/terraform.tfvars prod.auto.tfvars .m2/settings.xml \
                 .env%(1) .env%-%Copy .env% .env%(copy) .env%copy%2 .env%2 .env%-%Copy%(2) .env%(another%copy) .env%(3rd%copy) \
                 .env%(Kopie).local .env%copy.production %-%Copy.env Copy%of%.env .env,bak .env.bak .env.swp api/.env%(1)%copy \
                 id_rsa%(1) kaggle%(2).json .aws/credentials%-%Copy store%(1).p12 .netrc%2 .env% .env%%",
            ),
            (
                Named::Plain,
                "env.py .envs/x.py main.py a.env.py README.md data.csv secrets.py main%copy.py page%(2).html env.sh dotenv.js",
            ),
            (
                Named::Perhaps,
                "server.pem tls.crt KEY.PY.bak auth.json pkcs8.der AuthKey.p8 account.json deploy_key Procfile .environment my.aws/credentials .npmrc ca.crt \
                 conf/tls.txt office.ovpn sshd.conf environment.yml .aws/task.yml cluster.kubeconfig kubeconfig server.crt.copy notes~ \
                 tls.key.2024 secrets.example.toml .secrets.baseline id_rsa.pub .flaskenv .env%example .env%(1).sample env.yaml environment \
                 env.example .envs/.example .environments .env.example .env.sample example.env .env.dist",
            ),
            (
                Named::Said,
                "secrets.toml secrets.yaml secrets.yml conf/secrets.json secret.key .secrets .secrets.toml secret.yaml secrets.json.bak \
                 secrets%(1).toml",
            ),
            (
                Named::Variables,
                "env env.production env.prod.bak dotenv conf/dotenv.local env.local%(1) env%(1)",
            ),
            (Named::Key, "tls.key der.key config/credentials/production.key config/production.key"),
        ] {
            for path in paths.split_whitespace() {
                assert_eq!(named(&path.replace('%', " ")), want, "{path}");
            }
        }
    }

    /// Bug: `settings.txt`, a link to `.env`, was judged by its own name.
    #[test]
    fn by_every_name() {
        for (want, paths, text) in [
            (true, "web/settings.txt .env", ""),
            (true, "web/p.py conf/prod.env", ""),
            (true, "dt.css conf/k.pem", "-----BEGIN PRIVATE KEY-----"),
            (false, "dt.css conf/k.pem", "-----BEGIN CERTIFICATE-----"),
            (true, ".env conf/common.py", ""),
            (false, "main.py lib/main.py", "-----BEGIN PRIVATE KEY-----"),
            (true, "secrets.toml", "[db]\npassword = 'x'"),
            (false, "secrets.toml", "# nothing yet\n\n"),
            (false, "secrets.yaml", "db: ENC[AES256_GCM,data:x]\nsops: {}"),
            (true, "env.production", "# of the server\nexport KEY=abc\n"),
            (false, "env.production", "KEY=\n"),
            (false, "bin/env", "#!/bin/sh\nA=b\nexec python"),
            (false, "dotenv", "import os\nA=b"),
        ] {
            let head = || Ok::<_, ()>(text.as_bytes().to_vec());
            assert_eq!(holds(paths.split_whitespace(), head), Ok(want), "{paths} {text}");
        }
    }
}
