//! What the first bytes of a file tell.

use super::HEAD;

/// Whether the first bytes of a file are a private key, or credentials of a kind that tools write.
pub(super) fn is_in(head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD)];
    let utf_16 = head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF");
    // What tells is ASCII: every other byte of it.
    let narrowed: Vec<u8> = head.iter().copied().filter(|b| *b != 0).skip(2).collect();
    let head = if utf_16 { &narrowed } else { head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head) };
    let is_key = |line: &[u8]| {
        let line = line.trim_ascii();
        line.starts_with(b"-----BEGIN ")
            && (line.ends_with(b"PRIVATE KEY-----") || line.ends_with(b"PRIVATE KEY BLOCK-----"))
    };
    is_der_key(head)
        || head.split(|b| *b == b'\n').any(is_key)
        || (has(head, b"\"private_key\"") && has(head, b"PRIVATE KEY-----"))
        || is_json(head)
        || is_kubeconfig(head)
        || head.split(|b| *b == b'\n').any(|line| is_token(line) || is_one_line_key(line))
}

/// Whether a file called a key is one as it is: one line without a space, long enough not to be guessed.
pub(super) fn is_bare_key(head: &[u8]) -> bool {
    let text = head.trim_ascii();
    text.len() >= 32 && text.iter().all(u8::is_ascii_graphic)
}

/// Whether it is more than comments, and not encrypted for people to commit it (SOPS, Ansible).
pub(super) fn is_filled(head: &[u8]) -> bool {
    let text = plain(head);
    significant(&text).next().is_some()
        && !text.starts_with(b"$ANSIBLE_VAULT;")
        && !has(&text, b"ENC[AES256_GCM,")
}

/// Whether it gives values to variables, as the files do that an environment is filled from.
pub(super) fn is_variables(head: &[u8]) -> bool {
    let text = plain(head);
    let assigned = |line: &[u8]| {
        let line = line.strip_prefix(b"export ").unwrap_or(line);
        let at = line.iter().position(|b| *b == b'=')?;
        let (name, value) = (line[..at].trim_ascii(), line[at + 1..].trim_ascii());
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_.-".contains(b);
        (!name.is_empty() && name.iter().all(is_name)).then_some(!value.is_empty())
    };
    // Of a value that goes over several lines, the others are none.
    !text.starts_with(b"#!")
        && significant(&text).next().is_some_and(|first| assigned(first).is_some())
        && significant(&text).any(|line| assigned(line) == Some(true))
}

/// Without the marks of UTF-8 and UTF-16 and what the latter puts between letters.
fn plain(head: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = head.iter().copied().filter(|b| *b != 0).collect();
    let marks: [&[u8]; 3] = [b"\xEF\xBB\xBF", b"\xFF\xFE", b"\xFE\xFF"];
    marks.iter().find_map(|mark| text.strip_prefix(*mark)).unwrap_or(&text).to_vec()
}

/// Lines that are no comments.
fn significant(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

/// A private key in DER: a sequence that begins with its version, a small number (PKCS #1 and #8, SEC 1); a certificate
/// begins with another sequence. Or a store of such keys, by what each format begins with.
fn is_der_key(head: &[u8]) -> bool {
    // PKCS #12, as RFC 7292 has it: version 3, then content of PKCS #7.
    const PKCS_7: [u8; 10] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
    // Java's two formats, and KeePass's.
    const STORES: [[u8; 4]; 3] =
        [[0xfe, 0xed, 0xfe, 0xed], [0xce, 0xce, 0xce, 0xce], [0x03, 0xd9, 0xa2, 0x9a]];
    let body = match head {
        [0x30, 0x82, _, _, body @ ..] | [0x30, 0x81, _, body @ ..] | [0x30, 0x00..=0x80, body @ ..] => body,
        _ => return STORES.iter().any(|magic| head.starts_with(magic)),
    };
    let begin = &body[..body.len().min(20)];
    body.starts_with(&[0x02, 0x01, 0x00])
        || body.starts_with(&[0x02, 0x01, 0x01])
        || body.starts_with(&[0x02, 0x01, 0x03, 0x30]) && begin.windows(10).any(|w| w == PKCS_7)
}

fn has(head: &[u8], needle: &[u8]) -> bool {
    head.windows(needle.len()).any(|w| w == needle)
}

/// What a line of an INI file sets this key to.
fn set<'a>(line: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    Some(line.strip_prefix(key)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii())
}

/// Whether JSON gives a text, not an empty one, for this key in quotes; a schema that names it does not.
fn gives(head: &[u8], key: &[u8]) -> bool {
    head.windows(key.len()).enumerate().filter(|(_, w)| *w == key).any(|(at, _)| {
        let value = head[at + key.len()..].trim_ascii_start().strip_prefix(b":").unwrap_or_default();
        value.trim_ascii_start().strip_prefix(b"\"").is_some_and(|text| !text.starts_with(b"\""))
    })
}

/// Credentials in JSON: an OAuth client as the consoles of providers give it, or the token that a library has got with it;
/// a key as RFC 7517 writes it, with its private part; Composer's.
fn is_json(head: &[u8]) -> bool {
    gives(head, b"\"client_id\"") && (gives(head, b"\"client_secret\"") || gives(head, b"\"refresh_token\""))
        || gives(head, b"\"kty\"") && (gives(head, b"\"d\"") || gives(head, b"\"k\""))
        || has(head, b"\"http-basic\"") && gives(head, b"\"password\"")
        || has(head, b"\"github-oauth\"") && gives(head, b"\"github.com\"")
}

/// A key of age, or of an interface of WireGuard.
fn is_one_line_key(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    // 32 bytes in base64.
    line.starts_with(b"AGE-SECRET-KEY-1")
        || set(line, b"PrivateKey").is_some_and(|key| key.len() == 44 && key.ends_with(b"="))
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

/// A registry's token in an `.npmrc`, what other tools write behind a word of their own, the secret of an AWS profile; one that
/// is taken from the environment is none.
fn is_token(line: &[u8]) -> bool {
    const WORDS: [&[u8]; 5] = [
        b"oauth_token:",
        b":rubygems_api_key:",
        b"npmAuthToken:",
        b"npmAuthIdent:",
        b"token = {\"access_token\":",
    ];
    let line = line.trim_ascii();
    let given = |value: &[u8]| {
        let value = value.trim_ascii();
        !value.is_empty() && !value.strip_prefix(b"\"").unwrap_or(value).starts_with(b"${")
    };
    let npm = line.windows(11).position(|w| w == b"_authToken=").filter(|_| line.starts_with(b"//"));
    npm.is_some_and(|at| given(&line[at + 11..]))
        || WORDS.iter().any(|word| line.strip_prefix(*word).is_some_and(given))
        // As long as AWS makes them.
        || set(line, b"aws_secret_access_key").is_some_and(|key| key.len() == 40 && !key.contains(&b' '))
        || line.starts_with(b"PuTTY-User-Key-File-")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (true, "{\"kty\": \"RSA\", \"n\": \"abc\", \"e\": \"AQAB\", \"d\": \"abc\"}"),
            (false, "{\"kty\": \"RSA\", \"n\": \"abc\", \"e\": \"AQAB\"}"),
            (true, "{\"http-basic\": {\"repo.example\": {\"username\": \"a\", \"password\": \"b\"}}}"),
            (true, "{\"github-oauth\": {\"github.com\": \"gho_a\"}}"),
            (true, "---\n:rubygems_api_key: rubygems_abc"),
            (true, "github.com:\n    user: a\n    oauth_token: gho_a"),
            (true, "[drive]\ntype = drive\ntoken = {\"access_token\":\"ya29\"}"),
            (true, "npmRegistries:\n  x:\n    npmAuthToken: abc"),
            (false, "npmAuthToken: \"${NPM_TOKEN}\""),
            (true, "[a]\naws_secret_access_key = 0123456789012345678901234567890123456789"),
            (false, "aws_secret_access_key = from the environment"),
            (true, "PuTTY-User-Key-File-3: ssh-ed25519"),
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

    #[test]
    fn stores() {
        for (want, hex) in [
            (true, "3082 0a14 020103 3082 09ca 0609 2a864886f70d010701 a08209bb"),
            (true, "3080 020103 3080 0609 2a864886f70d010701 a080"),
            (true, "feedfeed 00000002"),
            (true, "03d9a29a 67fb4bb5"),
            (false, "3082 0a14 020103 3082 09ca 0609 2a864886f70d010901 a08209bb"),
            (false, "cafebabe 00000034"),
        ] {
            let digits: String = hex.split_whitespace().collect();
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
            assert_eq!(is_in(&bytes), want, "{hex}");
        }
    }

    #[test]
    fn bare() {
        for (want, text) in [
            (true, "0123456789abcdef0123456789abcdef\n"),
            (true, "django-insecure-x$)9w!%0123456789abcdef01234"),
            (false, "short"),
            (false, "a file of several words that is long enough"),
            (false, "-----BEGIN CERTIFICATE-----\nabc"),
        ] {
            assert_eq!(is_bare_key(text.as_bytes()), want, "{text}");
        }
    }
}
