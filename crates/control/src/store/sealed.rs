//! Specifications as rows hold them: sealed, because the environments in them are secret.

use dormouse_model::{Deployment, ProjectSpec};
use serde_json::Value;

use super::StoreError;
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

pub(super) fn project(vault: &Vault, spec: &ProjectSpec) -> Result<String, StoreError> {
    Ok(vault.seal(&project_place(spec.name.as_str()), &serde_json::to_string(spec)?))
}

pub(super) fn read_project(vault: &Vault, name: &str, text: &str) -> Result<ProjectSpec, StoreError> {
    Ok(serde_json::from_str(&unseal(vault, &project_place(name), text)?)?)
}

/// Its image stays readable, for those who ask which ones are needed.
pub(super) fn deployment(vault: &Vault, deployment: &Deployment) -> Result<String, StoreError> {
    let mut body = serde_json::to_value(deployment)?;
    let place = deployment_place(&body["id"]);
    body["spec"] = vault.seal(&place, &body["spec"].to_string()).into();
    Ok(body.to_string())
}

pub(super) fn read_deployment(vault: &Vault, text: &str) -> Result<Deployment, StoreError> {
    let mut body: Value = serde_json::from_str(text)?;
    if let Some(sealed) = body["spec"].as_str() {
        body["spec"] = serde_json::from_str(&unseal(vault, &deployment_place(&body["id"]), sealed)?)?;
    }
    Ok(serde_json::from_value(body)?)
}
