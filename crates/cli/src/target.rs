//! `PROJECT` or `PROJECT/SERVICE`, checked against what exists.

use anyhow::{Result, bail};
use dormouse_api::{Client, ServiceStatus};

use crate::human::nearest;

/// What a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) project: String,
    pub(crate) service: Option<String>,
}

impl Target {
    /// Look a name up among what exists, so that a slip is answered with what was probably meant.
    pub(crate) async fn find(text: &str, client: &Client) -> Result<Self> {
        Self::among(text, &client.ps().await?)
    }

    pub(crate) fn among(text: &str, all: &[ServiceStatus]) -> Result<Self> {
        let (project, service) = match text.split_once('/') {
            Some((project, service)) => (project, Some(service)),
            None => (text, None),
        };
        let here: Vec<&ServiceStatus> = all.iter().filter(|s| s.project == project).collect();
        if here.is_empty() {
            bail!("there is no project `{project}`{}", unknown_project(project, service.is_none(), all));
        }
        if let Some(service) = service
            && !here.iter().any(|s| s.service == service)
        {
            let near = nearest(service, here.iter().map(|s| s.service.as_str()));
            let hint = match near {
                Some(near) => format!("did you mean `{project}/{near}`?"),
                None => {
                    let names: Vec<_> = here.iter().map(|s| format!("`{}`", s.service)).collect();
                    format!("its services are: {}", names.join(", "))
                }
            };
            bail!("project `{project}` has no service `{service}`\n  hint: {hint}");
        }
        Ok(Self { project: project.to_owned(), service: service.map(str::to_owned) })
    }

    /// Whether a service belongs to it.
    pub(crate) fn covers(&self, s: &ServiceStatus) -> bool {
        s.project == self.project && self.service.as_ref().is_none_or(|name| *name == s.service)
    }
}

/// The number of a deploy: as people write one (`14`, `#14`, `d14`), or that of a project's newest. A project that is called
/// so comes first.
pub(crate) async fn deploy_number(text: &str, client: &Client) -> Result<u64> {
    let all = client.ps().await?;
    match number(text).filter(|_| all.iter().all(|s| s.project != text)) {
        Some(number) => Ok(number),
        None => Ok(client.latest_deploy(&Target::among(text, &all)?.project).await?),
    }
}

fn number(text: &str) -> Option<u64> {
    text.strip_prefix(['d', '#']).unwrap_or(text).parse().ok()
}

fn unknown_project(name: &str, may_be_service: bool, all: &[ServiceStatus]) -> String {
    // The service's name alone is what people try first.
    let owners: Vec<_> = all.iter().filter(|s| may_be_service && s.service == name).collect();
    let hint = match owners.as_slice() {
        [] => {
            let mut projects: Vec<&str> = all.iter().map(|s| s.project.as_str()).collect();
            projects.dedup();
            match (nearest(name, projects.iter().copied()), projects.is_empty()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, true) => "nothing is deployed yet; `dormouse deploy DIR` changes that".to_owned(),
                (None, false) => format!("the projects are: {}", projects.join(", ")),
            }
        }
        [one] => format!("did you mean `{}/{name}`?", one.project),
        several => {
            let names: Vec<_> = several.iter().map(|s| format!("`{}/{name}`", s.project)).collect();
            format!("which one: {}?", names.join(", "))
        }
    };
    format!("\n  hint: {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ps::tests::status;

    #[test]
    fn numbers() {
        for (text, want) in [
            ("14", Some(14)),
            ("#14", Some(14)),
            ("d14", Some(14)),
            ("b14", None),
            ("d", None),
            ("dd1", None),
            ("demo", None),
        ] {
            assert_eq!(number(text), want, "{text}");
        }
    }

    #[test]
    fn names() {
        let all = [
            status("blog", "web"),
            status("shop", "backend"),
            status("shop", "frontend"),
            status("wiki", "backend"),
        ];
        for (text, want) in [
            ("shop", "shop"),
            ("shop/backend", "shop/backend"),
            ("shp", "there is no project `shp`\n  hint: did you mean `shop`?"),
            ("shop/bakend", "project `shop` has no service `bakend`\n  hint: did you mean `shop/backend`?"),
            (
                "shop/zzz",
                "project `shop` has no service `zzz`\n  hint: its services are: `backend`, `frontend`",
            ),
            ("frontend", "there is no project `frontend`\n  hint: did you mean `shop/frontend`?"),
            ("backend", "there is no project `backend`\n  hint: which one: `shop/backend`, `wiki/backend`?"),
            ("qqq", "there is no project `qqq`\n  hint: the projects are: blog, shop, wiki"),
        ] {
            let got = match Target::among(text, &all) {
                Ok(Target { project, service: Some(service) }) => format!("{project}/{service}"),
                Ok(Target { project, service: None }) => project,
                Err(e) => e.to_string(),
            };
            assert_eq!(got, want);
        }
    }
}
