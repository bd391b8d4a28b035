//! A job as the user writes it: the contract's JSON, or with `image.file` in the place of
//! `image.key`.

use crate::domain::job::Job;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use std::path::PathBuf;

type Fields = BTreeMap<String, Box<RawValue>>;

/// The key of a file that is not uploaded yet, as long as any key that it may get.
const KEY_TO_COME: &str =
    "submitted/0000000000000000000000000000000000000000000000000000000000000000.12345678";

/// A job that a worker would take, once its file is in the store.
pub(super) struct JobDraft {
    text: String,
    fields: Fields,
    /// The fields of `image` beside `file`.
    image: Fields,
    /// The local file that has to be uploaded; `None` where the image is in the store already.
    pub(super) file: Option<PathBuf>,
}

impl JobDraft {
    /// Reads one line of a JSONL file. `message_id` is the one that its message will have.
    ///
    /// # Errors
    /// What a worker would refuse, without repeating a value.
    pub(super) fn read(text: &str, message_id: &str, max_bytes: usize) -> Result<Self, String> {
        let text = text.trim();
        let nothing_to_upload = || Self {
            text: text.to_owned(),
            fields: Fields::new(),
            image: Fields::new(),
            file: None,
        };
        let draft = with_file(text)?.map_or_else(nothing_to_upload, |(fields, image, file)| Self {
            text: String::new(),
            fields,
            image,
            file: Some(file),
        });
        let body = draft.body("bucket", KEY_TO_COME);
        if body.len() > max_bytes {
            return Err(format!(
                "the job is larger than {max_bytes} bytes, the limit set by worker.max_job_bytes"
            ));
        }
        match Job::parse(body.as_bytes(), Some(message_id)) {
            Ok(_) => Ok(draft),
            Err(rejected) => Err(format!(
                "{}: {}",
                rejected.failure.code, rejected.failure.message
            )),
        }
    }

    /// The body of the message: as it was written, or with the place where the file lies now.
    pub(super) fn body(&self, bucket: &str, key: &str) -> String {
        if self.file.is_none() {
            return self.text.clone();
        }
        let mut image: BTreeMap<&str, &RawValue> = self
            .image
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_ref()))
            .collect();
        let (bucket, key) = (raw(bucket), raw(key));
        image.insert("bucket", &bucket);
        image.insert("key", &key);
        let image = raw(&image);
        let mut fields: BTreeMap<&str, &RawValue> = self
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_ref()))
            .collect();
        fields.insert("image", &image);
        raw(&fields).get().to_owned()
    }
}

/// The fields of the job, those of its image, and the file that the image names; `None` where it
/// names none. What cannot be read here is left to the worker's own parser, which says why.
fn with_file(text: &str) -> Result<Option<(Fields, Fields, PathBuf)>, String> {
    let Ok(fields) = serde_json::from_str::<Fields>(text) else {
        return Ok(None);
    };
    let image = fields
        .get("image")
        .and_then(|image| serde_json::from_str::<Fields>(image.get()).ok());
    let Some(mut image) = image else {
        return Ok(None);
    };
    let Some(file) = image.remove("file") else {
        return Ok(None);
    };
    let file: String =
        serde_json::from_str(file.get()).map_err(|_| "image.file is not text".to_owned())?;
    for other in ["bucket", "key", "url", "version_id"] {
        if image.contains_key(other) {
            return Err(format!(
                "image.file stands in the place of image.{other}; give one"
            ));
        }
    }
    Ok(Some((fields, image, PathBuf::from(file))))
}

fn raw(value: &(impl serde::Serialize + ?Sized)) -> Box<RawValue> {
    // Cannot fail: every key is text and every value is JSON already.
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 1 << 20;

    #[test]
    fn a_job_without_a_file_is_sent_as_it_is_written() {
        let line =
            " {\"job_id\": \"1\",  \"image\": {\"key\": \"a\"}, \"metadata\": {\"b\": 2.50}} ";
        let draft = JobDraft::read(line, "m", ROOM).ok().unwrap();
        assert_eq!(draft.file, None);
        assert_eq!(draft.body("x", "y"), line.trim());
    }

    #[test]
    fn a_file_becomes_bucket_and_key_and_the_rest_stays_to_the_letter() {
        let line =
            r#"{"metadata": {"z":1,"a": 2.50}, "image": {"page": 2, "file": "scans/a.tiff"}}"#;
        let draft = JobDraft::read(line, "m", ROOM).ok().unwrap();
        assert_eq!(draft.file.as_deref(), Some("scans/a.tiff".as_ref()));
        assert_eq!(
            draft.body("claims", "k\"ey"),
            r#"{"image":{"bucket":"claims","key":"k\"ey","page":2},"metadata":{"z":1,"a": 2.50}}"#
        );
    }

    #[test]
    fn what_a_worker_would_refuse_is_refused_before_it_is_sent() {
        for (line, says) in [
            ("", "job.malformed"),
            ("{", "job.malformed"),
            ("[]", "job.malformed"),
            (r#"{"job_id": "1"}"#, "image is missing"),
            (r#"{"image": {"key": ""}}"#, "neither key nor url"),
            (r#"{"image": {"file": 7}}"#, "image.file is not text"),
            (
                r#"{"image": {"file": "a", "key": "b"}}"#,
                "in the place of image.key",
            ),
            (
                r#"{"image": {"file": "a"}, "verify": "yes"}"#,
                "verify is neither true nor false",
            ),
            (
                r#"{"schema": "invoice.job/9", "image": {"key": "a"}}"#,
                "job.unsupported_version",
            ),
        ] {
            let problem = JobDraft::read(line, "m", ROOM).err().unwrap();
            assert!(problem.contains(says), "{line}: {problem}");
        }
        let long = format!(r#"{{"image": {{"key": "{}"}}}}"#, "a".repeat(900));
        assert!(JobDraft::read(&long, "m", ROOM).is_ok());
        let problem = JobDraft::read(&long, "m", 800).err().unwrap();
        assert!(problem.contains("worker.max_job_bytes"), "{problem}");
    }
}
