//! What the end of a turn is in the ledger: a function of what is in hand.

use super::event::{
    CallPrice, Ending, Hit, LOST, LedgerCall, LedgerEvent, SCHEMA, StageCode, Wait, call_id,
    lost_id,
};
use crate::broker::InHand;
use crate::checkpoint::StoredResult;
use crate::domain::account::AccountName;
use crate::domain::failure::{Billed, Stage};
use crate::domain::progress::{Bill, LostTurn};
use crate::domain::result::CallRecord;
use crate::seal::{SealKind, Sealer};
use crate::settings::tariff::{Currency, Tariff};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// A keyed hash is cut to so many hexadecimal digits.
const BILL_DIGITS: usize = 32;

/// How a turn ends.
#[derive(Clone)]
pub enum TurnEnd<'a> {
    Answered(&'a StoredResult),
    /// The run had been answered: the same bytes are published again.
    Replayed(&'a StoredResult),
    Parked(Wait),
    Dropped,
}

impl<'a> TurnEnd<'a> {
    /// The turn ends with this answer.
    pub fn of(stored: &'a StoredResult, is_replayed: bool) -> Self {
        if is_replayed {
            Self::Replayed(stored)
        } else {
            Self::Answered(stored)
        }
    }
}

/// What an account is called in the ledger, and what its calls cost.
#[derive(Clone, Debug)]
pub struct PricedAccount {
    pub stage: Stage,
    pub name: AccountName,
    pub tariff: Tariff,
    pub currency: Currency,
}

/// Makes events of turns.
pub(super) struct TurnBook {
    pub(super) accounts: Vec<PricedAccount>,
    /// The time zone of prices.
    pub(super) timezone: TimeZone,
    /// Whom a job is for that names neither a submitter nor a bucket.
    pub(super) default_submitter: String,
    pub(super) sealer: Sealer,
}

/// The most lost deliveries that are told in one event: a broker counts fewer, and a message may
/// state any number.
const MOST_DEATHS: u32 = 20;

impl TurnBook {
    /// The event of a turn that ends now. What a lost turn left open is told with it, once it is
    /// known what is kept of it.
    pub(super) fn event(
        &self,
        held: &mut InHand<'_>,
        end: &TurnEnd<'_>,
        now: Timestamp,
    ) -> LedgerEvent {
        let (run, progress) = (held.past.progress.run.clone(), &held.past.progress);
        let made = progress
            .costs
            .totals
            .calls
            .saturating_sub(held.calls_before);
        let new = progress.calls_of_this_turn();
        let kept = match end {
            TurnEnd::Replayed(stored) if progress.delivered.redelivered => calls_of(stored),
            _ => Vec::new(),
        };
        let told = progress.notes.recovered.iter().chain(&kept).chain(new);
        let mut calls: Vec<LedgerCall> = Vec::new();
        for call in told {
            let told = self.call(&run, call);
            if calls.iter().all(|before| before.id != told.id) {
                calls.push(told);
            }
        }
        let lost = progress
            .delivered
            .lost
            .filter(|_| !matches!(end, TurnEnd::Parked(_)) || progress.notes.looked || made > 0);
        if let Some(lost) = lost {
            calls.extend(self.lost(held, end, lost, new, now));
        }
        let (ending, stored, parked) = match end {
            TurnEnd::Answered(stored) => (Ending::Answered, Some(*stored), None),
            TurnEnd::Replayed(stored) => (Ending::Replayed, Some(*stored), None),
            TurnEnd::Parked(wait) => (Ending::Parked, None, Some(wait.clone())),
            TurnEnd::Dropped => (Ending::Dropped, None, None),
        };
        let error = stored.and_then(|stored| stored.error.as_ref());
        let bill = progress.about.bill.as_ref();
        let hits = progress.notes.hits.iter();
        let event = LedgerEvent {
            schema: SCHEMA.to_owned(),
            id: String::new(),
            at: now,
            turn: progress.delivered.turn,
            job_id: held.job_id.clone(),
            submitter: self.submitter(held),
            ending,
            status: stored.map(|stored| stored.status),
            verdict: stored.and_then(|stored| stored.verdict),
            error: error.map(|error| StageCode {
                stage: error.stage,
                code: error.code.clone(),
            }),
            parked,
            redelivered: held.is_redelivered,
            calls_left_out: made.saturating_sub(u32::try_from(new.len()).unwrap_or(u32::MAX)),
            lost_turn: lost.map(|lost| lost.turn),
            calls,
            hits: hits.filter_map(|stage| self.hit(*stage, now)).collect(),
            province: bill
                .and_then(|bill| bill.province.as_ref())
                .map(|province| province.label().to_owned()),
            metadata: held
                .submitted
                .as_ref()
                .map(|submitted| submitted.metadata.clone())
                .unwrap_or_default(),
            bill: bill.map(|bill| self.keyed_hash(bill)),
            first_seen: progress.first_seen,
            run,
        };
        if lost.is_some() {
            held.past.progress.delivered.lost = None;
        }
        // An answer whose queue does not take it is followed by another event of this turn.
        held.past.progress.notes.hits.clear();
        event.identified()
    }

    /// The calls that the workers may have made which did not live to the end of the turn: each at
    /// most one that left nothing. It was for the answer that had to be bought now; there was none
    /// where all was found, or where the message is no job.
    fn lost(
        &self,
        held: &InHand<'_>,
        end: &TurnEnd<'_>,
        lost: LostTurn,
        new: &[CallRecord],
        now: Timestamp,
    ) -> Vec<LedgerCall> {
        let progress = &held.past.progress;
        let is_found = matches!(end, TurnEnd::Replayed(_) | TurnEnd::Dropped)
            || (new.is_empty() && !progress.notes.recovered.is_empty());
        let Some(submitted) = held.submitted.as_ref().filter(|_| !is_found) else {
            return Vec::new();
        };
        let stage = match new.first() {
            Some(call) => call.stage,
            None if progress.about.bill.is_some() && submitted.verify => Stage::Verification,
            None => Stage::Recognition,
        };
        let call = CallRecord {
            stage,
            code: LOST.to_owned(),
            request_id: None,
            at: now,
            duration_ms: 0,
            billed: Billed::Unknown,
        };
        let deaths = 1..=lost.times.min(MOST_DEATHS);
        let calls = deaths.map(|death| LedgerCall {
            id: lost_id(&progress.run, lost.turn, death),
            ..self.call(&progress.run, &call)
        });
        calls.collect()
    }

    fn call(&self, run: &str, call: &CallRecord) -> LedgerCall {
        let account = self.account(call.stage);
        LedgerCall {
            id: call_id(run, call),
            account: account.map_or(AccountName::STORAGE, |account| account.name),
            code: call.code.clone(),
            request_id: call.request_id.clone(),
            billed: call.billed,
            price: account.and_then(|account| self.price(account, call.at)),
            at: call.at,
            duration_ms: call.duration_ms,
        }
    }

    fn hit(&self, stage: Stage, now: Timestamp) -> Option<Hit> {
        let account = self.account(stage)?;
        Some(Hit {
            account: account.name,
            saved: self.price(account, now),
        })
    }

    fn account(&self, stage: Stage) -> Option<&PricedAccount> {
        self.accounts.iter().find(|account| account.stage == stage)
    }

    fn price(&self, account: &PricedAccount, at: Timestamp) -> Option<CallPrice> {
        let day = at.to_zoned(self.timezone.clone()).date();
        Some(CallPrice {
            price: account.tariff.on(day)?,
            currency: account.currency.clone(),
        })
    }

    fn submitter(&self, held: &InHand<'_>) -> Option<String> {
        let submitted = held.submitted.as_ref()?;
        let named = submitted.submitter.clone();
        Some(named.unwrap_or_else(|| self.default_submitter.clone()))
            .filter(|submitter| !submitter.is_empty())
    }

    fn keyed_hash(&self, bill: &Bill) -> String {
        let seals = self
            .sealer
            .seal(SealKind::Bill, &[bill.id.as_str().as_bytes()]);
        seals.chars().take(BILL_DIGITS).collect()
    }
}

/// The calls of a result that was published before, and those of lost turns that its worker knew of.
fn calls_of(stored: &StoredResult) -> Vec<CallRecord> {
    #[derive(Deserialize)]
    struct Calls {
        calls: Vec<CallRecord>,
    }
    let result = serde_json::from_str::<Calls>(stored.body.get());
    let mut calls = stored.recovered.clone();
    calls.extend(result.map(|result| result.calls).unwrap_or_default());
    calls
}
