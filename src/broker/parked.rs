//! The headers that a parked job travels with, under one seal that is bound to its run.
//!
//! Any submitter can publish to the queues and add any header. These headers are read only if a
//! worker with the same key wrote them for this very message; a message without a valid seal counts
//! as new. A copy of a parked message is as valid as the original: it can bring a run back to an
//! earlier state, which costs what a resubmission costs.

use super::copies::{NOT_BEFORE, PROGRESS, SEAL, SUSPECT, without_broker_headers};
use super::message::Message;
use super::run_id::run_id;
use crate::seal::{SealKind, Sealer};

/// The state of a run that travels with its parked job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedState {
    /// JSON text: the calls that were made and paid for, and how often each step was taken.
    pub progress: String,
    /// Milliseconds since the epoch before which the job is not tried.
    pub not_before_ms: u64,
    /// How often a job that may have killed its worker died while it ran alone; `None` for a job
    /// without that suspicion.
    pub deaths: Option<u32>,
}

/// The state that the headers of a message carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParkedHeaders {
    /// The job was never parked.
    None,
    /// Some headers are present without a valid seal, and are ignored.
    Refused,
    Valid(ParkedState),
}

/// The message for a delay queue: the unchanged body with the submitter's properties and headers,
/// and the sealed state.
pub fn parked_copy(message: &Message, state: &ParkedState, sealer: &Sealer) -> Message {
    let mut copy = without_broker_headers(message);
    let headers = &mut copy.properties.headers;
    headers.set_text(PROGRESS, &state.progress);
    headers.set_number(
        NOT_BEFORE,
        i64::try_from(state.not_before_ms).unwrap_or(i64::MAX),
    );
    match state.deaths {
        Some(deaths) => headers.set_number(SUSPECT, deaths.into()),
        None => headers.remove(SUSPECT),
    }
    let seal = with_parts(message, state, |parts| {
        sealer.seal(SealKind::Progress, parts)
    });
    copy.properties.headers.set_text(SEAL, &seal);
    copy
}

/// Reads the headers that [`parked_copy`] wrote.
pub fn read_parked_headers(message: &Message, sealer: &Sealer) -> ParkedHeaders {
    let headers = &message.properties.headers;
    if ![PROGRESS, NOT_BEFORE, SUSPECT, SEAL]
        .iter()
        .any(|name| headers.contains(name))
    {
        return ParkedHeaders::None;
    }
    let read = || {
        let not_before_ms = u64::try_from(headers.number(NOT_BEFORE)?).ok()?;
        let deaths = if headers.contains(SUSPECT) {
            Some(u32::try_from(headers.number(SUSPECT)?).ok()?)
        } else {
            None
        };
        let state = ParkedState {
            progress: headers.text(PROGRESS)?,
            not_before_ms,
            deaths,
        };
        let seal = headers.text(SEAL)?;
        with_parts(message, &state, |parts| {
            sealer.accepts(SealKind::Progress, parts, &seal)
        })
        .then_some(state)
    };
    read().map_or(ParkedHeaders::Refused, ParkedHeaders::Valid)
}

fn with_parts<T>(message: &Message, state: &ParkedState, seal: impl FnOnce(&[&[u8]]) -> T) -> T {
    let not_before = state
        .not_before_ms
        .min(i64::MAX.unsigned_abs())
        .to_be_bytes();
    let deaths = state.deaths.map(u32::to_be_bytes);
    seal(&[
        run_id(message).as_bytes(),
        state.progress.as_bytes(),
        &not_before,
        // `None` is sealed as an empty part.
        deaths.as_ref().map_or(&[], <[u8; 4]>::as_slice),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::message::Properties;
    use crate::broker::{FAILURE, Headers, REPLAY, failed_copy, fit_to_frame, replay_copy};
    use crate::seal::SealKey;
    use bytes::Bytes;

    fn sealer() -> Sealer {
        Sealer::new(SealKey::of("key"), None)
    }

    fn job(body: &'static str) -> Message {
        let mut headers = Headers::default();
        headers.set_text("x-caller", "kept");
        let properties = Properties {
            message_id: Some("m".into()),
            reply_to: Some("replies".into()),
            headers,
            ..Properties::default()
        };
        Message {
            body: Bytes::from_static(body.as_bytes()),
            properties,
        }
    }

    fn state(deaths: Option<u32>) -> ParkedState {
        ParkedState {
            progress: "{\"n\":1}".into(),
            not_before_ms: 1_800_000_000_000,
            deaths,
        }
    }

    #[test]
    fn a_parked_job_is_read_by_workers_with_the_same_key() {
        for state in [
            state(None),
            state(Some(0)),
            state(Some(u32::MAX)),
            ParkedState {
                not_before_ms: i64::MAX.unsigned_abs(),
                ..state(None)
            },
        ] {
            let waiting = parked_copy(&job("{}"), &state, &sealer());
            assert_eq!(
                read_parked_headers(&waiting, &sealer()),
                ParkedHeaders::Valid(state.clone())
            );
            assert_eq!(
                read_parked_headers(&waiting, &Sealer::new(SealKey::of("another"), None)),
                ParkedHeaders::Refused
            );
            let plain =
                fit_to_frame(waiting.clone(), 0, &[PROGRESS, NOT_BEFORE, SUSPECT, SEAL]).message;
            assert_eq!(
                read_parked_headers(&plain, &sealer()),
                ParkedHeaders::Valid(state),
                "without what is foreign"
            );
        }
        assert_eq!(
            read_parked_headers(&job("{}"), &sealer()),
            ParkedHeaders::None
        );
    }

    #[test]
    fn parking_twice_replaces_what_was_there() {
        let twice = parked_copy(
            &parked_copy(&job("{}"), &state(Some(3)), &sealer()),
            &state(None),
            &sealer(),
        );
        assert_eq!(twice, parked_copy(&job("{}"), &state(None), &sealer()));
    }

    #[test]
    fn a_far_future_does_not_wrap() {
        let waiting = parked_copy(
            &job("{}"),
            &ParkedState {
                not_before_ms: u64::MAX,
                ..state(None)
            },
            &sealer(),
        );
        assert_eq!(
            waiting.properties.headers.number(NOT_BEFORE),
            Some(i64::MAX)
        );
        assert!(matches!(
            read_parked_headers(&waiting, &sealer()),
            ParkedHeaders::Valid(_)
        ));
    }

    #[test]
    fn any_change_of_a_parked_message_makes_it_a_new_message() {
        type Change = fn(&mut Message);
        let changes: [(&str, Change); 14] = [
            ("the body", |m| m.body = Bytes::from_static(b"{ }")),
            ("the reply queue", |m| {
                m.properties.reply_to = Some("mine".into());
            }),
            ("another run", |m| {
                m.properties.headers.set_text(REPLAY, "again");
            }),
            ("the progress", |m| {
                m.properties.headers.set_text(PROGRESS, "{\"n\":2}");
            }),
            ("no progress", |m| m.properties.headers.remove(PROGRESS)),
            ("a number for progress", |m| {
                m.properties.headers.set_number(PROGRESS, 1);
            }),
            ("due at once", |m| {
                m.properties.headers.set_number(NOT_BEFORE, 0);
            }),
            ("due before the epoch", |m| {
                m.properties.headers.set_number(NOT_BEFORE, -1);
            }),
            ("no time", |m| m.properties.headers.remove(NOT_BEFORE)),
            ("another death", |m| {
                m.properties.headers.set_number(SUSPECT, 2);
            }),
            ("no suspect", |m| m.properties.headers.remove(SUSPECT)),
            ("deaths that are none", |m| {
                m.properties.headers.set_text(SUSPECT, "1");
            }),
            ("no seal", |m| m.properties.headers.remove(SEAL)),
            ("another seal", |m| {
                m.properties.headers.set_text(SEAL, &"00".repeat(32));
            }),
        ];
        for (what, change) in changes {
            let mut message = parked_copy(&job("{}"), &state(Some(1)), &sealer());
            change(&mut message);
            assert_eq!(
                read_parked_headers(&message, &sealer()),
                ParkedHeaders::Refused,
                "{what}"
            );
        }
        let mut innocent = parked_copy(&job("{}"), &state(None), &sealer());
        innocent.properties.headers.set_number(SUSPECT, 0);
        assert_eq!(
            read_parked_headers(&innocent, &sealer()),
            ParkedHeaders::Refused,
            "an invented suspect"
        );
        for name in [PROGRESS, NOT_BEFORE, SUSPECT, SEAL] {
            let mut forged = job("{}");
            forged.properties.headers.set_number(name, 1);
            assert_eq!(
                read_parked_headers(&forged, &sealer()),
                ParkedHeaders::Refused,
                "{name} alone"
            );
        }
    }

    #[test]
    fn copies_for_people_and_new_runs_carry_none_of_it() {
        let waiting = parked_copy(&job("{}"), &state(Some(1)), &sealer());
        let failed = failed_copy(&waiting, "{}", 1 << 20);
        for copy in [&failed, &replay_copy(&failed, "r1")] {
            assert_eq!(read_parked_headers(copy, &sealer()), ParkedHeaders::None);
        }
        assert!(failed.properties.headers.contains(FAILURE));
    }
}
