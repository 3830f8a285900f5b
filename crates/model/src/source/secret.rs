//! Files that hold secrets: they reach an image only when somebody asks for them by name.
//!
//! Secrets belong into the environment of what runs; in an image they lie around in every copy of it. Names are those that
//! tools use by default, and where a name says little the file's first bytes decide.

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
}

/// Folders in which tools keep credentials.
const FOLDERS: [&str; 2] = [".ssh", ".gnupg"];

/// Folders of nothing but variables, and perhaps what reads them.
const VARIABLES: [&str; 2] = [".envs", ".env.d"];

/// The same in folders that hold other things too.
const PATHS: [&str; 8] = [
    ".aws/config",
    ".aws/credentials",
    ".streamlit/secrets.toml",
    ".docker/config.json",
    ".kube/config",
    "gcloud/application_default_credentials.json",
    ".cargo/credentials.toml",
    "config/master.key",
];

/// Files in which tools keep credentials.
const FILES: [&str; 19] = [
    ".vault-token",
    ".dev.vars",
    "local.settings.json",
    "terraform.tfstate",
    "terraform.tfstate.backup",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".pypirc",
    ".dockercfg",
    ".s3cfg",
    ".boto",
    ".htpasswd",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
];

/// Endings of key stores.
const STORES: [&str; 7] = [".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".agekey"];

/// Endings of code, pages, pictures and data, which hold no keys but in what is said about them.
const HARMLESS: [&str; 61] = [
    "py", "pyi", "pyc", "pyx", "ipynb", "js", "mjs", "cjs", "jsx", "ts", "tsx", "vue", "svelte", "map",
    "css", "scss", "sass", "less", "html", "htm", "md", "rst", "rs", "go", "java", "kt", "scala", "c", "h",
    "cc", "cpp", "hpp", "rb", "php", "pl", "lua", "r", "jl", "cs", "swift", "ex", "exs", "erl", "sh", "sql",
    "csv", "tsv", "parquet", "svg", "png", "jpg", "jpeg", "gif", "webp", "ico", "woff", "woff2", "ttf",
    "mp3", "mp4", "pdf",
];

/// Endings that copies are given.
const COPIES: [&str; 9] = [".bak", ".backup", ".old", ".orig", ".save", ".copy", " copy", ".swp", "~"];

/// Words that make an environment file one for people to copy and fill in.
const EXAMPLES: [&str; 8] =
    ["example", "sample", "template", "tmpl", "dist", "defaults", "schema", "placeholder"];

/// Of a file at `path`, relative to its project and separated by `/`.
fn named(path: &str) -> Named {
    let lower = path.to_ascii_lowercase();
    let lower = COPIES.iter().find_map(|end| lower.strip_suffix(end)).unwrap_or(&lower);
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", lower));
    let ends_in = |end: &str| lower.strip_suffix(end).is_some_and(|r| r.is_empty() || r.ends_with('/'));
    let is_secret = folders.split('/').any(is_folder)
        || PATHS.iter().any(|path| ends_in(path))
        || FILES.contains(&name)
        || name.starts_with("id_") && name.ends_with("_sk")
        || name.starts_with("client_secret") && name.ends_with(".json")
        || STORES.iter().any(|end| name.ends_with(end))
        || is_environment(name);
    let ending = name.trim_start_matches('.').rsplit_once('.').map(|(_, ending)| ending);
    let is_harmless = ending.is_some_and(|ending| HARMLESS.contains(&ending));
    let among_variables = folders.split('/').any(|folder| VARIABLES.contains(&folder));
    match is_secret || among_variables && !is_harmless && !is_example(name) {
        true => Named::Secret,
        false if is_harmless => Named::Plain,
        false => Named::Perhaps,
    }
}

/// Whether a file holds secrets; `head` gives its first [`HEAD`] bytes when its name does not tell.
///
/// # Errors
/// Those of `head`.
pub fn holds<E>(path: &str, head: impl FnOnce() -> Result<Vec<u8>, E>) -> Result<bool, E> {
    match named(path) {
        Named::Plain => Ok(false),
        Named::Secret => Ok(true),
        Named::Perhaps => Ok(is_in(&head()?)),
    }
}

/// Whether a folder of this name is one in which tools keep credentials.
#[must_use]
pub fn is_folder(name: &str) -> bool {
    FOLDERS.contains(&name)
}

/// `.env`, `.env.local`, `.env2`, `.envrc`, `prod.env`, `prod.env.local`; not `.env.example`.
fn is_environment(name: &str) -> bool {
    let rest = match (name.strip_prefix(".env"), name.strip_suffix(".env")) {
        (Some(rest), _)
            if rest == "rc"
                || rest.trim_matches(|c: char| c.is_ascii_digit()).is_empty()
                || rest.starts_with(['.', '-', '_']) =>
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
    name.split(['.', '-', '_']).any(|word| EXAMPLES.contains(&word))
}

/// Whether the first bytes of a file are a private key, or credentials of a kind that tools write.
fn is_in(head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD)];
    let utf_16 = head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF");
    // What tells is ASCII: every other byte of it.
    let narrowed: Vec<u8> = head.iter().copied().filter(|b| *b != 0).skip(2).collect();
    let head = if utf_16 { &narrowed } else { head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head) };
    let has = |needle: &[u8]| head.windows(needle.len()).any(|w| w == needle);
    let is_key = |line: &[u8]| {
        let line = line.trim_ascii();
        line.starts_with(b"-----BEGIN ")
            && (line.ends_with(b"PRIVATE KEY-----") || line.ends_with(b"PRIVATE KEY BLOCK-----"))
    };
    is_der_key(head)
        || head.split(|b| *b == b'\n').any(is_key)
        || (has(b"\"private_key\"") && has(b"PRIVATE KEY-----"))
        || is_oauth(head)
        || is_kubeconfig(head)
        || head.split(|b| *b == b'\n').any(|line| is_token(line) || is_one_line_key(line))
}

/// A private key in DER: a sequence that begins with its version, a small number (PKCS #1 and #8, SEC 1); a certificate
/// begins with another sequence.
fn is_der_key(head: &[u8]) -> bool {
    let body = match head {
        [0x30, 0x82, _, _, body @ ..] | [0x30, 0x81, _, body @ ..] | [0x30, 0x00..=0x7f, body @ ..] => body,
        _ => return false,
    };
    body.starts_with(&[0x02, 0x01, 0x00]) || body.starts_with(&[0x02, 0x01, 0x01])
}

/// An OAuth client as the consoles of providers give it, or the token that a library has got with it; not a schema that
/// names the same words.
fn is_oauth(head: &[u8]) -> bool {
    let given = |key: &[u8]| {
        head.windows(key.len()).enumerate().filter(|(_, w)| *w == key).any(|(at, _)| {
            let value = head[at + key.len()..].trim_ascii_start().strip_prefix(b":").unwrap_or_default();
            value.trim_ascii_start().strip_prefix(b"\"").is_some_and(|text| !text.starts_with(b"\""))
        })
    };
    given(b"\"client_id\"") && (given(b"\"client_secret\"") || given(b"\"refresh_token\""))
}

/// A key of age, or of an interface of WireGuard.
fn is_one_line_key(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let wireguard = line.strip_prefix(b"PrivateKey").map(<[u8]>::trim_ascii_start);
    let wireguard = wireguard.and_then(|rest| rest.strip_prefix(b"=")).map(<[u8]>::trim_ascii);
    // 32 bytes in base64.
    line.starts_with(b"AGE-SECRET-KEY-1")
        || wireguard.is_some_and(|key| key.len() == 44 && key.ends_with(b"="))
}

/// Credentials of a user of a Kubernetes cluster.
fn is_kubeconfig(head: &[u8]) -> bool {
    let lines = || head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let filled = |line: &[u8], key: &[u8]| {
        let at = line.windows(key.len()).position(|w| w == key);
        at.is_some_and(|at| !line[at + key.len()..].trim_ascii().is_empty())
    };
    lines().any(|line| line == b"kind: Config")
        && lines().any(|line| {
            filled(line, b"client-key-data:") || filled(line, b"token:") || filled(line, b"password:")
        })
}

/// A registry's token in an `.npmrc`; one that is taken from the environment is none.
fn is_token(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let Some(at) = line.windows(11).position(|w| w == b"_authToken=") else { return false };
    line.starts_with(b"//") && !line[at + 11..].trim_ascii().starts_with(b"${")
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
                 .envs/.production/.django .env.d/prod .env2 .env%copy id_rsa%copy",
            ),
            (Named::Plain, "env.py .envs/x.py main.py a.env.py README.md data.csv"),
            (
                Named::Perhaps,
                "server.pem tls.key der.key pkcs8.der AuthKey.p8 account.json deploy_key Procfile .environment my.aws/credentials .npmrc ca.crt \
                 conf/tls.txt office.ovpn sshd.conf environment.yml .aws/task.yml cluster.kubeconfig kubeconfig server.crt.copy notes~ \
                 tls.key.2024 secrets.yml id_rsa.pub .envs/.example .environments .env.example .env.sample example.env .env.dist",
            ),
        ] {
            for path in paths.split_whitespace() {
                assert_eq!(named(&path.replace('%', " ")), want, "{path}");
            }
        }
    }

    #[test]
    fn by_content() {
        for (want, text) in [
            (true, "-----BEGIN RSA PRIVATE KEY-----\nabc"),
            (
                true,
                "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\r\n-----BEGIN PRIVATE KEY-----\r\nabc",
            ),
            (true, "Bag Attributes\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n"),
            (true, "-----BEGIN OPENSSH PRIVATE KEY-----"),
            (true, "-----BEGIN PGP PRIVATE KEY BLOCK-----"),
            (true, "{\"type\": \"service_account\", \"private_key\": \"-----BEGIN PRIVATE KEY-----\\nabc\"}"),
            (true, "registry=https://r.example\n//r.example/:_authToken=npm_abc"),
            (true, "\u{feff}-----BEGIN PRIVATE KEY-----\nabc"),
            (false, "{\"openapi\": \"3.1.0\", \"client_secret\": {\"type\": \"string\"}}"),
            (true, "0\u{10}\u{2}\u{1}\0 a key in DER"),
            (false, "0\u{10}0\u{e} a certificate in DER"),
            (true, "{\"installed\": {\"client_id\": \"a\", \"client_secret\": \"abc\"}}"),
            (true, "{\"token\": \"t\", \"refresh_token\": \"r\", \"client_id\": \"a\"}"),
            (false, "{\"client_id\": \"a\", \"client_secret\": \"\"}"),
            (
                true,
                "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nAddress = 10.0.0.2/32",
            ),
            (false, "PrivateKey = from the vault"),
            (true, "# created: 2026\nAGE-SECRET-KEY-1QQQ"),
            (true, "apiVersion: v1\nkind: Config\nusers:\n- user:\n    client-key-data: abc\n"),
            (true, "apiVersion: v1\nkind: Config\nusers:\n- user:\n    token: abc\n"),
            (true, "apiVersion: v1\nkind: Config\nusers:\n- user: {token: abc}\n"),
            (true, "tls:\n  key: |\n    -----BEGIN EC PRIVATE KEY-----\n"),
            (false, "apiVersion: v1\nkind: ConfigMap\ndata:\n  token: abc\n"),
            (false, "//r.example/:_authToken=${NPM_TOKEN}"),
            (false, "-----BEGIN CERTIFICATE-----\nabc"),
            (false, "-----BEGIN PUBLIC KEY-----\nabc"),
            (false, "{\"private_key\": null}"),
            (false, "a file that talks of -----BEGIN PRIVATE KEY----- only"),
            (false, ""),
        ] {
            assert_eq!(is_in(text.as_bytes()), want, "{text}");
            let utf_16: Vec<u8> =
                "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
            assert_eq!(is_in(&utf_16), want && text.is_ascii() && !text.starts_with('0'), "{text} in UTF-16");
        }
    }
}
