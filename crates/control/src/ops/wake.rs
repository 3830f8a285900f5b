//! `dormouse wake`.

use dormouse_backend::{Builds, Workloads};
use dormouse_model::{ServiceKey, ServiceKind};
use futures_util::future::try_join_all;

use crate::{Control, OpError, events::Waker, state::State};

impl<W: Workloads, B: Builds> Control<W, B> {
    /// Wake a service, or all of a project; done once all are awake.
    ///
    /// # Errors
    /// When one is not known, keeps crashing, or does not become ready in time.
    pub async fn wake_all(&self, project: &str, service: Option<&str>) -> Result<Vec<ServiceKey>, OpError> {
        let keys = self.without_jobs(self.keys(project, service).await?, service.is_some()).await?;
        try_join_all(keys.iter().map(|key| async {
            self.wake_for(Waker::Person, key)
                .await
                .map_err(|refused| OpError::Wake { key: key.clone(), refused })
        }))
        .await?;
        self.store.flush().await?;
        Ok(keys)
    }

    /// Those that sleep and wake. A job that was named is refused; of a whole project they are left out.
    pub(super) async fn without_jobs(
        &self,
        keys: Vec<ServiceKey>,
        named: bool,
    ) -> Result<Vec<ServiceKey>, OpError> {
        let is_job = |state: &State, key: &ServiceKey| {
            let svc = state.desired.services.get(key);
            svc.is_some_and(|svc| svc.target.spec.kind == ServiceKind::Job)
        };
        let (jobs, others): (Vec<_>, Vec<_>) =
            self.call(move |state| keys.into_iter().partition(|key| is_job(state, key))).await?;
        match jobs.into_iter().next() {
            Some(job) if named => Err(OpError::Job(job)),
            Some(_) | None => Ok(others),
        }
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
