//! What has been done and paid for. It travels with a parked job in the header `invoice-progress`.

mod calls;
mod header;
mod notes;

pub use header::{MAX_HEADER_BYTES, MAX_PARCEL_BYTES};
pub use notes::{LostTurn, PaidBy, TurnNotes};

use super::account::AccountId;
use super::failure::Stage;
use super::invoice::Invoice;
use super::job::Job;
use super::result::{CallRecord, JobError, PreparedPicture};
use crate::domain::scope::{BillId, Province, Scope};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A job may make more calls than are listed; the totals still count them.
pub const MAX_CALLS_LISTED: usize = 50;
/// Headers of another version are not read.
const VERSION: u8 = 1;

/// The groups lie side by side in the header: one flat object, as every version has written it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    #[serde(rename = "v")]
    version: u8,
    /// SHA-256 (hex) of the submitted message: the same message delivered twice is the same run.
    pub run: String,
    pub first_seen: Timestamp,
    /// The submitted message's `expiration`: it does not travel with a parked copy, it has become a
    /// deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    #[serde(flatten)]
    pub delivered: DeliveryPast,
    #[serde(flatten)]
    pub about: AboutImage,
    #[serde(flatten)]
    pub steps: StepsTaken,
    #[serde(flatten)]
    paused: PausedTime,
    #[serde(flatten)]
    pub costs: Costs,
    #[serde(skip)]
    pub notes: TurnNotes,
}

/// How copies of the job came and went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeliveryPast {
    /// Why the job is parked: told in the metrics when it returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<Parked>,
    /// The answer is found and kept; only its reply queue does not take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent: Option<Unsent>,
    /// A delivery of this copy, or of one it was parked from, came back unsettled: the worker that
    /// had it may have stored an answer that was never published.
    #[serde(default, skip_serializing_if = "is_default")]
    pub redelivered: bool,
    /// Parked for another copy of its run that was in hand, before its own turn had begun: it comes
    /// back as new as it came.
    #[serde(default, skip_serializing_if = "is_default")]
    pub untried: bool,
    /// How often a delivery came back unsettled since the job last lived through a turn: parked
    /// copies are counted anew by the broker.
    #[serde(default, skip_serializing_if = "is_default")]
    pub returns: u32,
    /// The trace of the turn that parked the job, as W3C's `traceparent`, where traces are exported:
    /// its next turn is linked to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// This run was answered before, without a verdict, and submitted again: that older answer says
    /// nothing about this copy.
    #[serde(default, skip_serializing_if = "is_default")]
    pub asked_again: bool,
    /// The job queue that the job was submitted to, as its first worker saw it. Headers of older
    /// workers do not have it, and they drop it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The turns that the run had before this one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub turn: u32,
    /// A turn that a worker did not live to end, until the ledger was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<LostTurn>,
}

/// The facts about the job's image, once it was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AboutImage {
    /// The key under which the image's paid answers are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The bill's province and identity: so that a closed scope is noticed before anything is
    /// fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
    /// Pictures that providers were sent instead of the original.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prepared: BTreeMap<Stage, PreparedPicture>,
    /// Paid answers that no store took, packed; only a worker can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parcel: Option<String>,
}

/// The policy's steps that the job has taken, and what follows from them for the next call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepsTaken {
    /// Uses of each step, by rule.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    steps: BTreeMap<String, Vec<u32>>,
    /// The code that asked for the one call with `auto_rotate`; set once that call may be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_for: Option<String>,
    /// Providers that could not fetch the image, and are sent it instead.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub inline: BTreeSet<Stage>,
    /// Recognition ended without an answer; it is not asked again while verification goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognition_error: Option<JobError>,
}

/// The job's share in pauses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct PausedTime {
    /// Milliseconds since the job was first seen in which a stage was paused: they do not count
    /// against the worker's deadline.
    #[serde(default, skip_serializing_if = "is_default")]
    paused_ms: u64,
    /// The pauses by stage: how often this job's answer paused it while others were answered, and
    /// when it last did.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pauses: BTreeMap<Stage, (u32, Timestamp)>,
}

/// The calls that were made for the job, and which of them were paid for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// Attempts by stage.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attempts: BTreeMap<Stage, u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    calls: Vec<CallRecord>,
    #[serde(default)]
    pub totals: Totals,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub stage: Stage,
    pub code: String,
    #[serde(default)]
    pub at: Timestamp,
    /// It waits because a worker is paused, or for its budget: the whole wait does not count against the worker's
    /// limit, whichever process ends it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by_pause: bool,
}

/// An answer that is kept, and could not be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsent {
    /// The name of its checkpoint.
    pub question: String,
    pub since: Timestamp,
}

/// The bill as recognition read it: a failure of verification may concern other jobs of the same
/// bill or province.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub province: Option<Province>,
    pub id: BillId,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub calls: u32,
    /// Calls that were or may have been paid for.
    pub billed: u32,
    pub parked: u32,
    pub retries: u32,
}

impl Bill {
    /// The bill of an invoice as it was read in this image; without one that is the image alone.
    pub fn of(invoice: Option<&Invoice>, image: &str) -> Self {
        let province =
            invoice.and_then(|invoice| invoice.province.as_deref().and_then(Province::of));
        let number = invoice.and_then(|invoice| invoice.note_no.as_deref());
        Self {
            id: BillId::of(province.as_ref(), number, image),
            province,
        }
    }
}

impl Progress {
    pub fn new(run: String, first_seen: Timestamp) -> Self {
        Self {
            version: VERSION,
            run,
            first_seen,
            expires: None,
            delivered: DeliveryPast::default(),
            about: AboutImage::default(),
            steps: StepsTaken::default(),
            paused: PausedTime::default(),
            costs: Costs::default(),
            notes: TurnNotes::default(),
        }
    }

    /// No attempt is started after it: the earliest of the job's own deadline, its message's
    /// expiration and the worker's limit, which stands still while a stage is paused.
    pub fn deadline(&self, job: &Job, job_deadline: Duration) -> Timestamp {
        let limit = job_deadline.saturating_add(Duration::from_millis(self.paused.paused_ms));
        let ours = self
            .first_seen
            .saturating_add(limit)
            .unwrap_or(Timestamp::MAX);
        [job.deadline, self.expires]
            .into_iter()
            .flatten()
            .fold(ours, Timestamp::min)
    }

    /// The scopes that may be closed for a call with this account.
    pub fn scopes(&self, account: AccountId) -> Vec<Scope> {
        let is_verification = account.stage == Stage::Verification;
        let bill = self.about.bill.as_ref().filter(|_| is_verification);
        let province = bill
            .and_then(|bill| bill.province.clone())
            .map(Scope::Province);
        let bill = bill.map(|bill| Scope::Bill(bill.id.clone()));
        [Scope::Pause(account.name), Scope::Account(account.name)]
            .into_iter()
            .chain(province)
            .chain(bill)
            .collect()
    }

    /// The image that the job is about from now on. What was found out about another one says
    /// nothing about it.
    pub fn is_about(&mut self, image: &str) {
        if self
            .about
            .image
            .as_deref()
            .is_some_and(|before| before != image)
        {
            self.steps.rotated_for = None;
            self.steps.recognition_error = None;
            self.about.bill = None;
            self.steps.inline.clear();
        }
        self.about.image = Some(image.to_owned());
    }

    /// The job is parked once more.
    pub fn park(&mut self, parked: Parked) {
        self.delivered.parked = Some(parked);
        self.costs.totals.parked = self.costs.totals.parked.saturating_add(1);
    }

    /// The job waited while a stage was paused.
    pub fn slept(&mut self, paused: SignedDuration) {
        self.paused.paused_ms = self
            .paused
            .paused_ms
            .saturating_add(u64::try_from(paused.as_millis()).unwrap_or(0));
    }

    /// How often this job paused the stage while others were answered.
    pub fn pauses(&self, stage: Stage) -> u32 {
        self.paused
            .pauses
            .get(&stage)
            .map_or(0, |(times, _)| *times)
    }

    /// The job's answer pauses the stage, now. It counts against the job if another job was
    /// answered well since it last did so.
    pub fn paused(&mut self, stage: Stage, now: Timestamp, others_answered: Option<Timestamp>) {
        let (times, last) = self
            .paused
            .pauses
            .get(&stage)
            .copied()
            .unwrap_or((0, self.first_seen));
        let counts = others_answered.is_some_and(|answered| answered >= last);
        self.paused
            .pauses
            .insert(stage, (times.saturating_add(counts.into()), now));
    }

    /// How often this job has taken step `step` of `rule`.
    pub fn used(&self, rule: &str, step: usize) -> u32 {
        self.steps
            .steps
            .get(rule)
            .and_then(|uses| uses.get(step))
            .copied()
            .unwrap_or(0)
    }

    /// Records that the job takes this step now.
    pub fn charge(&mut self, rule: &str, step: usize) {
        let uses = self.steps.steps.entry(rule.to_owned()).or_default();
        if uses.len() <= step {
            uses.resize(step + 1, 0);
        }
        uses[step] = uses[step].saturating_add(1);
    }

    /// The note that is kept with an answer which this run has just paid for.
    pub fn paid_by(&self) -> PaidBy {
        PaidBy {
            run: self.run.clone(),
            calls: self.costs.calls.clone(),
        }
    }

    /// An answer is there already, and this run need not pay for it.
    pub fn found(&mut self, stage: Stage, paid: Option<PaidBy>) {
        let is_ours = paid.as_ref().is_some_and(|paid| paid.run == self.run);
        // It comes back with its recognition.
        let is_known = stage == Stage::Recognition && self.about.bill.is_some();
        self.notes.found(stage, is_ours || is_known);
        self.recover(paid);
    }

    /// The calls that this run had made when it left this note, and does not know of.
    pub fn recover(&mut self, paid: Option<PaidBy>) {
        if let Some(paid) = paid.filter(|paid| paid.run == self.run) {
            self.notes.recover(paid.calls, &self.costs.calls);
        }
    }

    /// The calls of the run that `known` does not have: the turn that made them could not be told.
    pub fn recover_beside(&mut self, known: &Self) {
        let calls = self.costs.calls.clone();
        self.notes.recover(calls, &known.costs.calls);
    }

    /// The whole question was answered for another run of the job.
    pub fn answered_elsewhere(&mut self, verify: bool) {
        self.notes.hits = vec![Stage::Recognition];
        let verification = verify.then_some(Stage::Verification);
        self.notes.hits.extend(verification);
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
