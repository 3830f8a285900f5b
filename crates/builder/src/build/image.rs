//! The image at the end.

use dormouse_backend::{BuildError, BuildOutcome};
use dormouse_images::ImageConfig;

use super::{Job, Stack, blocking, phase::store_error};
use crate::plan::Plan;

impl Job<'_> {
    pub(crate) async fn image(&self, stack: Stack, plan: Plan) -> Result<BuildOutcome, BuildError> {
        let start_origin = plan.start_origin().cloned();
        // What the manifest names is kept with the configuration, sealed: it may hold secrets.
        let start = if self.request.spec.start.is_some() { Vec::new() } else { plan.start };
        let own = plan.recipe.env().iter().map(|&(k, v)| (k.to_owned(), v.to_owned()));
        let config = ImageConfig {
            env: own.chain(plan.env).collect(),
            cmd: start.clone(),
            workdir: match &self.request.spec.workdir {
                Some(folder) => format!("/app/{folder}"),
                None => "/app".to_owned(),
            },
            port: Some(self.request.spec.port),
        };
        let store = self.builder.store.clone();
        let put = blocking(move || Ok::<_, std::io::Error>(store.put_image(&stack.layers, config)));
        let image = put
            .await
            .map_err(|e| super::host("writing the image down", e))?
            .map_err(|e| store_error("image", e))?;
        Ok(BuildOutcome { image, start, start_origin })
    }
}
