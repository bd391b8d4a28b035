//! Jobs that kill the worker: found, taken alone, and after some deaths given up, so that they take
//! no other job with them.
//!
//! A crash returns everything that was handed out, innocents included. So a job that was returned a
//! few times is only suspected: it is parked at once, the worker makes room, and when the job comes
//! back it runs with nothing else in flight. Then its deaths are its own.

/// A job that was returned so often by crashes, its own or others', is suspected (contract, delivery
/// counts).
const SUSPECTED_FROM: u32 = 3;
/// So many deaths while it was alone make a job poison.
const POISON_FROM: u32 = 5;

/// The way a delivery is handled because of its past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    None,
    /// To be parked, and taken alone when it comes back; the worker has died of it so often.
    Park(u32),
    /// It is handled with nothing else in flight.
    Alone,
    Poison,
}

impl Suspicion {
    /// `deaths` is the count of a job that has to run alone, when it was last parked; `returns` says
    /// how often it came back since it was last handled to an end.
    pub fn of(deaths: Option<u32>, returns: u32, is_alone: bool) -> Self {
        match deaths.map(|deaths| deaths.saturating_add(returns)) {
            None if returns >= SUSPECTED_FROM => Self::Park(0),
            None => Self::None,
            Some(deaths) if deaths >= POISON_FROM => Self::Poison,
            Some(_) if is_alone => Self::Alone,
            Some(deaths) => Self::Park(deaths),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_suspected_taken_alone_and_given_up() {
        for (deaths, returns, is_alone, expected) in [
            (None, 0, false, Suspicion::None),
            (None, 2, false, Suspicion::None),
            (None, 3, false, Suspicion::Park(0)),
            (None, 19, false, Suspicion::Park(0)),
            (Some(0), 0, false, Suspicion::Park(0)),
            (Some(0), 0, true, Suspicion::Alone),
            (Some(0), 4, true, Suspicion::Alone),
            (Some(0), 5, true, Suspicion::Poison),
            (Some(3), 1, false, Suspicion::Park(4)),
            (Some(3), 2, false, Suspicion::Poison),
            (Some(u32::MAX), u32::MAX, true, Suspicion::Poison),
        ] {
            assert_eq!(
                Suspicion::of(deaths, returns, is_alone),
                expected,
                "{deaths:?} {returns} {is_alone}"
            );
        }
    }
}
