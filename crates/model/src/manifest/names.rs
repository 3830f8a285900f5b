//! Names made from folders, and names that were nearly right.

use sha2::{Digest, Sha256};

/// Length limit of [`crate::ProjectName`] and [`crate::ServiceName`].
const MAX: usize = 30;

/// Bytes of a digest that tell apart two folders whose names have become the same.
const MARK: usize = 3;

/// The valid name nearest to a folder's. Where letters are lost on the way, a mark made of the whole name takes their
/// place: two folders must not share a name only because neither alphabet nor length fits.
pub(super) fn sanitise(folder: &str, fallback: &str) -> String {
    let mut name = String::new();
    let mut lost = false;
    for c in folder.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            name.push(c);
            continue;
        }
        lost |= c.is_alphanumeric();
        if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, &format!("{fallback}-"));
    }
    let kept = name.trim_end_matches('-');
    if !lost && kept.len() <= MAX {
        return if kept.is_empty() { fallback.to_owned() } else { kept.to_owned() };
    }
    let digest = Sha256::digest(folder.as_bytes());
    let mark: String = digest.iter().take(MARK).map(|byte| format!("{byte:02x}")).collect();
    name.truncate(MAX - mark.len() - 1);
    let kept = name.trim_end_matches('-');
    format!("{}-{mark}", if kept.is_empty() { fallback } else { kept })
}

/// The candidate nearest to `name`, if one is near enough to have been meant: two swapped letters in a short name, or
/// much the same word.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |s: &str| s.to_lowercase().replace('_', "-");
    let typed = plain(name);
    candidates
        .into_iter()
        .filter_map(|c| {
            let known = plain(c);
            let slips = strsim::osa_distance(&typed, &known);
            let alike = strsim::jaro_winkler(&typed, &known);
            let allowed = (typed.chars().count() / 3).max(1);
            (slips <= allowed && slips < known.len() || alike >= 0.85).then_some((slips, alike, c))
        })
        .min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)))
        .map(|(_, _, c)| c)
}

/// A hint that names the nearest candidate, or all of them.
pub(super) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(near) = nearest(name, candidates.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<_> = candidates.into_iter().map(|c| format!("`{c}`")).collect();
    (!all.is_empty()).then(|| format!("known here: {}", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProjectName;

    #[test]
    fn sanitised_names_are_valid() {
        for (folder, want) in [
            ("fastapi-streamlit", "fastapi-streamlit"),
            ("My App!", "my-app"),
            ("2048", "app-2048"),
            ("a__b--c", "a-b-c"),
            ("", "app"),
            ("---", "app"),
            ("İstanbul", "i-stanbul"),
            ("abcdefghijabcdefghijabcdefghij", "abcdefghijabcdefghijabcdefghij"),
        ] {
            assert_eq!(sanitise(folder, "app"), want, "{folder}");
            want.parse::<ProjectName>().unwrap();
        }
    }

    /// Bug: each of these pairs had one name, so that the second of two apps took the place of the first.
    #[test]
    fn what_is_lost_of_a_name_leaves_a_mark() {
        for (one, other, want) in [
            ("日本語", "中文", "app-77710a"),
            ("Größe", "Grüße", "gr-e-"),
            (
                "abcdefghijabcdefghijabcdefghij-blue",
                "abcdefghijabcdefghijabcdefghij-red",
                "abcdefghijabcdefghijabc-",
            ),
            ("2048日", "2048月", "app-2048-"),
        ] {
            let (first, second) = (sanitise(one, "app"), sanitise(other, "app"));
            assert_ne!(first, second, "{one} {other}");
            assert!(first.starts_with(want), "{one}: {first}");
            assert_eq!(first, sanitise(one, "app"), "always the same");
            for name in [first, second] {
                name.parse::<ProjectName>().unwrap();
            }
        }
    }

    #[test]
    fn near_names() {
        let keys = ["port", "health", "memory", "stop_grace", "sleep"];
        for (typed, want) in [
            ("prot", Some("port")),
            ("Memory", Some("memory")),
            ("stop-grace", Some("stop_grace")),
            ("xyzzy", None),
            ("x", None),
            ("sleeep", Some("sleep")),
        ] {
            assert_eq!(nearest(typed, keys), want, "{typed}");
        }
    }
}
