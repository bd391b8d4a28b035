//! The check of this worker's clock against the times in servers' answers.
//!
//! A worker with a wrong clock would end jobs before their deadline, call a provider too early, and
//! have its signatures refused.

use jiff::{SignedDuration, Timestamp};

/// S3 and the gateway refuse signatures that are 15 minutes off; deadlines and waits are minutes at
/// the least.
pub const LARGEST_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// An older reading is ignored.
const READING_LASTS: SignedDuration = SignedDuration::from_mins(10);

/// The time in a server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The time of the answer on this worker's clock.
    pub at: Timestamp,
    /// The difference between the server's clock and this worker's.
    pub ahead: SignedDuration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockVerdict {
    /// No server has sent the time lately.
    Unknown,
    Right,
    /// Every server's clock is ahead of this worker's, the first one by this much.
    Behind(SignedDuration),
    Ahead(SignedDuration),
}

impl ClockVerdict {
    /// The state of this machine's clock.
    pub fn problem(self) -> Option<String> {
        let (skew, direction) = match self {
            Self::Unknown | Self::Right => return None,
            Self::Behind(skew) => (skew, "behind"),
            Self::Ahead(skew) => (skew, "ahead of"),
        };
        Some(format!(
            "this machine's clock is {skew:#} {direction} the broker's, the store's and the providers': no jobs are taken until it is right; synchronise \
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

/// The clock is right if one server agrees with it: then the other servers' clocks are wrong. If
/// several disagree, the first one's difference is reported.
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
    fn an_old_date_of_a_server_is_no_evidence() {
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
