//! The phases of Rust services.

mod caches;
mod compile;
mod explain;
mod host_rust;
mod stamps;
mod toolchain;

use std::path::Path;

use dormouse_backend::BuildError;

use crate::build::{
    Job, Stack, blocking,
    caches::Cache,
    command::Command,
    explain::{Reason, names},
    phase::io_error,
    said::Said,
    system::below,
};
use crate::{language::rust::plan::Crate, source::Source};

/// Environment of an image.
pub(super) const ENV: [(&str, &str); 2] =
    [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("LANG", "C.UTF-8")];

impl Job<'_> {
    /// Everything above the system packages: the program, and what of the source it may want to read.
    pub(super) async fn rust(
        &self,
        stack: &mut Stack,
        source: Source,
        program: &Crate,
    ) -> Result<(), BuildError> {
        let toolchain = self.toolchain(stack, program)?;
        self.rust_tools(stack, &toolchain).await?;
        self.compile(stack, &source, program, &toolchain).await?;
        self.source(stack, source.only(|path| !is_code(path))).await
    }
}

/// Whether a file only says how the program is built.
fn is_code(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    path.extension().is_some_and(|e| e == "rs")
        || path.components().any(|c| c.as_os_str() == ".cargo")
        || [
            "Cargo.toml",
            "Cargo.lock",
            "rust-toolchain",
            "rust-toolchain.toml",
            "rustfmt.toml",
            "clippy.toml",
        ]
        .iter()
        .any(|n| name == *n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_no_code() {
        for (path, code) in [
            ("src/main.rs", true),
            ("backend/Cargo.toml", true),
            (".cargo/config.toml", true),
            ("data/kpi.parquet", false),
            ("templates/page.html", false),
            ("settings.toml", false),
        ] {
            assert_eq!(is_code(Path::new(path)), code, "{path}");
        }
    }
}
