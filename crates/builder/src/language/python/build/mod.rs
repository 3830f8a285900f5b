//! The phases of Python services.

pub(super) mod crash;
mod dependencies;
mod explain;
pub(super) mod interpreter;
mod times;
mod tools;

use dormouse_backend::BuildError;

use crate::build::{
    Job, Stack, blocking,
    command::Command,
    explain::{Reason, names},
    phase::io_error,
    said::Said,
    scope::Sees,
    system::below,
};
use crate::{
    language::python::plan::{Install, Interpreted, Interpreter},
    source::Source,
};

/// Where commands are looked for while something is installed.
const PATH: &str = "/app/.venv/bin:/opt/uv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Environment of an image.
pub(super) const ENV: [(&str, &str); 4] = [
    ("PATH", "/app/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LANG", "C.UTF-8"),
    // Lines reach the log when they are written.
    ("PYTHONUNBUFFERED", "1"),
    // Only the platform reaches an instance from outside, and it sets X-Forwarded-* itself.
    ("FORWARDED_ALLOW_IPS", "*"),
];

impl Job<'_> {
    /// Everything above the system packages.
    pub(super) async fn python(
        &self,
        stack: &mut Stack,
        source: Source,
        python: &Interpreted,
    ) -> Result<(), BuildError> {
        if python.install != Install::Nothing || python.interpreter != Interpreter::Base {
            self.uv_tools(stack, python.git).await?;
        }
        self.interpreter(stack, &python.interpreter).await?;
        self.dependencies(stack, &source, python).await?;
        self.source(stack, source.clone()).await?;
        self.install(stack, &source, python).await
    }
}
