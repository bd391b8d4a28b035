//! Tells the budgets what the ledger says: from the beginning of the longest period on, and then
//! each event as it is written, by whichever worker of the fleet.
//!
//! A worker that has read goes on where it stopped, over any number of connections, because the
//! budgets recognise only the latest calls when they are told again. Events without a seal of ours
//! count for nothing: others can write to the stream, and could use up any budget.

use super::event::LedgerEvent;
use super::reading::{EventSeals, decode};
use crate::broker::{BrokerError, StreamMessage, StreamReader, StreamSource, StreamStart};
use crate::budget::{Budgets, ToldCall};
use crate::seal::SealKind;
use crate::telemetry::metric;
use jiff::{SignedDuration, Timestamp};
use std::convert::Infallible;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// A period begins by this worker's clock, and the broker finds the place by its own.
const CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_mins(10);
/// A ledger that cannot be read is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// So often it is looked whether a period is over.
const LOOK_AT_THE_CLOCK: Duration = Duration::from_secs(1);

/// The last message of the stream that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LedgerPlace {
    offset: u64,
    /// A stream that was deleted and declared again has another message there.
    body_hash: u64,
}

/// Reads the stream for the budgets, over one session.
pub(super) struct LedgerFollower {
    pub(super) source: StreamSource,
    pub(super) stream: String,
    pub(super) budgets: Budgets,
    pub(super) seals: EventSeals,
    /// Outlives the session.
    pub(super) read_to: Arc<Mutex<Option<LedgerPlace>>>,
    /// Whether events without a seal were reported.
    pub(super) has_reported: AtomicBool,
}

impl LedgerPlace {
    fn of(entry: &StreamMessage) -> Self {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        Self {
            offset: entry.offset,
            body_hash: hasher.hash_one(&entry.message.body),
        }
    }
}

impl LedgerFollower {
    /// Follows the ledger for as long as it is polled.
    pub(super) async fn follow(self) {
        tokio::join!(self.read_again(), self.look_at_the_clock());
    }

    async fn read_again(&self) {
        let mut failures = 0;
        loop {
            let Err(problem) = self.read(&mut failures).await;
            failures += 1;
            self.budgets.begin_reading();
            // A broker that was lost ends this with its session before it is tried again.
            if failures > 1 {
                self.budgets.cannot_be_read(&problem.to_string());
            }
            sleep(TRY_AGAIN).await;
        }
    }

    async fn look_at_the_clock(&self) {
        loop {
            sleep(LOOK_AT_THE_CLOCK).await;
            self.budgets.refresh();
        }
    }

    /// Reads what there is, and then on and on. From then on there are no `failures` in a row.
    async fn read(&self, failures: &mut u32) -> Result<Infallible, BrokerError> {
        let begins = self.budgets.begin_reading();
        let mut place = self.start(begins).await?;
        let mut present = self.reader(place, false).await?;
        while let Some(entry) = present.next().await? {
            place = StreamStart::Offset(entry.offset);
            self.tell(&entry);
        }
        drop(present);
        let mut coming = self.reader(place, true).await?;
        self.budgets.is_read();
        *failures = 0;
        while let Some(entry) = coming.next().await? {
            self.tell(&entry);
        }
        Err(BrokerError::Lost("the ledger's stream has ended".into()))
    }

    /// The place where it stopped before, if that is still there; else the beginning of the longest
    /// period.
    async fn start(&self, begins: Timestamp) -> Result<StreamStart, BrokerError> {
        let known = *self.read_to();
        if let Some(known) = known {
            let place = StreamStart::Offset(known.offset);
            let mut reader = self.reader(place, false).await?;
            // An error says nothing about the place, and what was counted before must not be counted
            // again.
            while let Some(found) = reader.next().await? {
                if LedgerPlace::of(&found) == known {
                    return Ok(place);
                }
                if found.offset >= known.offset {
                    break;
                }
            }
        }
        self.warn_of_what_is_gone(begins).await?;
        let start = begins.saturating_sub(CLOCKS_DIFFER_BY).unwrap_or(begins);
        Ok(StreamStart::At(start.max(Timestamp::UNIX_EPOCH)))
    }

    /// The stream may keep less than `ledger.max_age` says: it was declared with another age, or a
    /// policy of the broker bounds it.
    async fn warn_of_what_is_gone(&self, begins: Timestamp) -> Result<(), BrokerError> {
        let mut reader = self.reader(StreamStart::First, false).await?;
        let Some(first) = reader.next().await?.filter(|first| first.offset > 0) else {
            return Ok(());
        };
        let written = first.message.properties.timestamp;
        let written = written.and_then(|at| Timestamp::from_second(i64::try_from(at).ok()?).ok());
        if let Some(written) = written.filter(|written| *written > begins) {
            tracing::warn!(
                stream = self.stream,
                oldest = %written,
                period_began = %begins,
                mend = "compare the stream's x-max-age, and the broker's policies, with ledger.max_age",
                "the ledger does not reach back to the beginning of a budget's period: what was spent before its oldest event is \
                 not counted"
            );
        }
        Ok(())
    }

    async fn reader(&self, start: StreamStart, follows: bool) -> Result<StreamReader, BrokerError> {
        self.source.read_stream(&self.stream, start, follows).await
    }

    /// An event of another version, or without a seal of ours, tells of nothing that is known here.
    fn tell(&self, entry: &StreamMessage) {
        let body = &entry.message.body;
        let is_ours = self.seals.accept(&entry.message);
        if !is_ours {
            self.report_unsealed();
        } else if let Ok(event) = decode(body) {
            tell(&self.budgets, &event);
        }
        *self.read_to() = Some(LedgerPlace::of(entry));
    }

    fn report_unsealed(&self) {
        metric::seal_refused(SealKind::Event);
        if !self.has_reported.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                stream = self.stream,
                mend = "workers of one fleet need the same seal.key; while it is replaced, the one before belongs into seal.previous_key",
                "an event of the ledger has no valid seal of ours and counts for no budget; one line for each session says so"
            );
        }
    }

    fn read_to(&self) -> MutexGuard<'_, Option<LedgerPlace>> {
        self.read_to.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the calls that an event tells of.
pub(super) fn tell(budgets: &Budgets, event: &LedgerEvent) {
    let submitter = event.submitter.as_deref().unwrap_or_default();
    let told = event.calls.iter().map(|call| ToldCall {
        id: &call.id,
        account: call.account,
        submitter,
        at: call.at,
        billed: call.billed,
        price: call
            .price
            .as_ref()
            .map(|price| (price.price, &price.currency)),
    });
    budgets.tell(told);
}
