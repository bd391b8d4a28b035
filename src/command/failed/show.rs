//! `failed show`: one copy, with what a person needs who decides what becomes of it. The body is not
//! shown, except for where the image is.

use super::job::{self, FailedJob};
use super::reason::Effort;
use crate::broker::Message;
use crate::command::ages::age;
use crate::command::terminal::{hanging, plain, plain_lines};
use crate::domain::job::ImageRef;
use jiff::Timestamp;
use std::io::{self, Write};
use url::Url;

const LABEL_WIDTH: usize = 14;

pub(super) fn write(
    out: &mut impl Write,
    job: &FailedJob,
    message: &Message,
    now: Timestamp,
    columns: usize,
) -> io::Result<()> {
    let (reason, properties) = (&job.reason, &message.properties);
    writeln!(
        out,
        "{}",
        job.job_id
            .as_deref()
            .map_or_else(|| "(a job without a readable id)".to_owned(), plain)
    )?;
    let mut line = |label: &str, text: String| {
        let lead = format!("  {label:<LABEL_WIDTH$}");
        writeln!(out, "{}", hanging(&lead, &text, columns))
    };
    let named = |text: &Option<String>| text.as_deref().map_or_else(|| "none".to_owned(), plain);
    line("Run", job.run.clone())?;
    if let Some(queue) = &job.queue {
        line("Queue", plain(queue))?;
    }
    line("Status", reason.status.as_str().to_owned())?;
    line(
        "Error",
        format!(
            "{} {}: {}",
            plain(&reason.stage),
            plain(&reason.code),
            plain(&reason.message)
        ),
    )?;
    let effort =
        |render: fn(Effort) -> String| reason.effort.map_or_else(|| "unknown".to_owned(), render);
    line("Attempts", effort(|effort| effort.attempts.to_string()))?;
    line(
        "Calls",
        effort(|effort| format!("{}, of which {} paid", effort.calls, effort.billed)),
    )?;
    line(
        "Failed",
        reason.at.map_or_else(
            || "at an unknown time".to_owned(),
            |at| format!("{at:.0} ({} ago)", age(at, now)),
        ),
    )?;
    line("Reply to", named(&properties.reply_to))?;
    line("Correlation", named(&properties.correlation_id))?;
    line("Image", image(message))
}

/// The body as it is where it is text, or else with its bytes spelled out.
pub(super) fn write_body(out: &mut impl Write, message: &Message) -> io::Result<()> {
    writeln!(
        out,
        "  {:<LABEL_WIDTH$}{} bytes",
        "Body",
        message.body.len()
    )?;
    match std::str::from_utf8(&message.body) {
        Ok(text) => writeln!(out, "{}", plain_lines(text)),
        Err(_) => writeln!(out, "{}", message.body.escape_ascii()),
    }
}

fn image(message: &Message) -> String {
    match job::read(message).map(|job| job.image) {
        Ok(ImageRef::Object {
            bucket,
            key,
            version_id,
        }) => {
            let location = match bucket {
                Some(bucket) => format!("s3://{bucket}/{key}"),
                None => format!("{key} in storage.bucket"),
            };
            plain(&version_id.map_or(location.clone(), |version| {
                format!("{location}, version {version}")
            }))
        }
        Ok(ImageRef::Url(url)) => plain(&without_secrets(url)),
        Err(_) => "none that can be read".to_owned(),
    }
}

/// A query may carry a signature, the rest of the authority a password.
fn without_secrets(mut url: Url) -> String {
    url.set_query(None);
    url.set_fragment(None);
    // Refused only where there is no host, which the job's parser does not let through.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{FAILURE, Properties};

    const FAILED: &str = r#"{"job_id":"CLM-1","status":"undetermined","calls":9,"billed":8,"at":"2026-11-22T09:10:11.123Z",
        "error":{"stage":"verification","code":"316","message":"in maintenance","attempts":7}}"#;

    fn message(body: &str, failure: Option<&str>) -> Message {
        let text = |text: &str| Some(text.to_owned());
        let mut properties = Properties {
            reply_to: text("replies"),
            correlation_id: text("\u{1b}[2J42"),
            ..Properties::default()
        };
        if let Some(failure) = failure {
            properties.headers.set_text(FAILURE, failure);
        }
        Message {
            body: body.to_owned().into(),
            properties,
        }
    }

    fn shown(message: &Message) -> String {
        let mut out = Vec::new();
        write(
            &mut out,
            &FailedJob::of(message),
            message,
            "2026-11-22T12:00:00Z".parse().unwrap(),
            80,
        )
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_there_is_to_know_is_shown_and_nothing_of_the_metadata() {
        let body = r#"{"job_id":"CLM-1","image":{"bucket":"claims","key":"a.jpg","version_id":"7"},"metadata":{"name":"patient"}}"#;
        insta::assert_snapshot!(shown(&message(body, Some(FAILED))), @r"
        CLM-1
          Run           3386235a36cf575ae4cc1b1d2d889eb79968e7d89224dc24178d9e14e1c82f53
          Status        undetermined
          Error         verification 316: in maintenance
          Attempts      7
          Calls         9, of which 8 paid
          Failed        2026-11-22T09:10:11Z (2h 49m ago)
          Reply to      replies
          Correlation   \u{1b}[2J42
          Image         s3://claims/a.jpg, version 7
        ");
    }

    #[test]
    fn a_copy_without_a_reason_is_shown_all_the_same() {
        insta::assert_snapshot!(shown(&message("not JSON", None)), @r"
        (a job without a readable id)
          Run           35290759e9f9e213cb17b2f6f2631454864bebabcc75e06cc918ff0677aaf698
          Status        unknown
          Error         unknown unexplained: neither the worker nor the broker says why;
                        it may have been put here by hand
          Attempts      unknown
          Calls         unknown
          Failed        at an unknown time
          Reply to      replies
          Correlation   \u{1b}[2J42
          Image         none that can be read
        ");
    }

    #[test]
    fn an_image_is_named_without_what_may_be_secret() {
        for (image, told) in [
            (r#"{"key":"a.jpg"}"#, "a.jpg in storage.bucket"),
            (r#"{"bucket":"b","key":"2026/a.jpg"}"#, "s3://b/2026/a.jpg"),
            (
                r#"{"url":"https://me:secret@store.example/a.jpg?signature=secret#secret"}"#,
                "https://store.example/a.jpg",
            ),
            (r"{}", "none that can be read"),
        ] {
            let body = format!(r#"{{"job_id":"CLM-1","image":{image}}}"#);
            assert_eq!(super::image(&message(&body, None)), told);
        }
    }

    #[test]
    fn a_body_is_shown_as_text_or_spelled_out() {
        for (body, told) in [
            (
                &b"{\n \"a\": \"\x1b\"}"[..],
                "  Body          12 bytes\n{\n \"a\": \"\\u{1b}\"}\n",
            ),
            (&b"\xff\x00a"[..], "  Body          3 bytes\n\\xff\\x00a\n"),
        ] {
            let mut out = Vec::new();
            write_body(
                &mut out,
                &Message {
                    body: body.into(),
                    properties: Properties::default(),
                },
            )
            .unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), told);
        }
    }
}
