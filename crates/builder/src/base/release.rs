//! A suite's signed table of contents.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, fmt::rfc2822};

use super::stanza::stanzas;

/// A file the release vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) sha256: String,
    /// Bytes.
    pub(super) size: u64,
}

/// What a release says.
#[derive(Debug, Default)]
pub(super) struct Release {
    codename: String,
    suite: String,
    date: Option<SystemTime>,
    valid_until: Option<SystemTime>,
    files: HashMap<String, Listed>,
}

/// Why a release cannot be used, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) why: String,
    pub(super) hint: &'static str,
}

/// Clocks may differ by this much.
const SKEW: Duration = Duration::from_secs(300);

impl Release {
    pub(super) fn parse(text: &str) -> Self {
        let mut release = Self::default();
        let Some(stanza) = stanzas(text).next() else { return release };
        for (field, value) in stanza.fields() {
            match field {
                "Codename" => value.clone_into(&mut release.codename),
                "Suite" => value.clone_into(&mut release.suite),
                "Date" => release.date = date(value),
                "Valid-Until" => release.valid_until = date(value),
                "SHA256" => {
                    release.files = value
                        .lines()
                        .filter_map(|line| {
                            let mut words = line.split_whitespace();
                            let sha256 = words.next()?.to_ascii_lowercase();
                            let size = words.next()?.parse().ok()?;
                            Some((words.next()?.to_owned(), Listed { sha256, size }))
                        })
                        .collect();
                }
                _ => {}
            }
        }
        release
    }

    /// Whether it is the suite that was asked for, and of a time that can be.
    pub(super) fn check(
        &self,
        suite: &str,
        now: SystemTime,
        check_date: bool,
        check_valid_until: bool,
    ) -> Result<(), Unusable> {
        if self.codename != suite && self.suite != suite {
            return Err(Unusable {
                why: format!("{suite} was asked for, and the mirror answered with {}", self.codename),
                hint: "the mirror is set up wrongly, or somebody passes another release off as this one",
            });
        }
        let Some(date) = self.date else {
            return Err(Unusable { why: "it has no date".to_owned(), hint: "use another mirror" });
        };
        if check_date && date > now + SKEW {
            let hours = date.duration_since(now).unwrap_or_default().as_secs().div_ceil(3600);
            return Err(Unusable {
                why: format!("it was made {hours} h in this host's future"),
                hint: "set this host's clock; it is behind",
            });
        }
        if let Some(until) = self.valid_until.filter(|until| check_valid_until && *until + SKEW < now) {
            let hours = now.duration_since(until).unwrap_or_default().as_secs().div_ceil(3600);
            return Err(Unusable {
                why: format!("it expired {hours} h ago"),
                hint: "check this host's clock; if it is right, the mirror is out of date: use another, or set \
                       Acquire::Check-Valid-Until in apt's configuration",
            });
        }
        Ok(())
    }

    pub(super) fn file(&self, path: &str) -> Option<&Listed> {
        self.files.get(path)
    }
}

/// `Sat, 11 Jul 2026 10:16:37 UTC`
fn date(text: &str) -> Option<SystemTime> {
    let text = text.replace(" UTC", " +0000");
    let at: Timestamp = rfc2822::DateTimeParser::new().parse_timestamp(&text).ok()?;
    Some(at.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Origin: Debian\nSuite: oldstable-security\nCodename: bookworm-security\n\
        Date: Sat, 21 Nov 2026 00:53:02 UTC\nValid-Until: Sat, 28 Nov 2026 00:53:02 UTC\nMD5Sum:\n aa 1 x\n\
        SHA256:\n 00ff   12 main/binary-amd64/Packages.xz\n 11 0 main/x\n";

    #[test]
    fn dates_and_names() {
        let release = Release::parse(TEXT);
        let wanted = Listed { sha256: "00ff".into(), size: 12 };
        assert_eq!(release.file("main/binary-amd64/Packages.xz"), Some(&wanted));
        assert_eq!(release.file("x"), None, "other digests do not count");
        let made = release.date.unwrap();
        let hour = Duration::from_secs(3600);
        for (suite, now, checks, want) in [
            ("bookworm-security", made + hour, true, None),
            ("oldstable-security", made + hour, true, None),
            (
                "bookworm",
                made + hour,
                true,
                Some("bookworm was asked for, and the mirror answered with bookworm-security"),
            ),
            ("bookworm-security", made - hour, true, Some("it was made 1 h in this host's future")),
            ("bookworm-security", made - hour / 60, true, None),
            ("bookworm-security", made + 24 * 7 * hour + hour, true, Some("it expired 1 h ago")),
            ("bookworm-security", made + 24 * 7 * hour + hour, false, None),
            ("bookworm-security", made - hour, false, None),
        ] {
            let got = release.check(suite, now, checks, checks);
            assert_eq!(got.err().map(|e| e.why).as_deref(), want, "{suite} {now:?}");
        }
        assert!(Release::parse("Codename: x\n").check("x", made, true, true).is_err(), "no date");
    }
}
