//! What a message brings with it: a parked job its past, any other message nothing.

use super::Worker;
use crate::broker::{Message, ParkedHeaders, ParkedState, SUSPECT, read_parked_headers, run_id};
use crate::domain::progress::Progress;
use crate::seal::SealKind;
use crate::telemetry::metric;
use jiff::Timestamp;

pub(super) struct Brought {
    pub(super) progress: Progress,
    /// The job comes back from being parked.
    pub(super) returned: bool,
    pub(super) not_before: Option<Timestamp>,
    /// Of a job that has to run alone, counted when it was last parked.
    pub(super) deaths: Option<u32>,
}

impl Worker {
    /// A message without a valid seal begins a run, whatever its headers say.
    pub(super) fn brought(&self, message: &Message) -> Brought {
        let (run, now) = (run_id(message), self.pipeline.retrier.clock.now());
        let state = match read_parked_headers(message, &self.sealer) {
            ParkedHeaders::Valid(state) => Some(state),
            ParkedHeaders::None => None,
            ParkedHeaders::Refused => {
                metric::seal_refused(SealKind::Progress);
                tracing::warn!(
                    job.run = run,
                    mend = "compare seal.key and seal.previous_key of all workers; if they are equal, a submitter sends headers of ours",
                    "a message says that it was parked and has no valid seal of ours: it begins a new run"
                );
                None
            }
        };
        let read =
            |state: ParkedState| Some((Progress::from_header(&state.progress, &run)?, state));
        if let Some((mut progress, state)) = state.and_then(read) {
            // Another worker's clock may be ahead of ours.
            progress.first_seen = progress.first_seen.min(now);
            let returned = !progress.untried;
            return Brought {
                progress,
                returned,
                not_before: not_before(&state),
                deaths: state.deaths,
            };
        }
        let mut progress = Progress::new(run, now);
        progress.expires = message
            .properties
            .expiration
            .and_then(|life| now.saturating_add(life).ok());
        Brought {
            progress,
            returned: false,
            not_before: None,
            deaths: None,
        }
    }

    /// Of a job that has to run alone: until when it waits.
    pub(super) fn suspect_until(&self, message: &Message) -> Option<Timestamp> {
        if !message.properties.headers.contains(SUSPECT) {
            return None;
        }
        match read_parked_headers(message, &self.sealer) {
            ParkedHeaders::Valid(state) if state.deaths.is_some() => {
                Some(not_before(&state).unwrap_or(Timestamp::MIN))
            }
            ParkedHeaders::Valid(_) | ParkedHeaders::Refused | ParkedHeaders::None => None,
        }
    }
}

fn not_before(state: &ParkedState) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(state.not_before_ms).ok()?).ok()
}
