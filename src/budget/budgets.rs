//! The budgets of all jobs of this worker: asked before each call, told by the ledger.

use super::admission::FleetPart;
use super::book::{BudgetBook, CallOf, FleetView, NotAdmitted, ToldCall};
use super::config::Config;
use super::notices::BudgetNotices;
use super::price::AccountPrice;
use super::terms::BudgetTerms;
use crate::clock::Clock;
use crate::cluster::Membership;
use crate::domain::account::AccountName;
use crate::domain::failure::Billed;
use crate::domain::job::Job;
use crate::telemetry::health::ClosedScope;
use crate::telemetry::metric;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Cheap to clone; clones are the same budgets. Without any, every call is allowed.
#[derive(Clone, Debug, Default)]
pub struct Budgets(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    state: Mutex<BudgetsState>,
    changed: watch::Sender<()>,
    membership: Membership,
    /// The submitter of a job that names neither one nor a bucket.
    default_submitter: String,
    clock: Clock,
}

#[derive(Debug)]
struct BudgetsState {
    book: BudgetBook,
    notices: BudgetNotices,
    reading: LedgerReading,
    /// Why what this worker spends cannot be told to the others.
    unwritten: Option<String>,
    /// The cost of this worker's calls in the air that the others were last told at once.
    announced: BTreeMap<String, Decimal>,
}

/// How much of the ledger has been read.
#[derive(Debug)]
enum LedgerReading {
    /// Not all that was there when reading began.
    Behind,
    UpToDate,
    Failed(String),
}

/// Why a call may not be made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BudgetRefusal {
    /// It depends on calls in the air, or on what is being read, whether there is something left.
    NotNow,
    UsedUp {
        budget: String,
        until: Timestamp,
    },
    /// The amount spent is not known.
    Unknown {
        problem: String,
    },
}

/// A call under a budget that is being made. Dropped without its end, it counts as paid for.
#[derive(Debug)]
#[must_use]
pub struct PendingCall {
    budgets: Budgets,
    /// `None`: it is under no budget.
    number: Option<u64>,
}

impl Budgets {
    /// `settings` were validated.
    pub fn new(
        settings: &[Config],
        prices: Vec<AccountPrice>,
        timezone: TimeZone,
        default_submitter: String,
        (membership, clock): (Membership, Clock),
    ) -> Self {
        if settings.is_empty() {
            return Self::default();
        }
        let terms: Vec<_> = settings.iter().map(BudgetTerms::of).collect();
        let state = BudgetsState {
            notices: BudgetNotices::about(terms.len()),
            book: BudgetBook::new(terms, prices, timezone),
            reading: LedgerReading::Behind,
            unwritten: None,
            announced: BTreeMap::new(),
        };
        metric::budgets_unknown(true);
        Self(Some(Arc::new(Shared {
            state: Mutex::new(state),
            changed: watch::Sender::default(),
            membership,
            default_submitter,
            clock,
        })))
    }

    pub fn are_set(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a call with this account may be made now for the job.
    ///
    /// # Errors
    /// [`BudgetRefusal`], with what keeps it from being made.
    pub fn look(&self, account: AccountName, job: &Job) -> Result<(), BudgetRefusal> {
        let Some(shared) = &self.0 else {
            return Ok(());
        };
        let (call, now, fleet) = (
            shared.call(account, job),
            shared.clock.now(),
            shared.fleet(),
        );
        let state = shared.lock();
        if !state.book.concerns(call) {
            return Ok(());
        }
        state.require_known()?;
        let looked = state.book.look(call, now, &fleet);
        looked.map_err(|refused| state.refusal(refused))
    }

    /// Takes a call into account that begins at this time.
    ///
    /// # Errors
    /// As [`Budgets::look`].
    pub fn begin(
        &self,
        account: AccountName,
        job: &Job,
        at: Timestamp,
    ) -> Result<PendingCall, BudgetRefusal> {
        let Some(shared) = &self.0 else {
            return Ok(PendingCall::under_no_budget());
        };
        let (call, fleet) = (shared.call(account, job), shared.fleet());
        let mut state = shared.lock();
        if !state.book.concerns(call) {
            return Ok(PendingCall::under_no_budget());
        }
        state.require_known()?;
        match state.book.begin(call, at, &fleet) {
            Ok(number) => {
                shared.changed(&mut state, &fleet);
                Ok(PendingCall {
                    budgets: self.clone(),
                    number: Some(number),
                })
            }
            Err(refused) => Err(state.refusal(refused)),
        }
    }

    /// Changes whenever a call may be allowed that was refused before.
    pub fn changes(&self) -> Option<watch::Receiver<()>> {
        self.0.as_ref().map(|shared| shared.changed.subscribe())
    }

    /// The ledger is being read from the beginning of the longest period on. Returns when that
    /// begins.
    pub fn begin_reading(&self) -> Timestamp {
        let Some(shared) = &self.0 else {
            return Timestamp::MAX;
        };
        let now = shared.clock.now();
        let mut state = shared.lock();
        if !matches!(state.reading, LedgerReading::Failed(_)) {
            state.reading = LedgerReading::Behind;
        }
        state.report_known();
        state.book.reads_from(now)
    }

    /// All that was in the ledger has been read.
    pub fn is_read(&self) {
        self.update(|state| state.reading = LedgerReading::UpToDate);
    }

    /// The ledger cannot be read any more.
    pub fn cannot_be_read(&self, problem: &str) {
        self.update(|state| {
            if !matches!(state.reading, LedgerReading::Failed(_)) {
                tracing::error!(
                    problem,
                    mend = "see `invoice-worker check`; budgets need a broker with streams, and the right to read broker.ledger_queue",
                    "the ledger cannot be read, so what was spent is not known: jobs with a budget wait"
                );
            }
            state.reading = LedgerReading::Failed(problem.to_owned());
        });
    }

    /// Whether the ledger takes what this worker spends; `problem` says why it does not.
    pub fn is_written(&self, problem: Option<&str>) {
        self.update(|state| state.unwritten = problem.map(str::to_owned));
    }

    /// The ledger tells of these calls; or this worker does, of its own, where the ledger does not
    /// take them.
    pub fn tell<'a>(&self, calls: impl Iterator<Item = ToldCall<'a>>) {
        let Some(shared) = &self.0 else { return };
        let mut state = shared.lock();
        let now = shared.clock.now();
        calls.for_each(|call| state.book.tell(&call, now));
        if matches!(state.reading, LedgerReading::UpToDate) {
            shared.changed(&mut state, &shared.fleet());
        }
    }

    /// Looks at the clock: a period may be over.
    pub fn refresh(&self) {
        let Some(shared) = &self.0 else { return };
        let now = shared.clock.now();
        self.update(|state| state.book.give_up_waiting(now));
    }

    /// The budgets that are used up, for people.
    pub fn closed(&self) -> Vec<ClosedScope> {
        let Some(shared) = &self.0 else {
            return Vec::new();
        };
        let (now, fleet) = (shared.clock.now(), shared.fleet());
        let state = shared.lock();
        state.notices.closed(&state.book, now, &fleet)
    }

    fn end(&self, number: u64, id: &str, billed: Billed) {
        self.update(|state| state.book.end(number, id, billed));
    }

    fn update(&self, update: impl FnOnce(&mut BudgetsState)) {
        let Some(shared) = &self.0 else { return };
        let mut state = shared.lock();
        update(&mut state);
        shared.changed(&mut state, &shared.fleet());
    }
}

impl PendingCall {
    /// A call that no budget is about.
    pub fn under_no_budget() -> Self {
        Self {
            budgets: Budgets::default(),
            number: None,
        }
    }

    /// The call has ended; the ledger will tell of it under this id.
    pub fn ended(mut self, id: impl FnOnce() -> String, billed: Billed) {
        if let Some(number) = self.number.take() {
            self.budgets.end(number, &id(), billed);
        }
    }
}

impl Shared {
    fn call<'a>(&'a self, account: AccountName, job: &'a Job) -> CallOf<'a> {
        let submitter = job.named_submitter().unwrap_or(&self.default_submitter);
        CallOf { account, submitter }
    }

    fn fleet(&self) -> FleetView {
        // Workers share all budgets, whichever account they are for.
        let share = self.membership.share(AccountName::RECOGNITION).share;
        FleetView {
            part: FleetPart {
                workers: share.workers,
                rank: share.rank,
            },
            in_the_air: self.membership.in_the_air_of_others(),
        }
    }

    /// Reports a change to the other workers, the metrics, the log and the jobs that wait.
    fn changed(&self, state: &mut BudgetsState, fleet: &FleetView) {
        let now = self.clock.now();
        state.report_known();
        let (mut ours, mut is_news) = (BTreeMap::new(), false);
        for (terms, _, standing) in state.book.standings(now, fleet) {
            let told = state.announced.get(&terms.name).copied();
            let cheapest = state.book.cheapest(terms, now);
            is_news |= standing.is_news(told.unwrap_or_default(), cheapest, fleet.part);
            if !standing.ours.is_zero() {
                ours.insert(terms.name.clone(), standing.ours);
            }
        }
        if is_news {
            state.announced.clone_from(&ours);
        }
        self.membership.report_in_the_air(ours, is_news);
        if matches!(state.reading, LedgerReading::UpToDate) {
            state.notices.note(&state.book, now, fleet);
        }
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, BudgetsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BudgetsState {
    fn require_known(&self) -> Result<(), BudgetRefusal> {
        let problem = match (&self.reading, &self.unwritten) {
            (LedgerReading::Failed(problem), _) | (_, Some(problem)) => problem,
            (LedgerReading::Behind, None) => return Err(BudgetRefusal::NotNow),
            (LedgerReading::UpToDate, None) => return Ok(()),
        };
        let problem = problem.clone();
        Err(BudgetRefusal::Unknown { problem })
    }

    fn report_known(&self) {
        metric::budgets_unknown(self.require_known().is_err());
    }

    fn refusal(&self, refused: NotAdmitted) -> BudgetRefusal {
        match refused {
            NotAdmitted::NotNow => BudgetRefusal::NotNow,
            NotAdmitted::UsedUp { budget, until } => {
                let terms = self.book.terms().nth(budget);
                let budget = terms.map(ToString::to_string).unwrap_or_default();
                BudgetRefusal::UsedUp { budget, until }
            }
        }
    }
}

#[cfg(test)]
mod tests;
