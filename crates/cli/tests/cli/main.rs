//! The whole command line against a server that says what it is told to.

mod again;
mod deploying;
mod env;
mod fake;
mod help;
mod listing;

use std::{ffi::OsString, path::Path};

use dormouse_cli::{Check, Hooks, Streams, Verdict, run_to};

/// Standard output, standard error and exit code of a command.
struct Ran {
    out: String,
    err: String,
    code: u8,
}

impl Ran {
    fn all(&self) -> String {
        format!("{}{}[{}]\n", self.out, self.err, self.code)
    }
}

fn dormouse(state: &Path, args: &[&str]) -> Ran {
    let hooks = Hooks {
        languages: dormouse_builder::LANGUAGES,
        serve: |args| {
            let with = if args.stop_apps { ", the apps ending with it" } else { "" };
            let at = if args.take_over && !args.listen_given {
                "as whom it takes over from".to_owned()
            } else {
                format!("on {}", args.listen)
            };
            anyhow::bail!("would serve {} {at}{with}", args.state.display())
        },
        doctor: |_| {
            let check = |name: &str, verdict, detail: &str, hint: Option<&str>| Check {
                name: name.to_owned(),
                verdict,
                detail: detail.to_owned(),
                hint: hint.map(str::to_owned),
            };
            vec![
                check("kernel", Verdict::Ok, "6.18", None),
                check("swap", Verdict::Warn, "none", Some("allow zram")),
                check("privileges", Verdict::Fail, "not root", Some("run it with sudo")),
            ]
        },
        version: "1.2.3",
    };
    let (mut streams, out, err) = Streams::captured();
    let words = ["dormouse", "--state"].iter().map(OsString::from).chain([state.into()]);
    let code = run_to(words.chain(args.iter().map(OsString::from)), &hooks, &mut streams);
    let hide = |text: String| text.replace(&state.display().to_string(), "STATE");
    Ran { out: hide(out.text()), err: hide(err.text()), code }
}
