//! Writes the ledger, and never at the cost of a job.
//!
//! An event is published side by side with what its turn publishes, and confirmed before the
//! delivery is acknowledged. A stream that does not take it is tried for as long as one publish may
//! take; after that events are left out and counted, and the stream is tried again from time to
//! time: jobs go on.

use super::event::LedgerEvent;
use super::metadata::picked;
use super::reading::{EventSeals, LARGEST_EVENT_BYTES};
use super::spending::{LedgerFollower, LedgerPlace, tell};
use super::turn::{PricedAccount, TurnBook, TurnEnd};
use crate::broker::{
    Generation, InHand, Message, PublishError, SEAL, StreamDefinition, Unpublished,
};
use crate::budget::Budgets;
use crate::domain::job::Job;
use crate::seal::{SealKind, Sealer};
use crate::telemetry::metric;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

/// A stream that did not take an event is given another one after so long.
const TRY_AGAIN: Duration = Duration::from_secs(30);
/// The longest that a job waits for the stream to be found or declared.
const OPENING: Duration = Duration::from_secs(10);

/// The writer of the turns of jobs.
pub struct Ledger {
    /// `None`: nowhere.
    stream: Option<StreamDefinition>,
    may_declare: bool,
    book: TurnBook,
    /// `ledger.metadata_keys`.
    metadata_keys: Vec<String>,
    /// Until when nothing is written to a stream that did not take an event.
    resting: Mutex<Option<Instant>>,
    /// They follow what is written.
    budgets: Budgets,
    /// How far they have read it.
    read_to: Arc<Mutex<Option<LedgerPlace>>>,
}

/// Its part of the configuration.
pub struct LedgerSettings {
    pub stream: Option<StreamDefinition>,
    /// `broker.declare_topology`.
    pub may_declare: bool,
    pub accounts: Vec<PricedAccount>,
    pub timezone: TimeZone,
    /// The bucket of jobs that name none.
    pub default_bucket: String,
    pub sealer: Sealer,
    pub budgets: Budgets,
    /// `ledger.metadata_keys`.
    pub metadata_keys: Vec<String>,
}

impl Ledger {
    pub fn new(settings: LedgerSettings) -> Self {
        Self {
            stream: settings.stream,
            may_declare: settings.may_declare,
            book: TurnBook {
                accounts: settings.accounts,
                timezone: settings.timezone,
                default_submitter: settings.default_bucket,
                sealer: settings.sealer,
            },
            metadata_keys: settings.metadata_keys,
            resting: Mutex::default(),
            budgets: settings.budgets,
            read_to: Arc::default(),
        }
    }

    /// Looks after the stream of a new session, and says once where it cannot be used. Where there
    /// are budgets, they follow it as long as what is returned lives.
    pub async fn open(&self, generation: &Generation) -> Option<AbortOnDropHandle<()>> {
        let stream = self.stream.as_ref()?;
        match self.open_in_time(generation, stream).await {
            Ok(()) => {
                *self.resting() = None;
                self.budgets.is_written(None);
            }
            Err(problem) => self.rest(&stream.name, &problem),
        }
        let source = self
            .budgets
            .are_set()
            .then(|| generation.session.stream_source(LARGEST_EVENT_BYTES))?;
        let follower = LedgerFollower {
            source,
            stream: stream.name.clone(),
            budgets: self.budgets.clone(),
            seals: EventSeals::of(self.book.sealer.clone()),
            read_to: Arc::clone(&self.read_to),
            has_reported: AtomicBool::default(),
        };
        Some(AbortOnDropHandle::new(tokio::spawn(follower.follow())))
    }

    /// Finds or declares the stream, unless that takes longer than a job may wait for it.
    async fn open_in_time(
        &self,
        generation: &Generation,
        stream: &StreamDefinition,
    ) -> Result<(), String> {
        let opening = generation.session.open_stream(stream, self.may_declare);
        match timeout(OPENING, opening).await {
            Ok(opened) => opened.map_err(|problem| problem.to_string()),
            Err(_) => Err(format!("the broker did not declare it within {OPENING:?}")),
        }
    }

    /// Notes the part of the job's metadata that goes into the ledger.
    pub fn note_metadata(&self, held: &mut InHand<'_>, job: Option<&Job>) {
        let metadata = job.and_then(|job| job.metadata.as_deref());
        if let (Some(metadata), Some(submitted)) = (metadata, &mut held.submitted) {
            submitted.metadata = picked(&self.metadata_keys, metadata);
        }
    }

    /// The event of a turn that ends now; `None` where no ledger is kept.
    pub fn event(
        &self,
        held: &mut InHand<'_>,
        end: &TurnEnd<'_>,
        now: Timestamp,
    ) -> Option<LedgerEvent> {
        self.stream.as_ref()?;
        Some(self.book.event(held, end, now))
    }

    /// Publishes an event, as far as the stream takes it.
    ///
    /// # Errors
    /// [`Unpublished::GenerationLost`]: the delivery comes back, and its turn is told then.
    pub async fn write(
        &self,
        generation: &Generation,
        event: Option<LedgerEvent>,
    ) -> Result<(), Unpublished> {
        let (Some(stream), Some(event)) = (&self.stream, event) else {
            return Ok(());
        };
        if !self.may_try() {
            self.lose(&event);
            return Ok(());
        }
        if generation.is_over() {
            return Err(Unpublished::GenerationLost);
        }
        let mut message = Message::json(
            "invoice.ledger",
            serde_json::to_vec(&event).unwrap_or_default(),
        );
        message.properties.timestamp = u64::try_from(event.at.as_second()).ok();
        message.properties.message_id = Some(event.id.clone());
        let seal = self.book.sealer.seal(SealKind::Event, &[&message.body]);
        message.properties.headers.set_text(SEAL, &seal);
        let mut published = self.publish(generation, stream, &message).await;
        if matches!(published, Err(PublishError::Returned)) {
            // It was deleted, or could not be declared before.
            if self.open_in_time(generation, stream).await.is_ok() {
                published = self.publish(generation, stream, &message).await;
            }
        }
        match published {
            Ok(()) => {
                if self.resting().take().is_some() {
                    self.budgets.is_written(None);
                    tracing::info!(stream = stream.name, "the ledger is written again");
                }
                Ok(())
            }
            Err(PublishError::Lost) => Err(Unpublished::GenerationLost),
            Err(problem) => {
                self.lose(&event);
                self.rest(&stream.name, &problem.to_string());
                Ok(())
            }
        }
    }

    /// An event that no other worker will know of.
    fn lose(&self, event: &LedgerEvent) {
        metric::ledger_event_lost();
        tell(&self.budgets, event);
    }

    async fn publish(
        &self,
        generation: &Generation,
        stream: &StreamDefinition,
        message: &Message,
    ) -> Result<(), PublishError> {
        let id = message.properties.message_id.as_deref().unwrap_or_default();
        let publisher = generation.session.publisher();
        publisher.publish_once(&stream.name, id, message).await
    }

    /// False while the stream rests. The first turn after that tries it for all.
    fn may_try(&self) -> bool {
        let mut resting = self.resting();
        match *resting {
            Some(until) if Instant::now() < until => false,
            Some(_) => {
                *resting = Some(Instant::now() + TRY_AGAIN);
                true
            }
            None => true,
        }
    }

    fn rest(&self, stream: &str, problem: &str) {
        self.budgets.is_written(Some(problem));
        let before = self.resting().replace(Instant::now() + TRY_AGAIN);
        if before.is_none() {
            tracing::error!(
                stream,
                problem,
                mend = "see `invoice-worker check`, or set ledger.store = \"none\"",
                "the ledger cannot be written: jobs go on, and what they cost is told by the metrics alone"
            );
        }
    }

    fn resting(&self) -> MutexGuard<'_, Option<Instant>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
