//! Calls, and what they come to in each currency.

use crate::command::money::MoneySum;
use crate::ledger::CallPrice;
use serde_json::{Map, Value, json};
use std::rc::Rc;

/// Whether a call's price is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    Paid,
    Free,
    /// Whether it is billed is not known.
    Unknown,
    /// It need not be bought: the answer was there.
    Saved,
}

/// One call, and its price where its account has one.
#[derive(Clone, Debug)]
pub(super) struct BookedCall {
    pub(super) kind: CallKind,
    pub(super) price: Option<Rc<CallPrice>>,
}

/// Calls of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CallSum {
    pub(super) calls: u64,
    /// Calls without a price.
    pub(super) unpriced: u64,
    pub(super) money: MoneySum,
}

/// The sums of a group of calls.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CostSums {
    pub(super) paid: CallSum,
    pub(super) free: CallSum,
    pub(super) unknown: CallSum,
    pub(super) saved: CallSum,
    /// Jobs that were answered.
    pub(super) answered: u64,
}

impl CallSum {
    pub(super) fn add(&mut self, price: Option<&CallPrice>) {
        self.calls += 1;
        match price {
            Some(price) => self.money.add(price),
            None => self.unpriced += 1,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "calls": self.calls, "unpriced": self.unpriced, "money": self.money.to_json() })
    }
}

impl CostSums {
    pub(super) fn add(&mut self, call: &BookedCall) {
        let sum = match call.kind {
            CallKind::Paid => &mut self.paid,
            CallKind::Free => &mut self.free,
            CallKind::Unknown => &mut self.unknown,
            CallKind::Saved => &mut self.saved,
        };
        sum.add(call.price.as_deref());
    }

    /// The money that is paid for each job that was answered.
    pub(super) fn per_answered(&self) -> Option<MoneySum> {
        self.paid.money.per(self.answered)
    }

    pub(super) fn to_json(&self) -> Map<String, Value> {
        let per_answered = self.per_answered();
        let sums = json!({
            "paid": self.paid.to_json(),
            "free": { "calls": self.free.calls },
            "unknown": self.unknown.to_json(),
            "saved": self.saved.to_json(),
            "answered": self.answered,
            "per_answered": per_answered.map(|money| money.to_json()),
        });
        match sums {
            Value::Object(sums) => sums,
            _ => Map::new(),
        }
    }
}
