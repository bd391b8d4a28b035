//! A publisher that writes its frames by hand: properties that no client library would send, and
//! RabbitMQ takes.

use super::frame::{METHOD, frame, method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const CONTENT_HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
const CHANNEL: u16 = 1;
/// Taken from what the broker offers, so that a body of that size is one frame.
const BODY_BYTES: usize = 100_000;

/// Text of a Chinese system that knows no UTF-8: 单号.
pub(crate) const GBK: &[u8] = b"\xb5\xa5\xba\xc5";

/// Properties in the order in which they stand on the wire.
const NAMES: [&str; 14] = [
    "content_type",
    "content_encoding",
    "headers",
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "timestamp",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
];

/// Properties of a message, each as it will stand on the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawProperties {
    values: [Option<Vec<u8>>; NAMES.len()],
    table: Vec<u8>,
}

impl RawProperties {
    /// A short string of any bytes.
    pub(crate) fn text(mut self, name: &str, text: &[u8]) -> Self {
        let index = NAMES
            .iter()
            .position(|known| *known == name)
            .expect("a property of that name");
        self.values[index] = Some([&[u8::try_from(text.len()).unwrap()], text].concat());
        self
    }

    pub(crate) fn timestamp(mut self, seconds: u64) -> Self {
        let index = NAMES
            .iter()
            .position(|known| *known == "timestamp")
            .expect("a property of that name");
        self.values[index] = Some(seconds.to_be_bytes().into());
        self
    }

    /// A header of any name; the value with its type in front.
    pub(crate) fn header(mut self, name: &[u8], value: &[u8]) -> Self {
        self.table
            .extend_from_slice(&[&[u8::try_from(name.len()).unwrap()], name, value].concat());
        self
    }

    /// A header that is a long string.
    pub(crate) fn text_header(self, name: &[u8], text: &[u8]) -> Self {
        let value = [
            b"S",
            u32::try_from(text.len()).unwrap().to_be_bytes().as_slice(),
            text,
        ]
        .concat();
        self.header(name, &value)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut values = self.values.clone();
        if !self.table.is_empty() {
            values[2] = Some(
                [
                    u32::try_from(self.table.len())
                        .unwrap()
                        .to_be_bytes()
                        .as_slice(),
                    &self.table,
                ]
                .concat(),
            );
        }
        let present = values
            .iter()
            .enumerate()
            .filter(|(_, value)| value.is_some());
        let flags = present.fold(0_u16, |flags, (index, _)| flags | 1 << (15 - index));
        [
            flags.to_be_bytes().to_vec(),
            values.into_iter().flatten().flatten().collect(),
        ]
        .concat()
    }
}

#[derive(Debug)]
pub(crate) struct RawPublisher {
    stream: TcpStream,
}

impl RawPublisher {
    /// As guest, on loopback.
    pub(crate) async fn connect(port: u16) -> Self {
        let mut publisher = Self {
            stream: TcpStream::connect(("127.0.0.1", port)).await.unwrap(),
        };
        publisher.send(b"AMQP\x00\x00\x09\x01").await;
        publisher.answer(10, 10).await;
        let (nothing, mechanism, login, locale) = (
            [0; 4],
            b"\x05PLAIN",
            b"\x00\x00\x00\x0c\0guest\0guest",
            b"\x05en_US",
        );
        let start_ok = [nothing.as_slice(), mechanism, login, locale].concat();
        publisher.send(&method(0, 10, 11, &start_ok)).await;
        let tune = publisher.answer(10, 30).await;
        publisher.send(&method(0, 10, 31, &tune)).await;
        publisher.send(&method(0, 10, 40, b"\x01/\x00\x00")).await;
        publisher.answer(10, 41).await;
        publisher.send(&method(CHANNEL, 20, 10, b"\x00")).await;
        publisher.answer(20, 11).await;
        // confirm.select
        publisher.send(&method(CHANNEL, 85, 10, b"\x00")).await;
        publisher.answer(85, 11).await;
        publisher
    }

    /// Returns when the broker has confirmed it.
    pub(crate) async fn publish(&mut self, queue: &str, properties: &RawProperties, body: &[u8]) {
        self.publish_to("", queue, properties, body).await;
    }

    /// As [`RawPublisher::publish`], to any exchange.
    pub(crate) async fn publish_to(
        &mut self,
        exchange: &str,
        key: &str,
        properties: &RawProperties,
        body: &[u8],
    ) {
        let short = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let (reserved, flags) = ([0, 0], b"\x00");
        self.send(&method(
            CHANNEL,
            60,
            40,
            &[reserved.as_slice(), &short(exchange), &short(key), flags].concat(),
        ))
        .await;
        let (class, weight, size) = (
            60_u16.to_be_bytes(),
            [0; 2],
            (body.len() as u64).to_be_bytes(),
        );
        let header = [class.as_slice(), &weight, &size, &properties.to_bytes()].concat();
        self.send(&frame(CONTENT_HEADER, CHANNEL, &header)).await;
        for part in body.chunks(BODY_BYTES) {
            self.send(&frame(BODY, CHANNEL, part)).await;
        }
        self.answer(60, 80).await;
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The arguments of the next method, which has to be this one.
    async fn answer(&mut self, class: u16, method: u16) -> Vec<u8> {
        loop {
            let (kind, payload) = timeout(super::system::PATIENCE, self.frame())
                .await
                .expect("an answer in time");
            if kind == HEARTBEAT {
                continue;
            }
            let is_expected = kind == METHOD
                && payload[..4] == [class.to_be_bytes(), method.to_be_bytes()].concat();
            assert!(
                is_expected,
                "expected {class}.{method}: {}",
                String::from_utf8_lossy(&payload)
            );
            return payload[4..].to_vec();
        }
    }

    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut header = [0; 7];
        self.stream.read_exact(&mut header).await.unwrap();
        let length = u32::from_be_bytes(header[3..].try_into().unwrap());
        let mut payload = vec![0; length as usize + 1];
        self.stream.read_exact(&mut payload).await.unwrap();
        payload.pop();
        (header[0], payload)
    }
}
