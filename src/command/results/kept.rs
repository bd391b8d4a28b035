//! One result in the results queue: what is known of it, without what it says about a person.

use crate::broker::{Message, REPLY_TO};
use crate::domain::failure::{MAX_CODE_BYTES, cut};
use jiff::Timestamp;
use serde::Deserialize;

const UNKNOWN: &str = "unknown";
/// The most bytes that an id or a queue may have.
const MAX_NAME_BYTES: usize = 255;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptResult {
    pub(super) job_id: Option<String>,
    pub(super) status: String,
    /// The verdict; where there is none, stage and code of the error.
    pub(super) outcome: String,
    pub(super) verdict: Option<String>,
    /// For whom the job was: as it said, else its bucket.
    pub(super) submitter: Option<String>,
    /// The reply queue that did not take it.
    pub(super) reply_to: Option<String>,
    pub(super) finished: Option<Timestamp>,
}

/// The part of the body that is read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    job_id: Option<String>,
    status: Option<String>,
    verdict: Option<String>,
    submitter: Option<String>,
    error: Option<BodyError>,
    image: Option<BodyImage>,
    finished: Option<Timestamp>,
}

#[derive(Deserialize)]
struct BodyError {
    stage: String,
    code: String,
}

#[derive(Deserialize)]
struct BodyImage {
    bucket: Option<String>,
}

impl KeptResult {
    pub(super) fn of(message: &Message) -> Self {
        let properties = &message.properties;
        // What is no result of ours is listed all the same.
        let body: Body = serde_json::from_slice(&message.body).unwrap_or_default();
        let name = |text: String| cut(&text, MAX_NAME_BYTES).to_owned();
        let of_error = |error: BodyError| {
            let (stage, code) = (
                cut(&error.stage, MAX_CODE_BYTES),
                cut(&error.code, MAX_CODE_BYTES),
            );
            format!("{stage} {code}")
        };
        let verdict = body.verdict.map(name);
        let outcome = verdict.clone().or_else(|| body.error.map(of_error));
        let of_property = || i64::try_from(properties.timestamp?).ok();
        Self {
            job_id: body.job_id.map(name),
            status: body.status.map_or_else(|| UNKNOWN.to_owned(), name),
            outcome: outcome.unwrap_or_else(|| UNKNOWN.to_owned()),
            verdict,
            submitter: body
                .submitter
                .or_else(|| body.image.and_then(|image| image.bucket))
                .map(name),
            reply_to: properties.headers.text(REPLY_TO).map(name),
            finished: body
                .finished
                .or_else(|| Timestamp::from_second(of_property()?).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Properties;

    fn kept(body: &str, reply_to: Option<&str>) -> KeptResult {
        let mut properties = Properties {
            timestamp: Some(1_700_000_000),
            ..Properties::default()
        };
        if let Some(reply_to) = reply_to {
            properties.headers.set_text(REPLY_TO, reply_to);
        }
        KeptResult::of(&Message {
            body: body.to_owned().into(),
            properties,
        })
    }

    #[test]
    fn a_result_is_known_by_its_job_its_outcome_and_where_it_should_have_gone() {
        let read = kept(
            r#"{"schema":"invoice.result/1","job_id":"CLM-1","status":"completed","verdict":"genuine","error":null,
                "image":{"bucket":"claims","key":"a"},"finished":"2026-11-22T12:00:00Z","recognition":{"invoice":{}}}"#,
            Some("claims.replies"),
        );
        assert_eq!(
            read,
            KeptResult {
                job_id: Some("CLM-1".into()),
                status: "completed".into(),
                outcome: "genuine".into(),
                verdict: Some("genuine".into()),
                submitter: Some("claims".into()),
                reply_to: Some("claims.replies".into()),
                finished: Some("2026-11-22T12:00:00Z".parse().unwrap()),
            }
        );
        let failed = kept(
            r#"{"job_id":null,"status":"invalid_job","submitter":"north","error":{"stage":"image","code":"image.corrupt"},"image":{"bucket":"b"}}"#,
            None,
        );
        assert_eq!(
            (failed.outcome.as_str(), failed.submitter.as_deref()),
            ("image image.corrupt", Some("north"))
        );
        assert_eq!(failed.finished.unwrap().as_second(), 1_700_000_000);
    }

    #[test]
    fn what_is_no_result_is_unknown_and_nothing_grows_without_bound() {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"job_id":7,"status":"completed"}"#,
        ] {
            let read = kept(body, None);
            assert_eq!(
                (read.status.as_str(), read.outcome.as_str(), read.job_id),
                (UNKNOWN, UNKNOWN, None),
                "{body}"
            );
        }
        let long = kept(
            &format!(
                r#"{{"job_id":"{0}","error":{{"stage":"{0}","code":"{0}"}}}}"#,
                "x".repeat(9_000)
            ),
            None,
        );
        assert_eq!(long.job_id.unwrap().len(), MAX_NAME_BYTES);
        assert!(long.outcome.len() <= 2 * MAX_CODE_BYTES + 1);
    }
}
