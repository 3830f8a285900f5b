//! What a deploy brings besides its folder.

use std::io::Read;

use dormouse_api::Given;

use crate::unpack::UnpackError;

/// Most bytes of it: every file a manifest names, at a megabyte each, is far less.
const MOST: u32 = 64 << 20;

/// Read it off the body; the tar follows.
pub(crate) fn read(body: &mut impl Read) -> Result<Given, UnpackError> {
    let mut size = [0; 4];
    body.read_exact(&mut size).map_err(UnpackError::Broken)?;
    let size = u32::from_be_bytes(size);
    if size > MOST {
        return Err(UnpackError::TooMuch {
            what: "bytes of variables and manifests",
            limit: u64::from(MOST),
        });
    }
    let mut json = Vec::new();
    body.take(u64::from(size)).read_to_end(&mut json).map_err(UnpackError::Broken)?;
    serde_json::from_slice(&json).map_err(|e| UnpackError::Broken(e.into()))
}

/// In the manifest's own words.
pub(crate) fn meant(given: Given) -> dormouse_model::manifest::Given {
    let Given { base, manifests, profiles, env_files, variables, files } = given;
    dormouse_model::manifest::Given { base, manifests, profiles, env_files, variables, files }
}
