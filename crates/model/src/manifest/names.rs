//! Names made from folders, and names that were nearly right.

/// Length limit of [`crate::ProjectName`] and [`crate::ServiceName`].
const MAX: usize = 30;

/// The valid name nearest to a folder's.
pub(super) fn sanitise(folder: &str, fallback: &str) -> String {
    let mut name = String::new();
    for c in folder.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, &format!("{fallback}-"));
    }
    name.truncate(MAX);
    let name = name.trim_end_matches('-');
    if name.is_empty() { fallback.to_owned() } else { name.to_owned() }
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
            ("Größe", "gr-e"),
            ("İstanbul", "i-stanbul"),
            ("abcdefghijabcdefghijabcdefghi-x", "abcdefghijabcdefghijabcdefghi"),
        ] {
            assert_eq!(sanitise(folder, "app"), want, "{folder}");
            want.parse::<ProjectName>().unwrap();
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
