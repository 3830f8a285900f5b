//! `dormouse wake`.

use dormouse_backend::{Builds, Workloads};
use dormouse_model::ServiceKey;
use futures_util::future::try_join_all;

use crate::{Control, OpError, events::Waker};

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Wake a service, or all of a project; done once all are awake.
    ///
    /// # Errors
    /// When one is not known, keeps crashing, or does not become ready in time.
    pub async fn wake_all(&self, project: &str, service: Option<&str>) -> Result<Vec<ServiceKey>, OpError> {
        let keys = self.keys(project, service).await?;
        try_join_all(keys.iter().map(|key| async {
            self.wake_for(Waker::Person, key)
                .await
                .map_err(|refused| OpError::Wake { key: key.clone(), refused })
        }))
        .await?;
        self.store.flush().await?;
        Ok(keys)
    }

    pub(super) async fn keys(
        &self,
        project: &str,
        service: Option<&str>,
    ) -> Result<Vec<ServiceKey>, OpError> {
        let (project, service) = (project.to_owned(), service.map(str::to_owned));
        self.call(move |state| state.keys(&project, service.as_deref())).await?
    }
}
