//! The folder of secrets beside a new configuration: one file each, which only their owner can
//! read.

use crate::settings::secret::TO_BE_REPLACED;
use anyhow::Context;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// A file of the folder.
pub(super) struct SecretFile {
    pub(super) name: &'static str,
    pub(super) content: String,
}

impl SecretFile {
    pub(super) fn new(name: &'static str, content: impl Into<String>) -> Self {
        Self {
            name,
            content: content.into(),
        }
    }

    pub(super) fn is_to_be_replaced(&self) -> bool {
        self.content == TO_BE_REPLACED
    }
}

/// Writes the files that are not there yet, and returns the names of those. What is there is never
/// written over: it may be the only copy of a secret.
pub(super) fn write_missing(
    folder: &Path,
    files: &[SecretFile],
) -> anyhow::Result<Vec<&'static str>> {
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let mut written = Vec::new();
    for file in files {
        let path = folder.join(file.name);
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match opened {
            Ok(mut opened) => {
                writeln!(opened, "{}", file.content)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                written.push(file.name);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot write {}", path.display()));
            }
        }
    }
    Ok(written)
}
