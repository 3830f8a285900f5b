//! The phase that compiles.

use std::time::SystemTime;

use dormouse_backend::BuildError;
use dormouse_images::{CacheKey, LayerDraft};

use super::{
    Command, Job, Stack, below, blocking,
    caches::Caches,
    explain, io_error,
    stamps::Stamps,
    toolchain::{MOUNTED, Toolchain},
};
use crate::{language::rust::plan::Crate, source::Source};

/// Where the source is while it is compiled: where the image has it, so that paths that the program was compiled with
/// still lead to its data.
const SOURCE: &str = "/app";
const TARGET: &str = "/var/cache/cargo/target";

/// Memory that one compiler should at least have.
const PER_JOB: u64 = 1 << 30;

impl Job<'_> {
    /// A layer that holds the program.
    pub(super) async fn compile(
        &self,
        stack: &mut Stack,
        source: &Source,
        program: &Crate,
        toolchain: &Toolchain,
    ) -> Result<(), BuildError> {
        // Whatever a project's packages do while they are compiled, only that project's layers and cache see it.
        let key = below(CacheKey::new("compile 1"), stack)
            .with("project", self.request.key.project.as_str())
            .with("tree", &source.digest)
            .with("folder", &program.folder)
            .with("binary", &program.binary)
            .with("toolchain", toolchain.identity());
        let make =
            async |draft: &LayerDraft| {
                // Two at once would write into the same folders, and would have to share the processors anyway.
                let busy = || self.say("another service of the project is being compiled: waiting for it");
                let cargo = format!("cargo {}", self.request.key.project);
                let _turn = self.builder.locks.take(cargo, busy).await;
                let caches = self.cargo_caches().await?;
                let scratch = draft.work_path().join("compile");
                let (copy, app) = (source.clone(), scratch.join(SOURCE.trim_start_matches('/')));
                let (record, target) = (caches.stamps.clone(), caches.target.clone());
                let copied = blocking(move || {
                    let now = SystemTime::now();
                    let stamps = Stamps::read_with(&record, &target, now)?.renew(&copy, now);
                    copy.copy_to(&app)?;
                    stamps.apply(&app, &copy)?;
                    stamps.write(&record)
                });
                copied.await.map_err(|e| io_error("compile", "copying to", &scratch, e))?;
                let built = self.cargo(program, toolchain, &caches).upper(scratch);
                let answer = self.command(stack, draft, built).await?;
                let Some(path) = executable(&answer, &program.binary) else {
                    return Err(BuildError::Phase {
                        phase: "compile".to_owned(),
                        why: format!("cargo made no program `{}`", program.binary),
                    });
                };
                let to = format!("/usr/local/bin/{}", program.binary);
                let install = Command::new("compile", &["install", "-D", "-m", "755", "--", &path, &to])
                    .mount(caches.target.clone(), TARGET, true);
                self.command(stack, draft, install).await.map(drop)
            };
        let layer = self.phase("compile", key, make).await?;
        stack.layers.push(layer);
        Ok(())
    }

    fn cargo(&self, program: &Crate, toolchain: &Toolchain, caches: &Caches) -> Command<'static> {
        let limits = self.builder.settings.compile_limits;
        let manifest = match program.folder.as_str() {
            "" => format!("{SOURCE}/Cargo.toml"),
            folder => format!("{SOURCE}/{folder}/Cargo.toml"),
        };
        let jobs = u64::from(limits.cpu_milli.div_ceil(1000)).min(limits.memory / PER_JOB).max(1);
        let argv = [
            "cargo",
            "build",
            "--release",
            "--locked",
            // Where the program is, whatever the source's own settings make of that; errors stay readable.
            "--message-format=json-render-diagnostics",
            "--manifest-path",
            &manifest,
            "--bin",
            &program.binary,
        ];
        let command = Command::new("compile", &argv)
            .env("CARGO_TARGET_DIR", TARGET)
            .env("CARGO_BUILD_JOBS", jobs.to_string())
            .env("CARGO_TERM_COLOR", "never")
            // A developer's compiler cache, if the source's settings name one, is not here; ours is.
            .env("CARGO_BUILD_RUSTC_WRAPPER", "")
            .mount(caches.registry.clone(), "/root/.cargo/registry", false)
            .mount(caches.git.clone(), "/root/.cargo/git", false)
            .mount(caches.target.clone(), TARGET, false)
            .compiles()
            .in_folder(SOURCE)
            .asked()
            .explained(explain::reason);
        match toolchain {
            Toolchain::Mirror(_) => command,
            Toolchain::Host(host) => command
                .env(
                    "PATH",
                    format!("{MOUNTED}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
                )
                .mount(host.folder.clone(), MOUNTED, true),
        }
    }
}

/// Where cargo says that it put a program.
fn executable(answer: &[String], binary: &str) -> Option<String> {
    answer.iter().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let target = &message["target"];
        let is_bin = target["kind"].as_array()?.iter().any(|k| k == "bin");
        (is_bin && target["name"] == binary).then(|| message["executable"].as_str().map(str::to_owned))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_where_the_program_is() {
        let lines = [
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"app"},"executable":null}"#,
            r#"{"reason":"compiler-artifact","target":{"kind":["custom-build"],"name":"build-script-build"},"executable":null}"#,
            "not JSON",
            r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"app"},"executable":"/t/x/release/app"}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ]
        .map(str::to_owned);
        assert_eq!(executable(&lines, "app").as_deref(), Some("/t/x/release/app"));
        assert_eq!(executable(&lines, "other"), None);
        assert_eq!(executable(&lines[..3], "app"), None);
    }
}
