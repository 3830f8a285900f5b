//! Files that are not read because of their names: nobody writes a manifest to have it ignored.

use super::{COMPOSE, MANIFEST, OVERRIDES, code::Languages, input::ManifestInput, problem::Report};

/// Endings of what is no TOML.
const OTHER_FORMATS: [&str; 5] = ["yaml", "yml", "json", "ini", "cfg"];

/// Tell of manifests and compose files whose names are nearly right. Where there is no manifest, one that was meant to
/// be it is a mistake; other files of the folder may still say what it is.
pub(super) fn tell(
    input: &ManifestInput,
    languages: &dyn Languages,
    has_manifest: bool,
    report: &mut Report,
) {
    for (near, right) in input.nearly(languages) {
        if right == MANIFEST {
            // What differs in case only is told where the manifest is looked for.
            if near.eq_ignore_ascii_case(MANIFEST) {
                continue;
            }
            if has_manifest {
                report.warn(format!("{near} is not read, because there is a {MANIFEST}"));
            } else {
                let hint = match OTHER_FORMATS.iter().any(|ending| near.ends_with(ending)) {
                    true => format!("write it as TOML, in a file called {MANIFEST}"),
                    false => format!("rename it to {MANIFEST}"),
                };
                report.folder(format!("{near} is not read: the manifest is called {MANIFEST}"), hint);
            }
        } else if !has_manifest && is_compose(right) && !is_right_but_for_case(near) {
            report.warn(format!("{near} is not read: its name would have to be {right}"));
        }
    }
}

fn is_compose(name: &str) -> bool {
    COMPOSE.contains(&name) || OVERRIDES.contains(&name)
}

fn is_right_but_for_case(name: &str) -> bool {
    COMPOSE.iter().chain(&OVERRIDES).any(|right| right.eq_ignore_ascii_case(name))
}

/// Say that there is nothing to run, and what a name has to do with it.
pub(super) fn nothing(input: &ManifestInput, languages: &dyn Languages, report: &mut Report) {
    let what = "there is nothing to run in this folder";
    if let Some((near, right)) = input.nearly(languages).next() {
        return report.folder(format!("{what}: {near} is not read"), format!("rename it to {right}"));
    }
    if let Some((variants, hint)) = variants(input) {
        return report.folder(format!("{what}: {variants}"), hint);
    }
    let hint = format!("add {} beside the code, or a dormouse.toml with a [services.web]", languages.mark());
    report.folder(what, hint);
}

/// Warn of compose files that the code was read in place of.
pub(super) fn warn_of_variants(input: &ManifestInput, report: &mut Report) {
    if let Some((variants, hint)) = variants(input) {
        report.warn(format!("{variants}\n  hint: {hint}"));
    }
}

fn variants(input: &ManifestInput) -> Option<(String, String)> {
    let all: Vec<_> = input.compose_variants().collect();
    let (verb, them) = if all.len() == 1 { ("is", "it is") } else { ("are", "they are") };
    let hint = format!("`dormouse deploy -f {}`", all.first()?);
    Some((format!("{} {verb} read only when {them} named", all.join(", ")), hint))
}
