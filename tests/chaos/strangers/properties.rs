//! Properties and headers as strangers write them: RabbitMQ does not look at what they hold.

use super::super::harness::raw_publisher::{GBK, RawProperties};
use super::{bytes, one_of};
use rand::RngExt;
use rand::rngs::StdRng;

/// Those that RabbitMQ neither checks nor acts upon.
const TEXTS: [&str; 8] = [
    "content_type",
    "content_encoding",
    "correlation_id",
    "reply_to",
    "message_id",
    "type",
    "app_id",
    "cluster_id",
];
/// A short string's longest.
const LONGEST: usize = 255;
/// Fits a frame of the broker's default size together with everything else.
const HUGE: usize = 100_000;
const DEEP: usize = 3_000;

/// Queues to which no result may go.
const FORBIDDEN_REPLIES: [&str; 7] = [
    "invoice.jobs",
    "invoice.due",
    "invoice.failed",
    "invoice.retry.300ms",
    "invoice.control",
    "amq.rabbitmq.reply-to.forged",
    "there is no such queue",
];

/// One of the short strings is not what it should be.
pub(super) fn damaged_text(properties: RawProperties, random: &mut StdRng) -> RawProperties {
    let text = match random.random_range(0..6) {
        0 => GBK.to_vec(),
        1 => vec![0xff; LONGEST],
        2 => b"\0\x01\x1b[2J".to_vec(),
        3 => [
            b"cut off in the middle \xe5\x8d".as_slice(),
            b"\xed\xa0\x80",
        ]
        .concat(),
        4 => bytes(random, LONGEST),
        _ => return properties.text("reply_to", one_of(random, &FORBIDDEN_REPLIES).as_bytes()),
    };
    properties.text(one_of(random, &TEXTS), &text)
}

/// A header that nothing of ours would write.
pub(super) fn odd_headers(properties: RawProperties, random: &mut StdRng) -> RawProperties {
    match random.random_range(0..7) {
        0 => properties.text_header(GBK, b"a name that is not UTF-8"),
        1 => properties.text_header(b"note", &bytes(random, 2_000)),
        2 => properties.text_header(b"traceparent", &vec![b'0'; HUGE]),
        3 => properties.header(b"nested", &nested(random)),
        4 => properties.header(&bytes(random, LONGEST), &value(random)),
        5 => {
            let ours = [
                "invoice-progress",
                "invoice-not-before",
                "invoice-suspect",
                "invoice-failure",
                "invoice-replay",
                "x-death",
                "x-delivery-count",
                "traceparent",
            ];
            properties.header(one_of(random, &ours).as_bytes(), &value(random))
        }
        _ => (0..200).fold(properties, |properties, _| {
            properties.header(&bytes(random, 20), &value(random))
        }),
    }
}

/// Lists or tables within each other, more deeply than a parser should follow.
fn nested(random: &mut StdRng) -> Vec<u8> {
    let is_table = random.random_range(0..2) == 0;
    (0..DEEP).fold(vec![b'V'], |inner, _| {
        let name: &[u8] = if is_table { b"\x01n" } else { b"" };
        sized(if is_table { b'F' } else { b'A' }, &[name, &inner].concat())
    })
}

/// A value of each type that RabbitMQ reads.
fn value(random: &mut StdRng) -> Vec<u8> {
    let (kind, length) = one_of(
        random,
        &[
            (b't', 1),
            (b'b', 1),
            (b'B', 1),
            (b's', 2),
            (b'u', 2),
            (b'I', 4),
            (b'i', 4),
            (b'f', 4),
            (b'l', 8),
            (b'd', 8),
            (b'T', 8),
            (b'D', 5),
        ],
    );
    match random.random_range(0..6) {
        0 => vec![b'V'],
        1 => sized(b'x', &bytes(random, 300)),
        2 => sized(b'S', &bytes(random, 300)),
        3 => sized(
            b'F',
            &[b"\x04\xb5\xa5\xba\xc5".as_slice(), &sized(b'S', GBK)].concat(),
        ),
        _ => [
            vec![kind],
            (0..length)
                .map(|_| random.random_range(0..=u8::MAX))
                .collect(),
        ]
        .concat(),
    }
}

fn sized(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[kind], length.as_slice(), bytes].concat()
}
