//! `failed drop --to FILE`: the copies that are taken out of the queue, one line of JSON each.
//!
//! A line is on the disk before its copy is acknowledged. So what was interrupted may be in the
//! file and in the queue, never in neither.

use super::job::FailedJob;
use crate::broker::Message;
use anyhow::Context;
use serde_json::json;
use std::path::{Path, PathBuf};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

const SCHEMA: &str = "invoice.failed_copy/1";
/// It holds personal data.
const OWNER_ONLY: u32 = 0o600;

#[derive(Debug)]
pub(super) struct KeptFile {
    file: File,
    path: PathBuf,
}

impl KeptFile {
    /// Creates the file. One that exists is left as it is: it may hold copies that were dropped before.
    pub(super) async fn create(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(OWNER_ONLY)
            .open(path)
            .await;
        let file = file.with_context(|| {
            format!(
                "nothing was dropped: {shown} cannot be made; name a file that is not there yet"
            )
        })?;
        // The file's name has to outlast a power failure, too.
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let made = File::open(folder).await;
        if let Ok(folder) = made {
            folder
                .sync_all()
                .await
                .with_context(|| format!("nothing was dropped: {shown} cannot be made to last"))?;
        }
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    pub(super) async fn add(&mut self, job: &FailedJob, message: &Message) -> anyhow::Result<()> {
        let mut line = json!({
            "schema": SCHEMA,
            "job_id": job.job_id,
            "run": job.run,
            "status": job.reason.status.as_str(),
            "stage": job.reason.stage,
            "code": job.reason.code,
            "failed_at": job.reason.at.map(|at| at.to_string()),
        });
        if let (Some(line), serde_json::Value::Object(message)) =
            (line.as_object_mut(), message.to_json())
        {
            line.extend(message);
        }
        let line = format!("{line}\n");
        let written = async {
            self.file.write_all(line.as_bytes()).await?;
            self.file.flush().await?;
            self.file.sync_data().await
        };
        written.await.with_context(|| {
            let shown = self.path.display();
            format!("{shown} cannot be written, and its last line may be cut; the copy that it was about is still in the queue")
        })
    }
}
