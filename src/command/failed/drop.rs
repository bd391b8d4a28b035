//! `failed drop`: copies are taken out of the queue for good, and kept in a file first where one is
//! named.

use super::job::FailedJob;
use super::kept_file::KeptFile;
use super::removal::Removal;
use crate::broker::Message;
use crate::command::terminal::plain;
use std::io::Write;
use std::path::PathBuf;

#[derive(Default)]
pub(super) struct DropForGood {
    path: Option<PathBuf>,
    file: Option<KeptFile>,
}

impl DropForGood {
    pub(super) fn keeping(path: Option<PathBuf>) -> Self {
        Self { path, file: None }
    }
}

impl Removal for DropForGood {
    const IS_FOR_GOOD: bool = true;
    const DONE: &'static str = "dropped";
    const AFTER_A_LOSS: &'static str = "the last one may still be there, and can be dropped again";

    fn intent(&self, copies: u32) -> String {
        format!("drop {copies} for good")
    }

    async fn prepare(&mut self) -> anyhow::Result<()> {
        if let Some(path) = &self.path {
            self.file = Some(KeptFile::create(path).await?);
        }
        Ok(())
    }

    async fn secure(&mut self, job: &FailedJob, message: &Message, _: &str) -> anyhow::Result<()> {
        match &mut self.file {
            Some(file) => file.add(job, message).await,
            None => Ok(()),
        }
    }

    /// Names each copy that is gone.
    fn report(&self, job: &FailedJob) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        match &job.job_id {
            Some(job_id) => writeln!(out, "{}", plain(job_id)),
            None => writeln!(out, "(a job without a readable id, run {})", job.run),
        }
    }
}
