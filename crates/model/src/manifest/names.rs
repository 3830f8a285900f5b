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

/// The candidate nearest to `name`, if one is near enough to have been meant.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase().replace('_', "-");
    candidates
        .into_iter()
        .map(|c| (strsim::jaro_winkler(&lower, &c.to_lowercase().replace('_', "-")), c))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
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
        ] {
            assert_eq!(nearest(typed, keys), want, "{typed}");
        }
    }
}
