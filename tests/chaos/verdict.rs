//! Judges what came of it all: a function of what was ordered, answered, bought and broken.

pub(crate) mod check;
mod seen_before;

use super::allowance::Allowance;
use super::call_log::{Account, Accounts};
use super::collector::MessagesById;
use super::differences::differences;
use super::pictures::Bill;
use super::plan::{Asks, Order, Origin};
use super::quiet::lasting;
use invoice_worker::broker::{FAILURE, Message, run_id};
use invoice_worker::domain::failure::Stage;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The clocks of a call's entry and of a kill are read one after the other.
const SLACK: Duration = Duration::from_millis(50);

/// One order, by the correlation id of its answers.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    pub(crate) order: Order,
    pub(crate) run: String,
    /// Of the picture, where there is one.
    pub(crate) sha256: Option<String>,
    /// As [`lasting`] has it.
    pub(crate) expected: Value,
    /// How often this message was submitted.
    pub(crate) copies: usize,
}

#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) sheets: BTreeMap<String, Sheet>,
    pub(crate) answers: MessagesById,
    pub(crate) failed: MessagesById,
    pub(crate) accounts: Accounts,
    pub(crate) allowed: Allowance,
    pub(crate) kills: Vec<Duration>,
}

/// What is wrong, and with which jobs.
pub(crate) type Charge = (&'static str, Vec<String>);

impl Evidence {
    /// Every question, also those that nobody failed.
    pub(crate) fn judge(&self) -> Vec<Charge> {
        vec![
            (
                "jobs without an answer",
                self.of_sheets(|id, _| !self.answers.contains_key(id)),
            ),
            ("answers to nothing that was asked", self.unasked()),
            ("answers other than the script implies", self.misjudged()),
            (
                "results of another run",
                self.of_answers(|sheet, answer| {
                    answer.properties.message_id.as_ref() != Some(&sheet.run)
                }),
            ),
            (
                "duplicates that are not the same bytes",
                self.of_sheets(|id, sheet| self.differ(id, sheet)),
            ),
            (
                "completed, and in invoice.failed",
                self.of_sheets(|id, sheet| completed(sheet) && self.failed.contains_key(id)),
            ),
            (
                "not completed, and not in invoice.failed",
                self.of_sheets(|id, sheet| !completed(sheet) && !self.failed.contains_key(id)),
            ),
            ("in invoice.failed without its reason", self.unreasoned()),
            (
                "flagged as another job's bill, which it is not",
                self.falsely_seen(),
            ),
            ("paid again, without a kill in between", self.overpaid()),
        ]
    }

    pub(crate) fn results(&self) -> usize {
        self.answers.values().map(Vec::len).sum()
    }

    /// Results beyond one for each time that a message was submitted.
    pub(crate) fn duplicates(&self) -> usize {
        self.sheets
            .iter()
            .map(|(id, sheet)| {
                self.answers
                    .get(id)
                    .map_or(0, Vec::len)
                    .saturating_sub(sheet.copies)
            })
            .sum()
    }

    /// Good answers that were bought beyond what is allowed without a crash.
    pub(crate) fn repeated(&self) -> usize {
        self.accounts
            .iter()
            .map(|(whose, account)| account.purchases.len().saturating_sub(self.allowed(whose)))
            .sum()
    }

    /// Jobs that a kill left two copies of, each of which bought an answer.
    pub(crate) fn forked(&self) -> usize {
        let is_too_many = |(whose, account): &(&(Stage, String), &Account)| {
            account.purchases.len() > self.allowed(whose)
        };
        self.accounts
            .iter()
            .filter(is_too_many)
            .filter(|(whose, _)| self.is_forked(whose, Duration::MAX))
            .count()
    }

    /// Answers that the sandbox sent, and that no worker waited for any longer.
    pub(crate) fn all_too_late(&self) -> usize {
        self.accounts
            .iter()
            .map(|(whose, account)| self.too_late(whose, account))
            .sum()
    }

    /// Good answers that a kill may have met on the way: asked for, and not yet in the store.
    pub(crate) fn in_the_air_at_kills(&self) -> usize {
        let met = |account: &Account| {
            account
                .purchases
                .iter()
                .filter(|bought| self.is_met(account, bought.asked, Duration::MAX))
                .count()
        };
        self.accounts.values().map(met).sum()
    }

    fn allowed(&self, whose: &(Stage, String)) -> usize {
        self.allowed.get(whose).copied().unwrap_or(1)
    }

    /// Calls that workers say were not answered in time, beyond those that the sandbox did not
    /// answer.
    fn too_late(&self, whose: &(Stage, String), account: &Account) -> usize {
        if account.purchases.len() <= self.allowed(whose) {
            return 0;
        }
        let of_the_picture = self
            .sheets
            .iter()
            .filter(|(_, sheet)| sheet.sha256.as_ref() == Some(&whose.1));
        let answers: BTreeSet<_> = of_the_picture
            .flat_map(|(id, _)| self.answers.get(id).into_iter().flatten())
            .map(|answer| &answer.body)
            .collect();
        let reported: usize = answers
            .into_iter()
            .map(|body| unanswered(body, whose.0))
            .sum();
        reported.saturating_sub(account.unanswered)
    }

    fn of_sheets(&self, is_wrong: impl Fn(&String, &Sheet) -> bool) -> Vec<String> {
        let wrong = self.sheets.iter().filter(|(id, sheet)| is_wrong(id, sheet));
        wrong
            .map(|(id, sheet)| format!("{} ({id})", sheet.order.job_id))
            .collect()
    }

    fn of_answers(&self, is_wrong: impl Fn(&Sheet, &Message) -> bool) -> Vec<String> {
        self.of_sheets(|id, sheet| {
            self.answers
                .get(id)
                .is_some_and(|answers| answers.iter().any(|answer| is_wrong(sheet, answer)))
        })
    }

    fn misjudged(&self) -> Vec<String> {
        let answers = self.sheets.iter().flat_map(|(id, sheet)| {
            self.answers
                .get(id)
                .into_iter()
                .flatten()
                .map(move |answer| (sheet, answer))
        });
        let wrong = answers
            .map(|(sheet, answer)| (sheet, wrong(sheet, &parsed(answer))))
            .filter(|(_, places)| !places.is_empty());
        wrong
            .map(|(sheet, places)| format!("{} {}", sheet.order.job_id, places.join("; ")))
            .collect()
    }

    fn unasked(&self) -> Vec<String> {
        self.answers
            .keys()
            .chain(self.failed.keys())
            .filter(|id| !self.sheets.contains_key(*id))
            .cloned()
            .collect()
    }

    /// A message that is submitted again is asked again, unless it was completed.
    fn differ(&self, id: &str, sheet: &Sheet) -> bool {
        let bodies: BTreeSet<_> = self
            .answers
            .get(id)
            .into_iter()
            .flatten()
            .map(|answer| &answer.body)
            .collect();
        bodies.len() > if completed(sheet) { 1 } else { sheet.copies }
    }

    fn unreasoned(&self) -> Vec<String> {
        self.of_sheets(|id, sheet| {
            let of = |copy: &Message| {
                copy.properties
                    .headers
                    .text(FAILURE)
                    .and_then(|text| serde_json::from_str::<Value>(&text).ok())
            };
            let is_in_copy = |reason: Value| {
                reason["status"] == sheet.expected["status"]
                    && json!([reason["error"]["stage"], reason["error"]["code"]])
                        == sheet.expected["error"]
                    && reason["run"] == sheet.run.as_str()
            };
            self.failed
                .get(id)
                .is_some_and(|copies| copies.iter().any(|copy| !of(copy).is_some_and(is_in_copy)))
        })
    }

    fn overpaid(&self) -> Vec<String> {
        let mut jobs = Vec::new();
        for (whose, account) in &self.accounts {
            let allowed = self.allowed(whose) + self.too_late(whose, account);
            let too_many = account.purchases.len().saturating_sub(allowed);
            // Each one too many was bought because a kill had come between one of those before it
            // and its checkpoint, or between the park of its job and the acknowledgement, which
            // left two copies that ran at the same time.
            let is_excused = |number: &usize| {
                let again = account.purchases[number + allowed].asked;
                let earlier = &account.purchases[*number..number + allowed];
                earlier
                    .iter()
                    .any(|earlier| self.is_met(account, earlier.asked, again))
                    || self.is_forked(whose, again)
            };
            let excused = (0..too_many).filter(is_excused).count();
            if excused < too_many {
                let of = |sheet: &&Sheet| sheet.sha256.as_ref() == Some(&whose.1);
                let job = self
                    .sheets
                    .values()
                    .find(of)
                    .map_or("?", |sheet| sheet.order.job_id.as_str());
                let asked: Vec<_> = account
                    .purchases
                    .iter()
                    .map(|purchase| format!("{:.1?}", purchase.asked))
                    .collect();
                jobs.push(format!(
                    "{job} {} asked at {}, stored at {:.1?}",
                    whose.0,
                    asked.join(", "),
                    account.stored
                ));
            }
        }
        jobs
    }

    /// Was a job about this picture answered by two copies of itself, after a kill?
    fn is_forked(&self, whose: &(Stage, String), again: Duration) -> bool {
        let is_answered_twice = |(id, sheet): (&String, &Sheet)| {
            sheet.sha256.as_ref() == Some(&whose.1)
                && self.answers.get(id).map_or(0, Vec::len) > sheet.copies
        };
        self.kills.iter().any(|kill| *kill < again) && self.sheets.iter().any(is_answered_twice)
    }

    /// Was a worker killed between this question and the safety of its answer, or the next
    /// question?
    pub(crate) fn is_met(&self, account: &Account, asked: Duration, again: Duration) -> bool {
        let stored = account
            .stored
            .iter()
            .find(|stored| **stored >= asked)
            .copied()
            .unwrap_or(Duration::MAX);
        let until = stored.min(again).saturating_add(SLACK);
        self.kills
            .iter()
            .any(|kill| asked <= *kill + SLACK && *kill <= until)
    }
}

/// In the words of an answer, calls of this stage that were sent and not answered.
fn unanswered(answer: &[u8], stage: Stage) -> usize {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let calls = answer["calls"].as_array().into_iter().flatten();
    calls
        .filter(|call| call["stage"] == stage.as_str() && call["code"] == "timeout")
        .count()
}

fn completed(sheet: &Sheet) -> bool {
    sheet.expected["status"] == "completed"
}

fn parsed(answer: &Message) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// The places in which an answer is not what the script implies.
fn wrong(sheet: &Sheet, answer: &Value) -> Vec<String> {
    if let Asks::Odd { .. } = sheet.order.asks {
        let found = json!({ "status": answer["status"], "error": [answer["error"]["stage"], answer["error"]["code"]] });
        return differences(&found, &sheet.expected);
    }
    let own = |answer: &Value| json!({ "job_id": answer["job_id"], "metadata": answer["metadata"], "sha256": answer["image"]["sha256"] });
    let ordered = json!({ "job_id": sheet.order.job_id, "metadata": sheet.order.metadata(), "sha256": sheet.sha256 });
    [
        differences(&own(answer), &ordered),
        differences(&lasting(answer.clone()), &sheet.expected),
    ]
    .concat()
}

/// What an order that is no bill ends with.
pub(crate) fn odd(error: &str) -> Value {
    let stage = error.split('.').next();
    json!({ "status": "invalid_job", "error": [stage, error] })
}

/// By correlation id: each order once, with the number of times that its message was submitted.
pub(crate) fn sheets(
    orders: &[Order],
    bills: &[Bill],
    expected: impl Fn(&Order) -> Value,
) -> BTreeMap<String, Sheet> {
    let mut sheets: BTreeMap<String, Sheet> = BTreeMap::new();
    for order in orders {
        match order.origin {
            // Repeated is what came before.
            Origin::Again(_) | Origin::AtOnce(_) => {
                sheets.get_mut(&order.correlation()).unwrap().copies += 1;
            }
            Origin::New | Origin::SameFile(_) | Origin::AnotherRun(_) => {
                let sheet = Sheet {
                    run: run_id(&order.message(bills)),
                    sha256: order.picture(bills).map(|picture| picture.sha256),
                    expected: expected(order),
                    copies: 1,
                    order: order.clone(),
                };
                sheets.insert(order.correlation(), sheet);
            }
        }
    }
    sheets
}
