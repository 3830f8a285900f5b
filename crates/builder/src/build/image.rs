//! The image at the end.

use dormouse_backend::{BuildError, BuildOutcome};
use dormouse_images::ImageConfig;

use super::{Job, Stack, blocking, phase::store_error};
use crate::plan::Plan;

impl Job<'_> {
    pub(super) async fn image(&self, stack: Stack, plan: Plan) -> Result<BuildOutcome, BuildError> {
        let env = [
            ("PATH", "/app/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("LANG", "C.UTF-8"),
            // Lines reach the log when they are written.
            ("PYTHONUNBUFFERED", "1"),
            // Only the platform reaches an instance from outside, and it sets X-Forwarded-* itself.
            ("FORWARDED_ALLOW_IPS", "*"),
        ];
        let config = ImageConfig {
            env: env.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            cmd: plan.start.clone(),
            workdir: "/app".to_owned(),
            port: Some(self.request.spec.port),
        };
        let store = self.builder.store.clone();
        let put = blocking(move || Ok::<_, std::io::Error>(store.put_image(&stack.layers, config)));
        let image = put
            .await
            .map_err(|e| super::host("writing the image down", e))?
            .map_err(|e| store_error("image", e))?;
        Ok(BuildOutcome { image, start: plan.start })
    }
}
