//! What a worker of any version may say on the control exchange, once its seal was found valid.

use invoice_worker::breaker::Closures;
use invoice_worker::cluster::heartbeat::Heartbeat;
use invoice_worker::cluster::peers::MAX_ID_BYTES;
use jiff::{SignedDuration, Timestamp};

const LONGEST: SignedDuration = SignedDuration::from_hours(27);
/// More places than this are never closed at once.
const MAX_CLOSED: usize = 1_000;

/// What is heard is written as something that is heard alike; what is taken over of it is bounded,
/// and can be told to others.
pub fn heartbeat(data: &[u8]) {
    let Some(heard) = Heartbeat::parse(data) else {
        return;
    };
    assert!((1..=MAX_ID_BYTES).contains(&heard.worker.len()));
    assert_eq!(Heartbeat::parse(&heard.to_json()).as_ref(), Some(&heard));

    let now = Timestamp::UNIX_EPOCH;
    let mut closures = Closures::default();
    closures.merge(heard.closed.clone(), LONGEST, now);
    let told = closures.report(now);
    assert!(told.len() <= MAX_CLOSED);
    let own = Heartbeat::new("worker", true, false, told).stamped("fleet", 1, now);
    assert_eq!(Heartbeat::parse(&own.to_json()), Some(own));
    // What is known already is no news.
    assert!(closures.merge(heard.closed, LONGEST, now).is_empty());
}
