//! Reads the stream of a session: to the end that it had at the beginning, or as it grows.

use super::decode::LARGEST_EVENT_BYTES;
use super::seals::EventSeals;
use super::sieve::{LedgerSieve, ReadCounts};
use crate::broker::{BrokerError, Session, StreamReader, StreamStart};
use crate::ledger::event::LedgerEvent;
use jiff::{SignedDuration, Timestamp};

/// Reading begins so much earlier: whether a call of a dead worker was made is said by the event of
/// its turn, and a job may have waited that long for another worker.
const LEAD: SignedDuration = SignedDuration::from_hours(24);

/// Events of the ledger, each once, and each call once.
pub struct LedgerReader {
    stream: StreamReader,
    seals: EventSeals,
    sieve: LedgerSieve,
    first: Option<u64>,
    latest: u64,
}

impl LedgerReader {
    /// No more of a message is looked at: for [`crate::broker::Broker::connect_for_bodies`].
    pub const LARGEST_BODY: usize = LARGEST_EVENT_BYTES;

    /// Reads to the end that the stream has now. Events of the day before `from` come first, and the
    /// calls of an event may be older than it: look at the time of each call.
    ///
    /// # Errors
    /// There is no such stream, or it may not be read.
    pub async fn open(
        session: &Session,
        stream: &str,
        from: Option<Timestamp>,
        seals: EventSeals,
    ) -> Result<Self, BrokerError> {
        let early = from.map(|from| from.saturating_sub(LEAD).unwrap_or(Timestamp::MIN));
        let start = early.map_or(StreamStart::First, StreamStart::At);
        Self::start(session, stream, (start, false), seals).await
    }

    /// Reads on and on, from `from` or from now.
    ///
    /// # Errors
    /// There is no such stream, or it may not be read.
    pub async fn follow(
        session: &Session,
        stream: &str,
        from: Option<Timestamp>,
        seals: EventSeals,
    ) -> Result<Self, BrokerError> {
        let start = from.map_or(StreamStart::Next, StreamStart::At);
        Self::start(session, stream, (start, true), seals).await
    }

    async fn start(
        session: &Session,
        stream: &str,
        (start, follows): (StreamStart, bool),
        seals: EventSeals,
    ) -> Result<Self, BrokerError> {
        Ok(Self {
            stream: session.read_stream(stream, start, follows).await?,
            seals,
            sieve: LedgerSieve::default(),
            first: None,
            latest: 0,
        })
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// The connection was lost, or the stream deleted.
    pub async fn next(&mut self) -> Result<Option<LedgerEvent>, BrokerError> {
        while let Some(entry) = self.stream.next().await? {
            self.first.get_or_insert(entry.offset);
            self.latest = entry.offset;
            let seal = self.seals.look_at(&entry.message);
            if let Some(event) = self.sieve.take(&entry.message.body, seal) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Counts what was read so far, and what of it was left out.
    pub fn counts(&self) -> ReadCounts {
        self.sieve.counts
    }

    /// How many messages were read, and about how many there are; `None` where that is not known.
    pub fn progress(&self) -> Option<(u64, u64)> {
        let (first, last) = (self.first?, self.stream.last_offset()?);
        let all = last.max(self.latest).saturating_sub(first) + 1;
        Some((self.latest.saturating_sub(first) + 1, all))
    }
}
