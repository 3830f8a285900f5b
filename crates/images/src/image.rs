//! Images: an ordered list of layers and a configuration, written down the way OCI does.
//!
//! The blobs have OCI's shape so that a registry can be grown on them, but a layer's digest is that of its
//! unpacked tree, with a media type of our own that says so; the tar and its digest are made when somebody pulls.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::LayerId;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const TREE: &str = "application/vnd.dormouse.layer.tree.v1";

/// An image, ready to be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Folders to stack, the uppermost first: the order of overlayfs' `lowerdir`.
    pub layers: Vec<PathBuf>,
    /// How to run it.
    pub config: ImageConfig,
}

/// How an image wants to be run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageConfig {
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// Command and its arguments; empty when the image has none.
    pub cmd: Vec<String>,
    /// Working folder; empty means `/`.
    pub workdir: String,
    /// TCP port it listens on, if it listens.
    pub port: Option<u16>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    schema_version: u32,
    media_type: String,
    pub(crate) config: Descriptor,
    /// Bottom first.
    layers: Vec<Descriptor>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    media_type: String,
    pub(crate) digest: String,
    size: u64,
}

impl Manifest {
    pub(crate) fn new(config_digest: String, config_size: u64, layers: &[(LayerId, u64)]) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            config: Descriptor { media_type: CONFIG.to_owned(), digest: config_digest, size: config_size },
            layers: layers
                .iter()
                .map(|(id, size)| Descriptor {
                    media_type: TREE.to_owned(),
                    digest: id.to_string(),
                    size: *size,
                })
                .collect(),
        }
    }

    /// Its layers, bottom first.
    pub(crate) fn layers(&self) -> Result<Vec<LayerId>, String> {
        if self.media_type != MANIFEST {
            return Err(format!("it is a {}, not an image manifest", self.media_type));
        }
        self.layers.iter().map(|l| l.digest.parse()).collect()
    }
}

/// OCI's image configuration, as far as we use it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ConfigBlob {
    architecture: String,
    os: String,
    config: RunConfig,
    rootfs: RootFs,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RunConfig {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: BTreeMap<String, BTreeMap<String, String>>,
    env: Vec<String>,
    cmd: Vec<String>,
    working_dir: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct RootFs {
    r#type: String,
    diff_ids: Vec<String>,
}

impl ConfigBlob {
    pub(crate) fn new(config: &ImageConfig, layers: &[LayerId]) -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self {
            architecture: architecture.to_owned(),
            os: "linux".to_owned(),
            config: RunConfig {
                exposed_ports: config.port.iter().map(|p| (format!("{p}/tcp"), BTreeMap::new())).collect(),
                env: config.env.iter().map(|(k, v)| format!("{k}={v}")).collect(),
                cmd: config.cmd.clone(),
                working_dir: config.workdir.clone(),
            },
            rootfs: RootFs {
                r#type: "layers".to_owned(),
                diff_ids: layers.iter().map(ToString::to_string).collect(),
            },
        }
    }

    pub(crate) fn into_config(self) -> ImageConfig {
        let port = self.config.exposed_ports.keys().find_map(|p| p.strip_suffix("/tcp")?.parse().ok());
        ImageConfig {
            env: self
                .config
                .env
                .iter()
                .map(|e| e.split_once('=').unwrap_or((e, "")))
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect(),
            cmd: self.config.cmd,
            workdir: self.config.working_dir,
            port,
        }
    }
}
