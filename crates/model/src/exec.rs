//! What Linux hands to a process when it is started, and no more.

use crate::{Origin, ServiceSpec};

/// The longest variable (name, `=` and value) or argument, with the byte that ends it: `MAX_ARG_STRLEN`, 32 pages
/// (execve(2)).
pub(crate) const LONGEST: usize = 128 << 10;

/// All of them together: a quarter of the default stack limit of 8 MiB (execve(2)), less what the platform and the image
/// add.
const TOGETHER: usize = (2 << 20) - (64 << 10);

/// Why a service could not be started with its variables and its command, whatever it is; `None` when it can.
#[must_use]
pub fn too_large(spec: &ServiceSpec) -> Option<String> {
    let kib = |bytes: usize| bytes.div_ceil(1 << 10);
    let hint = "hint: put it into a file beside the code, and let the app read that";
    let env = spec.env.filled(&spec.stored);
    let variables = env.iter().map(|(name, value)| (Some(name), name.len() + value.len() + 2));
    let arguments = spec.start.iter().flatten().map(|argument| (None, argument.len() + 1));
    let all: Vec<_> = variables.chain(arguments).collect();
    if let Some((name, size)) = all.iter().find(|(_, size)| *size > LONGEST) {
        let what = name.map_or_else(
            || format!("an argument of the start command of {}", spec.name),
            |name| format!("the variable `{name}` of {}", spec.name),
        );
        let (size, most) = (kib(*size), kib(LONGEST));
        return Some(format!(
            "{what} has {size} KiB, and Linux starts no process with one above {most} KiB\n  {hint}"
        ));
    }
    // Each has a pointer, too.
    let total: usize = all.iter().map(|(_, size)| size + size_of::<usize>()).sum();
    let (size, most) = (kib(total), kib(TOGETHER));
    (total > TOGETHER).then(|| {
        let what = format!("the variables and the start command of {} have {size} KiB together", spec.name);
        format!("{what}, and Linux starts no process with more than {most} KiB\n  {hint}")
    })
}

/// What to do about a start command that cannot be run; `why` is what the sandbox said, and `origin` where the command comes
/// from.
#[must_use]
pub fn advice(command: &str, why: &str, origin: Option<&Origin>) -> String {
    let place = match origin {
        Some(origin) if origin.written => format!(", which {origin} says"),
        Some(origin) => format!(", which was concluded from {origin}: name another as the service's `start`"),
        None => String::new(),
    };
    if why.starts_with("not found") {
        format!("install what has `{command}`, or change the command{place}")
    } else if why.starts_with("permission denied") && command.contains('/') {
        let place = origin.map(|origin| format!(" in {origin}")).unwrap_or_default();
        format!("make it executable (`chmod +x {command}`), or write `sh {command}`{place}")
    } else {
        format!("look at the command{place}")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::manifest::{ManifestInput, NoLanguages, resolve};

    fn check(variables: &[(&str, usize)], argument: usize, expected: &Expect) {
        let mut input = ManifestInput::new("shop");
        input.add_file("dormouse.toml", "[services.web]");
        let resolved = resolve(&input, &NoLanguages).unwrap().0;
        let mut spec = ServiceSpec::clone(resolved.services.values().next().unwrap());
        spec.env = variables.iter().map(|(name, size)| ((*name).to_owned(), "x".repeat(*size))).collect();
        spec.start = Some(vec!["serve".to_owned(), "x".repeat(argument)]);
        expected.assert_eq(&too_large(&spec).unwrap_or_default());
    }

    /// Bug: a variable of 200 kB gave `cannot run python: argument list too long`, and the hint to check `start`.
    #[test]
    fn what_no_process_can_be_given_is_named() {
        let limit = LONGEST - "DATA=\0".len();
        check(&[("A", 10), ("DATA", limit)], LONGEST - 1, &expect![""]);
        check(
            &[("A", 10), ("DATA", limit + 1)],
            0,
            &expect![[r"
                the variable `DATA` of web has 129 KiB, and Linux starts no process with one above 128 KiB
                  hint: put it into a file beside the code, and let the app read that"]],
        );
        check(
            &[],
            LONGEST,
            &expect![[r"
                an argument of the start command of web has 129 KiB, and Linux starts no process with one above 128 KiB
                  hint: put it into a file beside the code, and let the app read that"]],
        );
        let names: Vec<_> = (0..17).map(|n| format!("V{n}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), 120 << 10)).collect();
        check(&many[..16], 0, &expect![""]);
        check(
            &many,
            0,
            &expect![[r"
                the variables and the start command of web have 2041 KiB together, and Linux starts no process with more than 1984 KiB
                  hint: put it into a file beside the code, and let the app read that"]],
        );
    }

    /// Bug: whatever could not be run, people were told to check a dormouse.toml, also those who have none.
    #[test]
    fn advice_names_where_the_command_comes_from() {
        let mut out = String::new();
        let (written, found) = (Origin::written("Procfile", 2), Origin::found("main.py", Some(3)));
        for (command, why, origin) in [
            ("gunicorn", "not found in PATH (/app/.venv/bin:/bin)", Some(&written)),
            ("uvicorn", "not found in PATH (/app/.venv/bin:/bin)", Some(&found)),
            ("./run.sh", "permission denied", Some(&written)),
            ("serve", "no such file (or its interpreter is missing)", None),
        ] {
            out += &format!("{}\n", advice(command, why, origin));
        }
        expect![[r#"
            install what has `gunicorn`, or change the command, which Procfile:2 says
            install what has `uvicorn`, or change the command, which was concluded from main.py:3: name another as the service's `start`
            make it executable (`chmod +x ./run.sh`), or write `sh ./run.sh` in Procfile:2
            look at the command
        "#]].assert_eq(&out);
    }
}
