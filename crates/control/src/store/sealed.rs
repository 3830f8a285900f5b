//! Specifications as rows hold them: sealed, because the environments in them are secret.

use dormouse_model::{Deployment, ProjectSpec};
use serde_json::Value;

use super::{
    StoreError,
    bodies::{self, Body},
};
use crate::vault::Vault;

/// Where a project's specification is kept.
fn project_place(name: &str) -> String {
    format!("project {name}")
}

/// Where a deployment's is.
fn deployment_place(id: &Value) -> String {
    format!("deployment {id}")
}

fn unseal(vault: &Vault, place: &str, text: &str) -> Result<String, StoreError> {
    vault.unseal(place, text).map_err(|why| StoreError::Sealed { what: place.to_owned(), why })
}

/// Sealed, and the version of its shape.
pub(super) fn project(vault: &Vault, spec: &ProjectSpec) -> Result<(String, u32), StoreError> {
    let (text, version) = bodies::write(Body::Project, spec)?;
    Ok((vault.seal(&project_place(spec.name.as_str()), &text), version))
}

pub(super) fn read_project(
    vault: &Vault,
    name: &str,
    version: u32,
    text: &str,
) -> Result<ProjectSpec, StoreError> {
    bodies::read(Body::Project, version, &unseal(vault, &project_place(name), text)?)
}

/// Its image stays readable, for those who ask which ones are needed.
pub(super) fn deployment(vault: &Vault, deployment: &Deployment) -> Result<(String, u32), StoreError> {
    let mut body = serde_json::to_value(deployment)?;
    let place = deployment_place(&body["id"]);
    body["spec"] = vault.seal(&place, &body["spec"].to_string()).into();
    bodies::write(Body::Deployment, &body)
}

pub(super) fn read_deployment(vault: &Vault, version: u32, text: &str) -> Result<Deployment, StoreError> {
    let mut body: Value = serde_json::from_str(text)?;
    if let Some(sealed) = body["spec"].as_str() {
        body["spec"] = serde_json::from_str(&unseal(vault, &deployment_place(&body["id"]), sealed)?)?;
    }
    bodies::of_value(Body::Deployment, version, body)
}
