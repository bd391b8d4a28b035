//! Is this worker's clock right? Judged by what the servers that it talks to say about the time.
//!
//! A worker whose clock is wrong would end jobs whose deadline has not come, call before their time
//! those that wait, and have its signatures refused.

use jiff::{SignedDuration, Timestamp};

/// S3 and the gateway refuse signatures that are 15 minutes off; deadlines and waits are minutes at
/// the least.
pub const LARGEST_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// What a server said longer ago says nothing about the clock now.
const READING_LASTS: SignedDuration = SignedDuration::from_mins(10);

/// What a server's answer said about the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// By our clock.
    pub at: Timestamp,
    /// What the server's clock was ahead of ours.
    pub ahead: SignedDuration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockVerdict {
    /// No server said anything lately.
    Unknown,
    Right,
    /// Every server that answered says so. By about so much our clock is behind.
    Behind(SignedDuration),
    Ahead(SignedDuration),
}

impl ClockVerdict {
    /// What is wrong with this machine's clock, if anything is.
    pub fn problem(self) -> Option<String> {
        let (skew, direction) = match self {
            Self::Unknown | Self::Right => return None,
            Self::Behind(skew) => (skew, "behind"),
            Self::Ahead(skew) => (skew, "ahead of"),
        };
        Some(format!(
            "this machine's clock is {skew:#} {direction} the store's and the providers': no jobs are taken until it is right; synchronise \
             it (NTP)"
        ))
    }
}

impl ClockReading {
    pub fn of(server_time: Timestamp, now: Timestamp) -> Self {
        Self {
            at: now,
            ahead: server_time.duration_since(now),
        }
    }
}

/// One server that agrees with our clock is enough: then it is another server's clock that is
/// wrong. Of several, the first is believed about how much it is.
pub fn clock_verdict(
    readings: impl IntoIterator<Item = ClockReading>,
    now: Timestamp,
) -> ClockVerdict {
    let is_fresh = |reading: &ClockReading| now.duration_since(reading.at).abs() <= READING_LASTS;
    let fresh: Vec<SignedDuration> = readings
        .into_iter()
        .filter(is_fresh)
        .map(|reading| reading.ahead)
        .collect();
    match fresh.first() {
        None => ClockVerdict::Unknown,
        Some(_) if fresh.iter().any(|ahead| ahead.abs() <= LARGEST_SKEW) => ClockVerdict::Right,
        Some(ahead) if ahead.is_positive() => ClockVerdict::Behind(*ahead),
        Some(ahead) => ClockVerdict::Ahead(ahead.abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_clock_is_wrong_where_all_servers_say_so() {
        let seconds = SignedDuration::from_secs;
        for (servers, expected) in [
            (&[][..], ClockVerdict::Unknown),
            (&[0], ClockVerdict::Right),
            (&[300], ClockVerdict::Right),
            (&[-300], ClockVerdict::Right),
            (&[301], ClockVerdict::Behind(seconds(301))),
            (&[-301], ClockVerdict::Ahead(seconds(301))),
            (&[432_000, 432_002], ClockVerdict::Behind(seconds(432_000))),
            (&[-86_400, -86_399], ClockVerdict::Ahead(seconds(86_400))),
            (&[-86_400, 2], ClockVerdict::Right),
            (&[1, 86_400], ClockVerdict::Right),
        ] {
            let readings = servers
                .iter()
                .map(|ahead| ClockReading::of(at(*ahead), at(0)));
            assert_eq!(clock_verdict(readings, at(60)), expected, "{servers:?}");
        }
    }

    #[test]
    fn what_was_said_long_ago_says_nothing() {
        let reading = ClockReading::of(at(86_400), at(0));
        for (now, expected) in [
            (600, ClockVerdict::Behind(SignedDuration::from_hours(24))),
            (601, ClockVerdict::Unknown),
            (-601, ClockVerdict::Unknown),
            (86_400, ClockVerdict::Unknown),
        ] {
            assert_eq!(
                clock_verdict([reading], at(now)),
                expected,
                "{now}: also where the clock was set"
            );
        }
    }
}
