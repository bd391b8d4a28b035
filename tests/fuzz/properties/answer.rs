//! The two providers' answers. They are paid for, a verdict hangs on them, and they are nobody's to
//! trust.

use invoice_worker::domain::failure::{Failure, MAX_CODE_BYTES, MAX_MESSAGE_BYTES, Stage};
use invoice_worker::domain::reading::Reading;
use invoice_worker::provider::deepfinch;
use invoice_worker::provider::huawei;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A good one, one of the caller's fault, one of the provider's.
const HTTP_STATUSES: [u16; 3] = [200, 404, 503];
/// A line of a table as short as `{"cost":1}` is published with all the fields that it does not
/// have.
const GROWTH: usize = 32;
const EMPTY_BYTES: usize = 8 << 10;

/// An invoice identifies a bill, and what is checkpointed of it is read again as it was; a failure
/// has a name that the policy can be keyed on, and is fit to be published.
pub fn recognition(data: &[u8]) {
    for status in HTTP_STATUSES {
        match huawei::read_answer(status, data) {
            Ok(reply) => {
                let invoice = &reply.answer;
                let day = invoice.billing_date.as_ref().and_then(Reading::value);
                let total = invoice.total_cost.as_ref().and_then(Reading::value);
                assert!(
                    invoice.note_no.is_some()
                        || invoice.patient_name.is_some()
                        || day.is_some()
                        || total.is_some()
                );
                assert_eq!(reply.code, "200");
                id_is_sound(reply.request_id.as_deref());
                read_again(invoice, data);
            }
            Err(failure) => {
                assert!(!failure.nothing_read || failure.code == "200", "{failure}");
                is_sound(&failure, Stage::Recognition, status);
            }
        }
    }
}

/// As [`recognition`].
pub fn verification(data: &[u8]) {
    for status in HTTP_STATUSES {
        match deepfinch::read_answer(status, data) {
            Ok(reply) => {
                assert_eq!(reply.code, "OK");
                id_is_sound(reply.request_id.as_deref());
                read_again(&reply.answer, data);
            }
            Err(failure) => {
                assert!(!failure.nothing_read && failure.code != "OK", "{failure}");
                is_sound(&failure, Stage::Verification, status);
            }
        }
    }
}

fn read_again<T: Serialize + DeserializeOwned + PartialEq>(answer: &T, body: &[u8]) {
    let Ok(written) = serde_json::to_string(answer) else {
        panic!("it cannot be written")
    };
    assert!(
        written.len() <= EMPTY_BYTES + GROWTH * body.len(),
        "{} bytes of {}",
        written.len(),
        body.len()
    );
    let again: T = serde_json::from_str(&written)
        .unwrap_or_else(|error| panic!("not read again: {error}: {written}"));
    assert!(again == *answer, "read differently: {written}");
}

fn is_sound(failure: &Failure, stage: Stage, status: u16) {
    assert_eq!((failure.stage, failure.http_status), (stage, Some(status)));
    let code = failure.code.as_str();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    assert!(
        (1..=MAX_CODE_BYTES).contains(&code.len()) && code.bytes().all(plain),
        "{code:?}"
    );
    // Only the wire knows that nothing was sent, or that nothing came back.
    assert!(!matches!(code, "connect" | "timeout"), "{code}");
    assert!(
        code != "malformed" || (200..300).contains(&status),
        "{status} {code}"
    );
    assert!(
        code.strip_prefix("http.")
            .is_none_or(|told| told == status.to_string()),
        "{status} {code}"
    );
    id_is_sound(failure.request_id.as_deref());

    let message = &failure.message;
    assert!(
        message.len() <= MAX_MESSAGE_BYTES && !message.contains(char::is_control),
        "{message:?}"
    );
    assert!(!message.contains("://"), "an address: {message}");
    let longest_number = message
        .split(|char: char| !char.is_ascii_digit())
        .map(str::len)
        .max();
    assert!(longest_number < Some(6), "a number of somebody: {message}");
}

fn id_is_sound(id: Option<&str>) {
    assert!(
        id.is_none_or(
            |id| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
        ),
        "{id:?}"
    );
}
