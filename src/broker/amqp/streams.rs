//! Streams: declared, and read to their end or as they grow.

use super::connection::BrokerConnection;
use super::endpoint::Endpoint;
use super::inspect::existing_depth;
use super::properties;
use super::queues::{arguments, depth, server_named};
use super::rpc::{RpcError, rpc, short};
use crate::broker::error::BrokerError;
use crate::broker::message::{Message, Properties};
use crate::broker::rights::Right;
use crate::broker::stream::{StreamDefinition, StreamMessage, StreamStart};
use crate::broker::topology::Argument;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// As the broker lists the connections that are only for streams.
const LEDGER_CONNECTION: &str = "invoice-worker ledger";
/// Deliveries that may be unsettled: a stream hands out its messages in chunks.
const PREFETCH: u16 = 2_000;
/// In a worker, which has other uses for its memory.
const PREFETCH_OF_A_WORKER: u16 = 128;
/// This part of them is acknowledged together: it is how a reader of a stream asks for more.
const ACKNOWLEDGED_PART: u16 = 4;
/// A chunk is handed out at once. So behind the first message of the last chunk, the stream ends
/// where none follows for so long.
const LAST_CHUNK: Duration = Duration::from_secs(1);
/// How long the first message of a stream that has some may take.
const FIRST: Duration = Duration::from_secs(30);
/// The times of publishers differ from the broker's by less.
const CLOCKS_DIFFER_BY_SECONDS: u64 = 600;
const HANDS_OUT_NOTHING: &str = "the stream has messages and hands out none";
const READER_ENDED: &str = "the broker ended the reader";

pub(super) async fn exists(connection: &BrokerConnection, name: &str) -> Result<bool, BrokerError> {
    existing_depth(connection, name)
        .await
        .map(|depth| depth.is_some())
}

/// Finds the stream, or declares it if it may.
///
/// RabbitMQ answers the declaration of a stream with an internal error where streams are switched
/// off (the feature flag `stream_queue` on 3.10 and 3.11, `queue_types.stream.enabled` on 4.x), and
/// closes the connection. So it is declared on a connection of its own, whose loss affects no job.
///
/// # Errors
/// The stream does not exist and may not, or cannot, be declared.
pub(super) async fn open(
    connection: &BrokerConnection,
    endpoint: &Endpoint,
    stream: &StreamDefinition,
    may_declare: bool,
) -> Result<(), BrokerError> {
    if exists(connection, &stream.name).await? {
        return Ok(());
    }
    if !may_declare {
        let cause = "there is no such stream, and broker.declare_topology is false";
        return Err(BrokerError::Queue {
            queue: stream.name.clone(),
            cause: cause.into(),
        });
    }
    let declaring = endpoint.open(LEDGER_CONNECTION).await?;
    let declared = declare(&declaring, stream).await;
    declaring.close().await;
    declared
}

async fn declare(
    connection: &BrokerConnection,
    stream: &StreamDefinition,
) -> Result<(), BrokerError> {
    let channel = connection.channel().await?;
    let declaring = async {
        let options = QueueDeclareOptions::durable();
        let texts = stream.arguments();
        let arguments = arguments(texts.map(|(name, text)| (name, Argument::Text(text))));
        rpc(channel.queue_declare(short(&stream.name)?, options, arguments)).await
    };
    let declared = declaring.await.map(drop);
    declared.map_err(|error| error.about(&stream.name, Right::Configure))
}

/// Opens readers on a connection of its own: on the one that takes jobs, a stream that is missing
/// or may not be read would end the session, and with it the turns of all jobs.
#[derive(Debug)]
pub struct AmqpStreamSource {
    endpoint: Arc<Endpoint>,
    /// The bound in bytes beyond which bodies are truncated while they are read.
    largest_body: usize,
    /// Opened by the first reader.
    connection: Mutex<Option<BrokerConnection>>,
}

impl AmqpStreamSource {
    pub(super) fn new(endpoint: Arc<Endpoint>, largest_body: usize) -> Self {
        Self {
            endpoint,
            largest_body,
            connection: Mutex::default(),
        }
    }

    /// Reads from `start` to the end as it is now, or on and on.
    pub(in crate::broker) async fn read(
        &self,
        queue: &str,
        start: StreamStart,
        follows: bool,
    ) -> Result<AmqpStreamReader, BrokerError> {
        let pace = (follows, PREFETCH_OF_A_WORKER);
        AmqpStreamReader::start(&self.connection().await?, queue, start, pace).await
    }

    async fn connection(&self) -> Result<BrokerConnection, BrokerError> {
        let mut open = self.connection.lock().await;
        if let Some(connection) = open.as_ref().filter(|open| open.is_connected()) {
            return Ok(connection.clone());
        }
        let opening = self
            .endpoint
            .open_for_bodies(LEDGER_CONNECTION, Some(self.largest_body));
        let opened = opening.await?;
        *open = Some(opened.clone());
        Ok(opened)
    }
}

/// Reads in a program that does nothing else.
pub(super) async fn read_in_bulk(
    connection: &BrokerConnection,
    queue: &str,
    start: StreamStart,
    follows: bool,
) -> Result<AmqpStreamReader, BrokerError> {
    AmqpStreamReader::start(connection, queue, start, (follows, PREFETCH)).await
}

/// Reads a stream. Its messages are never settled away.
#[derive(Debug)]
pub struct AmqpStreamReader {
    channel: Channel,
    stream: lapin::Consumer,
    /// The first message of the chunk that was the last when reading began; `None`: reads on.
    last_chunk: Option<u64>,
    /// Hands out what is written after reading began, so that a stream which grows has an end as
    /// well. `None`: reads on.
    after: Option<(Channel, lapin::Consumer)>,
    /// The first such message, once there is one.
    end: Option<u64>,
    unsettled: u16,
    acknowledged_together: u16,
    is_near_end: bool,
    is_at_end: bool,
}

impl AmqpStreamReader {
    async fn start(
        connection: &BrokerConnection,
        queue: &str,
        start: StreamStart,
        (follows, prefetch): (bool, u16),
    ) -> Result<Self, BrokerError> {
        let starting = async {
            let after = if follows {
                None
            } else {
                let next = AMQPValue::LongString("next".into());
                Some(consume(connection, queue, 1, next).await?)
            };
            let last = last_chunk(connection, queue).await?;
            let from = offset(start, last);
            let (channel, stream) = consume(connection, queue, prefetch, from).await?;
            Ok(Self {
                channel,
                stream,
                last_chunk: last.map(|last| last.offset).filter(|_| !follows),
                after,
                end: None,
                unsettled: 0,
                acknowledged_together: prefetch / ACKNOWLEDGED_PART,
                is_near_end: false,
                is_at_end: last.is_none() && !follows,
            })
        };
        starting
            .await
            .map_err(|error: RpcError| error.about(queue, Right::Read))
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// The connection was lost, or the stream deleted.
    pub(in crate::broker) async fn next(&mut self) -> Result<Option<StreamMessage>, BrokerError> {
        if self.is_at_end {
            return Ok(None);
        }
        let patience = if self.is_near_end {
            LAST_CHUNK
        } else if self.last_chunk.is_some() {
            FIRST
        } else {
            Duration::MAX
        };
        let delivery = match timeout(patience, self.stream.next()).await {
            Ok(Some(Ok(delivery))) => delivery,
            Ok(Some(Err(error))) => return Err(BrokerError::Lost(error.into())),
            Ok(None) => return Err(BrokerError::Lost(READER_ENDED.into())),
            Err(_) if self.is_near_end => {
                self.is_at_end = true;
                return Ok(None);
            }
            Err(_) => return Err(BrokerError::Lost(HANDS_OUT_NOTHING.into())),
        };
        let properties = properties::received(&delivery.properties);
        let offset = offset_of(&properties);
        self.is_near_end |= self.last_chunk.is_some_and(|last| offset >= last);
        if self.is_near_end && self.is_after_the_end(offset) {
            self.is_at_end = true;
            return Ok(None);
        }
        self.unsettled += 1;
        if self.unsettled >= self.acknowledged_together {
            self.unsettled = 0;
            let together = BasicAckOptions { multiple: true };
            let acknowledged = self.channel.basic_ack(delivery.delivery_tag, together);
            acknowledged
                .await
                .map_err(|error| BrokerError::Lost(error.into()))?;
        }
        Ok(Some(StreamMessage {
            offset,
            message: Message {
                body: Bytes::from(delivery.data),
                properties,
            },
        }))
    }

    pub(in crate::broker) fn last_offset(&self) -> Option<u64> {
        self.last_chunk
    }

    /// Whether the message was written after reading began.
    fn is_after_the_end(&mut self, offset: u64) -> bool {
        if self.end.is_none()
            && let Some((_, after)) = &mut self.after
            && let Some(Some(Ok(first))) = after.next().now_or_never()
        {
            self.end = Some(offset_of(&properties::received(&first.properties)));
        }
        self.end.is_some_and(|end| offset >= end)
    }
}

/// The place in the stream, which the broker tells in a header.
fn offset_of(properties: &Properties) -> u64 {
    let offset = properties.headers.number("x-stream-offset").unwrap_or(0);
    u64::try_from(offset).unwrap_or_default()
}

/// The first message of a stream's last chunk.
#[derive(Clone, Copy, Debug)]
struct LastChunk {
    offset: u64,
    /// The publisher's time, in seconds since the epoch.
    timestamp: Option<u64>,
}

/// `None` where the stream is empty.
async fn last_chunk(
    connection: &BrokerConnection,
    queue: &str,
) -> Result<Option<LastChunk>, RpcError> {
    let from = AMQPValue::LongString("last".into());
    let (channel, mut stream) = consume(connection, queue, 1, from).await?;
    let has_some = depth(&channel, queue).await? > 0;
    let patience = if has_some { FIRST } else { LAST_CHUNK };
    let first = match timeout(patience, stream.next()).await {
        Ok(Some(delivery)) => delivery?,
        Err(_) if !has_some => return Ok(None),
        Err(_) => return Err(RpcError::Lost(HANDS_OUT_NOTHING.into())),
        Ok(None) => return Err(RpcError::Lost(READER_ENDED.into())),
    };
    let properties = properties::received(&first.properties);
    Ok(Some(LastChunk {
        offset: offset_of(&properties),
        timestamp: properties.timestamp,
    }))
}

/// The place where the broker begins. An offset behind the end, as after the stream was declared
/// anew, would make it close the connection: then it begins with the last chunk. Of a time after the
/// last chunk it would hand out nothing but what comes, so it begins at the time of that chunk. This
/// is a publisher's, and may be wrong or forged: one that is too old makes the reading longer.
fn offset(start: StreamStart, last: Option<LastChunk>) -> AMQPValue {
    match (start, last) {
        (StreamStart::First, _) | (StreamStart::Offset(_), None) => {
            AMQPValue::LongString("first".into())
        }
        (StreamStart::Next, _) => AMQPValue::LongString("next".into()),
        (StreamStart::Offset(offset), Some(last)) => {
            AMQPValue::LongLongInt(i64::try_from(offset.min(last.offset)).unwrap_or(i64::MAX))
        }
        (StreamStart::At(at), last) => {
            let at = u64::try_from(at.as_second()).unwrap_or_default();
            let last = last.and_then(|last| last.timestamp);
            let early = last.map(|last| last.saturating_sub(CLOCKS_DIFFER_BY_SECONDS));
            AMQPValue::Timestamp(early.map_or(at, |early| at.min(early)))
        }
    }
}

async fn consume(
    connection: &BrokerConnection,
    queue: &str,
    prefetch: u16,
    from: AMQPValue,
) -> Result<(Channel, lapin::Consumer), RpcError> {
    let channel = connection
        .channel()
        .await
        .map_err(|error| RpcError::Lost(error.into()))?;
    rpc(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), from);
    let options = BasicConsumeOptions::default();
    let consuming = channel.basic_consume(short(queue)?, server_named(), options, arguments);
    let stream = rpc(consuming).await?;
    Ok((channel, stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn reading_from_a_time_on_begins_where_the_broker_hands_something_out() {
        let last = |timestamp| {
            Some(LastChunk {
                offset: 70,
                timestamp,
            })
        };
        let at = |seconds: i64| StreamStart::At(Timestamp::from_second(seconds).unwrap());
        for (start, last, expected) in [
            (at(5_000), None, AMQPValue::Timestamp(5_000)),
            (at(5_000), last(None), AMQPValue::Timestamp(5_000)),
            (at(5_000), last(Some(9_000)), AMQPValue::Timestamp(5_000)),
            // The time asked for is after everything, by the publisher's clock or by ours.
            (at(5_000), last(Some(4_000)), AMQPValue::Timestamp(3_400)),
            (at(5_000), last(Some(5_100)), AMQPValue::Timestamp(4_500)),
            // A forged time makes the reading longer; it hides nothing.
            (at(5_000), last(Some(1)), AMQPValue::Timestamp(0)),
            (
                StreamStart::Offset(90),
                last(None),
                AMQPValue::LongLongInt(70),
            ),
            (
                StreamStart::Offset(9),
                last(None),
                AMQPValue::LongLongInt(9),
            ),
        ] {
            assert_eq!(offset(start, last), expected, "{start:?} {last:?}");
        }
    }
}
