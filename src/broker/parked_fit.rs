//! Makes a parked job's message fit into one frame: its progress has room first, then the caller's
//! headers, then the calls it made.

use super::copies::{NOT_BEFORE, PROGRESS, SEAL, SUSPECT};
use super::frame::{FittedMessage, fit_to_frame};
use super::message::Message;
use crate::domain::progress::Progress;

/// Headers of a parked copy that never make room for others.
const OURS: [&str; 4] = [PROGRESS, NOT_BEFORE, SUSPECT, SEAL];

/// A parked copy that one frame carries, as far as that can be had.
pub(super) struct FittedPark {
    pub message: Message,
    /// Names of the caller's headers that had to go.
    pub left_out: Vec<String>,
    /// The paid answers that no store took had to go as well.
    pub parcel_left_out: bool,
}

/// `parked` makes the message from the text of its progress header; `room` is what its properties
/// may have. The oldest calls give way first, as far as needed all of them, and then the caller's
/// headers.
pub(super) fn fit_parked(
    progress: &Progress,
    room: usize,
    parked: impl Fn(&str) -> Message,
) -> FittedPark {
    let shortest = progress.to_header_within(0);
    let FittedMessage { message, left_out } = fit_to_frame(parked(&shortest), room, &OURS);
    let spare = room.checked_sub(message.properties.wire_size());
    let Some(spare) = spare else {
        if progress.about.parcel.is_none() {
            return FittedPark {
                message,
                left_out,
                parcel_left_out: false,
            };
        }
        let mut without = progress.clone();
        without.about.parcel = None;
        return FittedPark {
            parcel_left_out: true,
            ..fit_parked(&without, room, parked)
        };
    };
    let with_calls = progress.to_header_within(shortest.len().saturating_add(spare));
    let mut complete = parked(&with_calls);
    complete
        .properties
        .headers
        .retain(|name| message.properties.headers.contains(name));
    FittedPark {
        message: complete,
        left_out,
        parcel_left_out: false,
    }
}

/// Logs, once for each message, that the job goes on without these headers.
pub(super) fn log_left_out(left_out: &[String], run: &str) {
    if !left_out.is_empty() {
        tracing::warn!(
            job.run = run,
            headers.left_out = ?left_out,
            "headers of the caller are too large for one frame beside ours; they are left out of this message"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Properties;
    use crate::domain::failure::{Billed, Stage};
    use crate::domain::result::CallRecord;

    const RUN: &str = "a run";
    const ROOM: usize = 6_000;

    fn progress(calls: u32) -> Progress {
        let mut progress = Progress::new(RUN.into(), "2026-01-01T00:00:00Z".parse().unwrap());
        for number in 0..calls {
            let at = "2026-01-01T00:00:01Z".parse().unwrap();
            let request_id = Some(format!("request {number}"));
            progress.record(CallRecord {
                stage: Stage::Verification,
                code: "316".into(),
                request_id,
                at,
                duration_ms: 7,
                billed: Billed::Yes,
            });
        }
        progress
    }

    fn fit(progress: &Progress, foreign: &[usize]) -> (FittedPark, Progress) {
        let fit = fit_parked(progress, ROOM, |header| {
            let mut properties = Properties {
                reply_to: Some("r".repeat(255)),
                ..Properties::default()
            };
            for (number, bytes) in foreign.iter().enumerate() {
                properties
                    .headers
                    .set_text(&format!("foreign {number}"), &"x".repeat(*bytes));
            }
            properties.headers.set_text(PROGRESS, header);
            Message {
                properties,
                ..Message::default()
            }
        });
        let header = fit.message.properties.headers.text(PROGRESS).unwrap();
        let travels = Progress::from_header(&header, RUN).unwrap();
        (fit, travels)
    }

    #[test]
    fn a_job_with_any_number_of_calls_fits_beside_any_headers() {
        for (calls, foreign, gone) in [
            (0, &[][..], &[][..]),
            (50, &[], &[]),
            (29, &[1_000], &[]),
            (29, &[5_000], &[]),
            (50, &[500, 5_800], &["foreign 1"]),
            (50, &[4_000, 4_000, 200], &["foreign 0"]),
            (50, &[130_000], &["foreign 0"]),
        ] {
            let (fit, travels) = fit(&progress(calls), foreign);
            assert!(
                fit.message.properties.wire_size() <= ROOM,
                "{calls} calls beside {foreign:?}"
            );
            assert_eq!(fit.left_out, gone, "{calls} calls beside {foreign:?}");
            assert_eq!(travels.costs.totals.calls, calls);
            // Where little else is carried there is room for many.
            let beside: usize = foreign.iter().filter(|bytes| **bytes < 1_000).sum();
            assert!(
                travels.calls().len() >= 29.min(calls as usize) || beside < foreign.iter().sum(),
                "{}",
                travels.calls().len()
            );
        }
    }

    #[test]
    fn answers_that_travel_go_before_headers_and_stay_behind_only_where_they_never_fit() {
        let parcel = |bytes: usize| {
            let mut progress = progress(29);
            progress.about.parcel = Some("x".repeat(bytes));
            progress
        };
        let (small, travels) = fit(&parcel(4_000), &[3_000]);
        assert_eq!((small.left_out.len(), small.parcel_left_out), (1, false));
        assert!(travels.about.parcel.is_some() && small.message.properties.wire_size() <= ROOM);
        let (large, travels) = fit(&parcel(40_000), &[]);
        assert!(
            large.parcel_left_out
                && travels.about.parcel.is_none()
                && large.message.properties.wire_size() <= ROOM
        );
        assert_eq!(travels.costs.totals.calls, 29);
    }
}
