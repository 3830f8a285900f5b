//! Whole manifests in, whole results out.
