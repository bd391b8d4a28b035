//! Was an earlier job about this bill? What bills are known by, and what the mark of an earlier job
//! says about a later one.

use super::amount::to_the_fen;
use super::invoice::Invoice;
use super::reading::Reading;
use super::spelling;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A number or a code with fewer characters was hardly read whole: it says nothing.
const LEAST_CHARACTERS: usize = 6;

/// The earlier job about the same bill, as a result says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeenBefore {
    pub job_id: String,
    pub by: SeenBy,
    /// When that job read the bill.
    pub at: Timestamp,
}

/// What is the same in both jobs; what comes first says most.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SeenBy {
    /// The image, byte for byte.
    Image,
    /// Code and number of the bill.
    Number,
    NumberTotalDate,
}

/// What a bill is known by, as far as it was read. It is a person's bill, so that it is no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct BillTraits {
    image: String,
    number: Option<String>,
    code: Option<String>,
    total_and_date: Option<String>,
}

impl BillTraits {
    /// The traits of a bill that was read in this image, by one of these invoices: the first one
    /// that has a number.
    pub fn of<'a>(image: &str, invoices: impl IntoIterator<Item = &'a Invoice>) -> Self {
        let mut numbered = invoices
            .into_iter()
            .filter_map(|invoice| Some((legible(invoice.note_no.as_ref())?, invoice)));
        let Some((number, invoice)) = numbered.next() else {
            return Self {
                image: image.to_owned(),
                number: None,
                code: None,
                total_and_date: None,
            };
        };
        let total = invoice.total_cost.as_ref().and_then(Reading::value);
        let date = invoice.billing_date.as_ref().and_then(Reading::value);
        Self {
            image: image.to_owned(),
            number: Some(number),
            code: legible(invoice.note_code.as_ref()),
            total_and_date: total
                .zip(date)
                .map(|(total, date)| format!("{} {date}", to_the_fen(*total).normalize())),
        }
    }

    pub fn have_number(&self) -> bool {
        self.number.is_some()
    }

    /// The traits as they are kept: `hash` is a keyed one, of a kind of trait and its parts.
    pub fn hashed(&self, hash: impl Fn(&str, &[&str]) -> String) -> BillHashes {
        let number = self.number.as_deref();
        BillHashes {
            image: hash("image", &[&self.image]),
            number: number.map(|number| hash("number", &[number])),
            code_and_number: self
                .code
                .as_deref()
                .zip(number)
                .map(|(code, number)| hash("code, number", &[code, number])),
            number_total_date: number
                .zip(self.total_and_date.as_deref())
                .map(|(number, rest)| hash("number, total, date", &[number, rest])),
        }
    }
}

/// A number in the common form of all its spellings; `None` where it was not read whole.
fn legible(text: Option<&String>) -> Option<String> {
    let whole = spelling::bare_number(text?)?;
    let is_long = whole.chars().count() >= LEAST_CHARACTERS;
    is_long.then(|| spelling::number(&whole)).flatten()
}

/// Keyed hashes of what a bill is known by. The bill cannot be told from them without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillHashes {
    pub image: String,
    /// Bills of this number are looked for in one place, whatever their code.
    pub number: Option<String>,
    code_and_number: Option<String>,
    number_total_date: Option<String>,
}

/// The mark that a job leaves of its bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillMark {
    job_id: String,
    at: Timestamp,
    image: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code_and_number: Option<String>,
    /// As they were read in the picture, and as the registry has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    number_total_date: Vec<String>,
    /// The registry said that the bill is red-lettered: one that replaces it is not the same bill.
    #[serde(default, skip_serializing_if = "is_false")]
    is_red_lettered: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// The meaning of a job's mark for another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkMeaning {
    /// The same job left it, in another run perhaps.
    OwnMark,
    SameBill(SeenBy),
    /// Another bill has the same number.
    OtherBill,
    /// It is older than is looked back.
    Expired,
}

impl BillMark {
    pub fn new(job_id: &str, at: Timestamp, bill: &BillHashes) -> Self {
        Self {
            job_id: job_id.to_owned(),
            at,
            image: bill.image.clone(),
            code_and_number: bill.code_and_number.clone(),
            number_total_date: bill.number_total_date.iter().cloned().collect(),
            is_red_lettered: false,
        }
    }

    /// Adds what else the bill is known by: what the registry has. Answers whether that is news.
    pub fn add(&mut self, bill: &BillHashes) -> bool {
        let code_is_new = bill.code_and_number.is_some() && self.code_and_number.is_none();
        if code_is_new {
            self.code_and_number.clone_from(&bill.code_and_number);
        }
        let rest = bill.number_total_date.as_ref();
        let rest = rest.filter(|rest| !self.number_total_date.contains(rest));
        let rest_is_new = rest.is_some();
        self.number_total_date.extend(rest.cloned());
        code_is_new || rest_is_new
    }

    /// Says that the bill is red-lettered.
    pub fn redden(&mut self) {
        self.is_red_lettered = true;
    }

    /// Tells this mark from every other one.
    pub fn name(&self) -> String {
        format!("{} {}", self.at, self.job_id)
    }

    pub fn meaning(
        &self,
        job_id: &str,
        bill: &BillHashes,
        now: Timestamp,
        lookback: Duration,
    ) -> MarkMeaning {
        if self.job_id == job_id {
            return MarkMeaning::OwnMark;
        }
        let lookback = SignedDuration::try_from(lookback).unwrap_or(SignedDuration::MAX);
        if now.duration_since(self.at) > lookback {
            return MarkMeaning::Expired;
        }
        self.same_by(bill)
            .map_or(MarkMeaning::OtherBill, MarkMeaning::SameBill)
    }

    /// The traits that are the same in the mark and in a bill.
    pub fn same_by(&self, bill: &BillHashes) -> Option<SeenBy> {
        let rest = bill.number_total_date.as_ref();
        if self.image == bill.image {
            Some(SeenBy::Image)
        } else if self.code_and_number.is_some() && self.code_and_number == bill.code_and_number {
            Some(SeenBy::Number)
        } else if rest.is_some_and(|rest| self.number_total_date.contains(rest)) {
            Some(SeenBy::NumberTotalDate)
        } else {
            None
        }
    }

    /// A red-lettered bill and the one that replaces it are two bills; the same image is the same
    /// bill in any case.
    pub fn may_be_replaced(&self, by: SeenBy) -> bool {
        self.is_red_lettered && by != SeenBy::Image
    }
}

/// The earlier jobs about a bill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlierJobs {
    pub of_the_bill: Option<SeenBefore>,
    /// Of a red-lettered bill with the same number.
    pub of_a_red_lettered_one: Option<SeenBefore>,
}

impl EarlierJobs {
    /// Adds the job of a mark: the first one counts, and the most that is the same.
    pub fn add(&mut self, mark: &BillMark, by: SeenBy) {
        let place = if mark.may_be_replaced(by) {
            &mut self.of_a_red_lettered_one
        } else {
            &mut self.of_the_bill
        };
        let seen = place.get_or_insert_with(|| SeenBefore {
            job_id: mark.job_id.clone(),
            by,
            at: mark.at,
        });
        if seen.job_id == mark.job_id {
            seen.by = seen.by.min(by);
        }
    }

    /// The earlier job that a result names. A red-lettered bill and the one that replaces it are two
    /// bills, whichever was read first; the same image is the same bill in any case.
    pub fn seen_before(self, is_red_lettered: bool) -> Option<SeenBefore> {
        let same = self.of_the_bill;
        if is_red_lettered {
            self.of_a_red_lettered_one
                .or(same.filter(|seen| seen.by == SeenBy::Image))
        } else {
            same
        }
    }

    /// The finding in this place or, where that was nothing, in the other one.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            of_the_bill: self.of_the_bill.or(other.of_the_bill),
            of_a_red_lettered_one: self.of_a_red_lettered_one.or(other.of_a_red_lettered_one),
        }
    }
}

#[cfg(test)]
mod tests;
