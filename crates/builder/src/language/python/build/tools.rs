//! uv, for the builds' own use.

use dormouse_backend::BuildError;
use dormouse_images::CacheKey;

use super::{Command, Job, Stack, interpreter};

impl Job<'_> {
    /// A layer that only builds see: uv, what Python needs to make environments, and Git where something comes from there.
    pub(super) async fn uv_tools(&self, stack: &mut Stack, git: bool) -> Result<(), BuildError> {
        let Some(base) = stack.layers.first().cloned() else { return Ok(()) };
        let uv = &self.builder.settings.uv;
        let mut key = CacheKey::new("tools 1").on(&base).with("uv", uv);
        if git {
            key = key.with("git", "1");
        }
        let only_base = Stack { layers: vec![base], tools: None, suite: None };
        let layer = self
            .phase("tools", key, async |draft| {
                let mut packages: Vec<&str> = Vec::new();
                if !interpreter::can_make_venvs(&self.builder.store.layer_path(&only_base.layers[0])) {
                    packages.extend(["python3", "python3-venv"]);
                }
                if git {
                    packages.extend(["git", "ca-certificates"]);
                }
                if !packages.is_empty() {
                    self.apt(&only_base, draft, "tools", &packages).await?;
                }
                for argv in [
                    &["python3", "-m", "venv", "/opt/uv"] as &[&str],
                    &["/opt/uv/bin/pip", "install", "--no-cache-dir", "--no-compile", &format!("uv=={uv}")],
                ] {
                    let command = Command::new("tools", argv).env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
                    self.command(&only_base, draft, command).await?;
                }
                Ok(())
            })
            .await?;
        stack.tools = Some(layer);
        Ok(())
    }
}
