//! A message's headers as they stand on the wire, where a submitter may put whatever AMQP can say.

use bytes::Bytes;
use invoice_worker::broker::{
    FAILURE, Headers, Message, NOT_BEFORE, Nesting, PROGRESS, Properties, REPLAY, SUSPECT, failed_copy, parked, replayed, run_id,
    without_foreign_headers,
};
use lapin::types::FieldTable;
use lapin::types::parsing::parse_field_table;

/// The broker's own, which must not travel with a copy: RabbitMQ would count on, or route by, what it finds there.
const BOOKKEEPING: [&str; 7] =
    ["x-death", "x-delivery-count", "x-acquired-count", "CC", "BCC", "x-first-death-queue", "x-last-death-reason"];

/// A job keeps its run through every copy that is made of it, and no copy carries what is the broker's, whatever its submitter wrote.
pub fn headers(data: &[u8]) {
    let Some(table) = read(data) else { return };
    let headers = Headers::from(&table);
    let _ = (headers.death(), headers.died_at(), headers.number(NOT_BEFORE), headers.number(SUSPECT));
    let job = Message {
        body: Bytes::from_static(b"body"),
        properties: Properties { message_id: Some("message-7".to_owned()), headers, ..Properties::default() },
    };
    let run = run_id(&job);

    let waiting = parked(&job, "progress", 7);
    assert_eq!(waiting.properties.headers.text(PROGRESS).as_deref(), Some("progress"));
    assert_eq!(waiting.properties.headers.number(NOT_BEFORE), Some(7));
    // Names only: a number that is none (NaN) is not equal to itself.
    assert_eq!(format!("{:?}", parked(&waiting, "progress", 7).properties), format!("{:?}", waiting.properties));
    let failed = failed_copy(&job, "reason");
    assert_eq!(failed.properties.headers.text(FAILURE).as_deref(), Some("reason"));
    let plain = without_foreign_headers(&waiting, &[PROGRESS, NOT_BEFORE]);
    assert_eq!(plain.properties.headers.text(PROGRESS).as_deref(), Some("progress"));
    for copy in [&waiting, &failed, &plain] {
        assert_eq!(run_id(copy), run);
    }

    let again = replayed(&failed, "second");
    assert_ne!(run_id(&again), run_id(&replayed(&failed, "third")));
    assert!([PROGRESS, NOT_BEFORE, SUSPECT, FAILURE].iter().all(|ours| !again.properties.headers.contains(ours)));
    assert_eq!(again.properties.headers.text(REPLAY).as_deref(), Some("second"));
    for copy in [&waiting, &failed, &plain, &again] {
        assert!(BOOKKEEPING.iter().all(|name| !copy.properties.headers.contains(name)));
    }
}

/// As it comes in through a connection: nested no deeper than the library can read, and otherwise to the byte what was sent.
fn read(data: &[u8]) -> Option<FieldTable> {
    let length = u32::try_from(data.len()).ok()?.to_be_bytes();
    let content = [[0, 60, 0, 0].as_slice(), &[0; 8], &[0x20, 0], &length, data].concat();
    let sent = [[2, 0, 1].as_slice(), &u32::try_from(content.len()).ok()?.to_be_bytes(), &content, &[0xce]].concat();
    let mut read = sent.clone();
    Nesting::default().pass(&mut read);
    let changed = sent.iter().zip(&read).filter(|(sent, read)| sent != read);
    assert!(changed.into_iter().all(|(sent, read)| matches!(sent, b'A' | b'F') && *read == b'x'));
    let table = &read[read.len() - 1 - data.len() - length.len()..];
    parse_field_table(table).ok().map(|(_, table)| table)
}
