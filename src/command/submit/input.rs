//! The jobs of the command line: the images that it names, then the lines of the file. They are
//! read twice, and never held all at once.

use super::batch::JobBatch;
use super::draft::JobDraft;
use crate::domain::failure::cut;
use anyhow::Context;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::{Path, PathBuf};

const MAX_JOB_ID_BYTES: usize = 200;

pub(super) struct JobInput {
    images: Vec<String>,
    jobs: Option<PathBuf>,
    /// The longest line, in bytes.
    max_line: usize,
}

/// One job, where it was written.
pub(super) struct JobLine {
    pub(super) place: String,
    pub(super) message_id: String,
    pub(super) text: String,
    /// The folder in which the files that it names are looked for.
    folder: PathBuf,
}

impl JobInput {
    pub(super) fn new(images: Vec<String>, jobs: Option<PathBuf>, max_job_bytes: usize) -> Self {
        Self {
            images,
            jobs,
            // A line may name a file with a longer path than its key will be.
            max_line: max_job_bytes.saturating_add(4096),
        }
    }

    /// The jobs in their order, each with the id of its message.
    pub(super) fn lines(&self, batch: &JobBatch) -> anyhow::Result<JobLines> {
        let open = |path: &PathBuf| {
            let file =
                File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
            anyhow::Ok(LongestLines::new(file, self.max_line).lines())
        };
        let jobs = self.jobs.clone();
        Ok(JobLines {
            images: self.images.clone().into_iter(),
            lines: jobs.as_ref().map(open).transpose()?,
            jobs: jobs.unwrap_or_default(),
            number: 0,
            occurrences: HashMap::new(),
            batch: batch.clone(),
        })
    }
}

pub(super) struct JobLines {
    images: std::vec::IntoIter<String>,
    lines: Option<Lines<LongestLines>>,
    jobs: PathBuf,
    number: u64,
    /// How often each text was met.
    occurrences: HashMap<[u8; 32], u32>,
    batch: JobBatch,
}

impl Iterator for JobLines {
    type Item = anyhow::Result<JobLine>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(image) = self.images.next() {
            let job = job_of(&image);
            return Some(Ok(self.named(image, &job, PathBuf::new())));
        }
        loop {
            let line = self.lines.as_mut()?.next()?;
            self.number += 1;
            let place = format!("{} line {}", self.jobs.display(), self.number);
            match line.with_context(|| format!("{place} cannot be read")) {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => {
                    let folder = self.jobs.parent().unwrap_or(Path::new("")).to_owned();
                    return Some(Ok(self.named(place, &text, folder)));
                }
                Err(error) => {
                    self.lines = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl JobLines {
    fn named(&mut self, place: String, text: &str, folder: PathBuf) -> JobLine {
        let text = text.trim_start_matches('\u{feff}').to_owned();
        let met = self
            .occurrences
            .entry(Sha256::digest(text.trim()).into())
            .or_default();
        let message_id = self.batch.message_id(&text, *met);
        *met += 1;
        JobLine {
            place,
            message_id,
            text,
            folder,
        }
    }
}

impl JobLine {
    pub(super) fn draft(&self, max_bytes: usize) -> Result<JobDraft, String> {
        JobDraft::read(&self.text, &self.message_id, max_bytes)
    }

    /// The file of this job's image, by a path from the working directory.
    pub(super) fn path(&self, file: &Path) -> PathBuf {
        self.folder.join(file)
    }
}

/// The job about an image that the command line names; its id is what was typed.
fn job_of(image: &str) -> String {
    let place = match image.strip_prefix("s3://") {
        Some(location) => {
            let (bucket, key) = location.split_once('/').unwrap_or((location, ""));
            json!({ "bucket": bucket, "key": key })
        }
        None => json!({ "file": image }),
    };
    json!({ "job_id": cut(image, MAX_JOB_ID_BYTES), "image": place }).to_string()
}

/// Refuses a line that is longer than any job, so that a device or a film given by mistake is not
/// read into memory.
struct LongestLines {
    file: BufReader<File>,
    max: usize,
    /// Bytes since the last line break.
    length: usize,
}

impl LongestLines {
    fn new(file: File, max: usize) -> Self {
        Self {
            file: BufReader::new(file),
            max,
            length: 0,
        }
    }
}

impl Read for LongestLines {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.file.read(buffer)
    }
}

impl BufRead for LongestLines {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.length > self.max {
            let problem = format!("it is longer than {} bytes", self.max);
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                problem,
            ));
        }
        self.file.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        let passed = &self.file.buffer()[..amount];
        self.length = match passed.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => amount - end - 1,
            None => self.length + amount,
        };
        self.file.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::Replies;
    use super::*;
    use crate::randomness::Randomness;
    use jiff::Timestamp;

    fn read(images: &[&str], jobs: &str, max: usize) -> Vec<anyhow::Result<JobLine>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.jsonl");
        std::fs::write(&path, jobs).unwrap();
        let images = images.iter().map(ToString::to_string).collect();
        let batch = JobBatch::begin(
            "jobs",
            Replies::ResultsQueue,
            Timestamp::UNIX_EPOCH,
            &Randomness::seeded(1),
        );
        let input = JobInput::new(images, Some(path), max);
        input.lines(&batch).unwrap().collect()
    }

    #[test]
    fn images_come_first_and_each_line_has_its_place_and_an_id_of_its_own() {
        let jobs = "\u{feff}{\"image\": {\"key\": \"a\"}}\r\n\n{\"image\": {\"key\": \"a\"}}\n{}";
        let lines = read(&["a.jpg", "s3://claims/2026/b.jpg"], jobs, 1000);
        let lines: Vec<JobLine> = lines.into_iter().map(Result::unwrap).collect();
        let texts: Vec<&str> = lines.iter().map(|line| line.text.trim()).collect();
        assert_eq!(
            texts,
            [
                r#"{"image":{"file":"a.jpg"},"job_id":"a.jpg"}"#,
                r#"{"image":{"bucket":"claims","key":"2026/b.jpg"},"job_id":"s3://claims/2026/b.jpg"}"#,
                r#"{"image": {"key": "a"}}"#,
                r#"{"image": {"key": "a"}}"#,
                "{}",
            ]
        );
        assert!(
            lines[3].place.ends_with("jobs.jsonl line 3"),
            "{}",
            lines[3].place
        );
        let mut ids: Vec<&str> = lines.iter().map(|line| line.message_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 5);
    }

    #[test]
    fn a_line_without_an_end_is_not_read_into_memory() {
        let lines = read(&[], &format!("{{}}\n{}", "x".repeat(100_000)), 10);
        assert_eq!(lines.len(), 2);
        let error = format!("{:#}", lines.into_iter().nth(1).unwrap().err().unwrap());
        assert!(
            error.contains("line 2") && error.contains("longer than"),
            "{error}"
        );
    }
}
