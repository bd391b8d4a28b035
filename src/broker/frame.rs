//! The bound on a message's properties. AMQP sends them, headers included, in a single frame, and
//! the broker closes the connection when that frame is larger than negotiated.

use super::message::{Message, Properties};
use super::run_id::is_of_the_run;

/// The bytes of a content header's frame beside the properties: the frame's header, class, weight
/// and size of the body, flags, and the byte that ends the frame.
const FRAME_OVERHEAD: usize = 7 + 2 + 2 + 8 + 2 + 1;
/// The bytes kept free for headers that RabbitMQ adds later and sends in the same frame: `x-death`
/// and its relatives, which name two queues several times, and two counters.
const BROKERS_SHARE: usize = 2 * 1024;
/// The longest name of a header in a log line.
const MAX_NAME_CHARS: usize = 64;
const MAX_NAMES: usize = 8;

/// A message whose properties fit into a frame, as far as the headers that have to stay allow it.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedMessage {
    pub message: Message,
    /// The names of the submitter's headers that were left out, shortened and at most eight.
    pub left_out: Vec<String>,
}

/// The bytes that the properties of a message may have if a frame has `frame_max` bytes; 0 means no
/// bound.
pub(super) fn room_for_properties(frame_max: u32) -> usize {
    match usize::try_from(frame_max) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(frame) => frame.saturating_sub(FRAME_OVERHEAD + BROKERS_SHARE),
    }
}

/// The size of the frame that carries these properties, in bytes.
pub(super) fn header_frame_bytes(properties: &Properties) -> usize {
    FRAME_OVERHEAD + properties.wire_size()
}

/// Leaves out the submitter's headers, the largest first, until the properties have no more than
/// `room` bytes. The headers named in `ours` stay, and so do those that the run id depends on.
pub fn fit_to_frame(mut message: Message, room: usize, ours: &[&str]) -> FittedMessage {
    let mut excess = message.properties.wire_size().saturating_sub(room);
    let mut left_out = Vec::new();
    if excess > 0 {
        for (name, size) in foreign_headers(&message, ours) {
            if excess == 0 {
                break;
            }
            message.properties.headers.remove(&name);
            excess = excess.saturating_sub(size);
            if left_out.len() < MAX_NAMES {
                left_out.push(name.chars().take(MAX_NAME_CHARS).collect());
            }
        }
    }
    FittedMessage { message, left_out }
}

/// The headers that may be left out, with their sizes, the largest first.
fn foreign_headers(message: &Message, ours: &[&str]) -> Vec<(String, usize)> {
    let is_foreign = |name: &str| !ours.contains(&name) && !is_of_the_run(message, name);
    let mut foreign: Vec<(String, usize)> = message
        .properties
        .headers
        .wire_sizes()
        .filter(|(name, _)| is_foreign(name))
        .collect();
    foreign.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    foreign
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::copies::{NOT_BEFORE, PROGRESS};
    use crate::broker::run_id::REPLAY;

    fn message(headers: &[(&str, usize)]) -> Message {
        let mut message = Message::json("invoice.job", "{}");
        for (name, bytes) in headers {
            message
                .properties
                .headers
                .set_text(name, &"x".repeat(*bytes));
        }
        message
    }

    #[test]
    fn the_largest_foreign_headers_go_first_and_ours_stay() {
        let all = [
            ("a", 100),
            ("traceparent", 55),
            ("large", 5_000),
            ("larger", 6_000),
            (PROGRESS, 7_000),
            (REPLAY, 64),
            (NOT_BEFORE, 8),
        ];
        for (room, expected) in [
            (usize::MAX, &[][..]),
            (20_000, &[]),
            (18_000, &["larger"]),
            (10_000, &["larger", "large"]),
            (7_200, &["larger", "large", "a", "traceparent"]),
            (0, &["larger", "large", "a", "traceparent"]),
        ] {
            let FittedMessage { message, left_out } =
                fit_to_frame(message(&all), room, &[PROGRESS, NOT_BEFORE]);
            assert_eq!(left_out, expected, "{room}");
            assert_eq!(
                message.properties.wire_size() <= room,
                room > 7_199,
                "{room}"
            );
            for (name, _) in all {
                assert_eq!(
                    message.properties.headers.contains(name),
                    !expected.contains(&name),
                    "{name} within {room}"
                );
            }
        }
    }

    #[test]
    fn a_mark_that_is_none_of_ours_goes_as_any_other_header() {
        let FittedMessage { message, left_out } =
            fit_to_frame(message(&[(REPLAY, 300), ("small", 10)]), 100, &[]);
        assert_eq!(left_out, [REPLAY]);
        assert!(message.properties.headers.contains("small"));
    }

    #[test]
    fn few_names_of_many_are_shown_and_none_is_long() {
        let names: Vec<String> = (0..100).map(|number| format!("{number:0>200}")).collect();
        let many: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 10)).collect();
        let FittedMessage { message, left_out } = fit_to_frame(message(&many), 0, &[]);
        assert_eq!(
            (left_out.len(), left_out[0].len()),
            (MAX_NAMES, MAX_NAME_CHARS)
        );
        assert!(message.properties.headers.is_empty());
    }

    #[test]
    fn without_a_bound_there_is_room_for_everything() {
        assert_eq!(room_for_properties(0), usize::MAX);
        assert_eq!(room_for_properties(8_192), 8_192 - 22 - 2_048);
        assert_eq!(room_for_properties(1_024), 0);
    }
}
