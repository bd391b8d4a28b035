//! What arrives on the submission's reply queue.

use crate::broker::Message;
use crate::command::terminal;
use crate::domain::result::Status;
use jiff::Timestamp;
use serde::Deserialize;

/// A message of the reply queue, which others may write to as well.
#[derive(Debug, PartialEq)]
pub(super) enum Arrival {
    Result {
        message_id: String,
        status: Status,
        /// The result in one line.
        line: String,
    },
    Parked {
        job_id: String,
        code: String,
        until: Timestamp,
    },
    /// It is none of a worker's.
    Foreign,
}

#[derive(Deserialize)]
struct AnsweredStatus {
    status: Status,
}

#[derive(Deserialize)]
struct ParkedNotice {
    job_id: String,
    code: String,
    next_attempt_at: Timestamp,
}

impl Arrival {
    pub(super) fn read(message: &Message) -> Self {
        let body = &message.body;
        let read = match message.properties.kind.as_deref() {
            Some("invoice.result") => Self::result(message),
            Some("invoice.progress") => {
                serde_json::from_slice(body)
                    .ok()
                    .map(|notice: ParkedNotice| Self::Parked {
                        job_id: notice.job_id,
                        code: notice.code,
                        until: notice.next_attempt_at,
                    })
            }
            _ => None,
        };
        read.unwrap_or(Self::Foreign)
    }

    fn result(message: &Message) -> Option<Self> {
        let answered: AnsweredStatus = serde_json::from_slice(&message.body).ok()?;
        let text = std::str::from_utf8(&message.body).ok()?;
        Some(Self::Result {
            message_id: message.properties.correlation_id.clone()?,
            status: answered.status,
            line: terminal::json_line(text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: &str, id: Option<&str>, body: &str) -> Message {
        let mut message = Message::json(kind, body.to_owned());
        message.properties.correlation_id = id.map(str::to_owned);
        message
    }

    #[test]
    fn a_result_is_one_line_and_what_is_none_is_foreign() {
        let body = "{\"status\": \"completed\",\n\"metadata\": {\"a\": \"b\\n\"}}";
        assert_eq!(
            Arrival::read(&message("invoice.result", Some("7"), body)),
            Arrival::Result {
                message_id: "7".into(),
                status: Status::Completed,
                line: "{\"status\": \"completed\", \"metadata\": {\"a\": \"b\\n\"}}".into(),
            }
        );
        let parked = r#"{"job_id": "j", "code": "316", "next_attempt_at": "1970-01-01T00:00:00Z"}"#;
        assert_eq!(
            Arrival::read(&message("invoice.progress", None, parked)),
            Arrival::Parked {
                job_id: "j".into(),
                code: "316".into(),
                until: Timestamp::UNIX_EPOCH,
            }
        );
        for foreign in [
            message("invoice.result", None, body),
            message("invoice.result", Some("7"), "{\"status\": \"fine\"}"),
            message("invoice.result", Some("7"), "\u{fe}"),
            message("invoice.progress", Some("7"), "{}"),
            message("invoice.job", Some("7"), body),
        ] {
            assert_eq!(Arrival::read(&foreign), Arrival::Foreign, "{foreign:?}");
        }
    }
}
