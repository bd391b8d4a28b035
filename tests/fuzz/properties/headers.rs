//! A message's headers as they stand on the wire, where a submitter may put whatever AMQP can say.

use bytes::Bytes;
use invoice_worker::broker::{
    FAILURE, FrameFilter, Headers, Message, NOT_BEFORE, PROGRESS, ParkedHeaders, ParkedState,
    Properties, REPLAY, SEAL, SUSPECT, failed_copy, fit_to_frame, parked_copy, read_parked_headers,
    replay_copy, run_id,
};
use invoice_worker::seal::{SealKey, Sealer};
use lapin::protocol::basic::parse_properties;
use lapin::types::FieldTable;

/// A frame's header, and what stands before the flags of its properties.
const BEFORE_FLAGS: usize = 7 + 12;

/// The broker's own, which must not travel with a copy: RabbitMQ would count on, or route by, what
/// it finds there.
const BOOKKEEPING: [&str; 7] = [
    "x-death",
    "x-delivery-count",
    "x-acquired-count",
    "CC",
    "BCC",
    "x-first-death-queue",
    "x-last-death-reason",
];

/// A job keeps its run through every copy that is made of it, and no copy carries what is the
/// broker's, whatever its submitter wrote.
pub fn headers(data: &[u8]) {
    let Some(table) = read(data) else { return };
    let headers = Headers::from(&table);
    let _ = (
        headers.death(),
        headers.died_at(),
        headers.number(NOT_BEFORE),
        headers.number(SUSPECT),
    );
    let job = Message {
        body: Bytes::from_static(b"body"),
        properties: Properties {
            message_id: Some("message-7".to_owned()),
            headers,
            ..Properties::default()
        },
    };
    let run = run_id(&job);

    let sealer = Sealer::new(SealKey::of("key"), None);
    assert!(
        !matches!(read_parked_headers(&job, &sealer), ParkedHeaders::Valid(_)),
        "a seal that was forged"
    );
    let state = ParkedState {
        progress: "progress".to_owned(),
        not_before_ms: 7,
        deaths: None,
    };
    let waiting = parked_copy(&job, &state, &sealer);
    assert_eq!(
        read_parked_headers(&waiting, &sealer),
        ParkedHeaders::Valid(state.clone())
    );
    assert_eq!(
        waiting.properties.headers.text(PROGRESS).as_deref(),
        Some("progress")
    );
    assert_eq!(waiting.properties.headers.number(NOT_BEFORE), Some(7));
    // Names only: a number that is none (NaN) is not equal to itself.
    assert_eq!(
        format!("{:?}", parked_copy(&waiting, &state, &sealer).properties),
        format!("{:?}", waiting.properties)
    );
    let failed = failed_copy(&job, "reason", 1 << 20);
    assert_eq!(
        failed.properties.headers.text(FAILURE).as_deref(),
        Some("reason")
    );
    let plain = fit_to_frame(waiting.clone(), 0, &[PROGRESS, NOT_BEFORE]).message;
    assert_eq!(
        plain.properties.headers.text(PROGRESS).as_deref(),
        Some("progress")
    );
    for copy in [&waiting, &failed, &plain] {
        assert_eq!(run_id(copy), run);
    }

    let again = replay_copy(&failed, "second");
    assert_ne!(run_id(&again), run_id(&replay_copy(&failed, "third")));
    assert!(
        [PROGRESS, NOT_BEFORE, SUSPECT, SEAL, FAILURE]
            .iter()
            .all(|ours| !again.properties.headers.contains(ours))
    );
    assert_eq!(
        again.properties.headers.text(REPLAY).as_deref(),
        Some("second")
    );
    for copy in [&waiting, &failed, &plain, &again] {
        assert!(
            BOOKKEEPING
                .iter()
                .all(|name| !copy.properties.headers.contains(name))
        );
    }
}

/// As it comes in through a connection: whatever it was, the library can read what is left of it.
fn read(data: &[u8]) -> Option<FieldTable> {
    let length = u32::try_from(data.len()).ok()?.to_be_bytes();
    let content = [[0, 60, 0, 0].as_slice(), &[0; 8], &[0x20, 0], &length, data].concat();
    let sent = [
        [2, 0, 1].as_slice(),
        &u32::try_from(content.len()).ok()?.to_be_bytes(),
        &content,
        &[0xce],
    ]
    .concat();
    let mut filter = FrameFilter::new(0);
    filter.push(&sent);
    let mut read = vec![0; sent.len()];
    let length = filter.take(&mut read);
    assert!(filter.is_empty(), "nothing is added to a table");
    let (rest, properties) =
        parse_properties(&read[BEFORE_FLAGS..length - 1]).expect("the library reads it");
    assert!(rest.is_empty());
    properties.headers().clone()
}
