//! What is submitted, drawn from the seed: bills of every kind, copies and repetitions of them, and
//! what is no job at all.

use super::arguments::Arguments;
use super::pictures::{Bill, Picture};
use invoice_worker::broker::{Message, Properties};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::time::Duration;

/// Jobs that name it are answered in the queue for results without a home, from the moment in which
/// it is deleted.
pub(crate) const VANISHING: &str = "replies.vanishing";
/// Takes nothing for a while. Jobs wait two minutes for it, which is too long for a short run.
pub(crate) const FULL: &str = "replies.full";
pub(crate) const REPLIES: [&str; 3] = ["replies.0", "replies.1", "replies.2"];
/// The key of an object that is a text.
pub(crate) const NOT_A_PICTURE: &str = "odd/notes.txt";
const FULL_FROM_JOBS: usize = 1_000;
/// How many jobs are answered there: more than the slots that one such queue may occupy.
const FULL_JOBS: usize = 12;
/// Of a thousand submissions.
const ODD: usize = 30;
const REPETITIONS: usize = 120;

/// How the correlation id of every order begins.
pub(crate) const ORDER: &str = "order ";

/// One submission.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) number: usize,
    pub(crate) job_id: String,
    pub(crate) asks: Asks,
    pub(crate) reply_to: Option<&'static str>,
    pub(crate) expires: bool,
    pub(crate) origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// About a file of this bill.
    Bill {
        bill: usize,
        copy: usize,
        verify: bool,
    },
    /// Ends as this error, `invalid_job`.
    Odd { error: &'static str },
}

/// What an order has to do with an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    New,
    /// Another job about the same file, once the earlier one is answered.
    SameFile(usize),
    /// The same job once more, as another run, once it is answered.
    AnotherRun(usize),
    /// The same message, once it is answered.
    Again(usize),
    /// The same message, at the same time.
    AtOnce(usize),
}

/// The orders, by their numbers.
pub(crate) fn orders(arguments: &Arguments, bills: &[Bill]) -> Vec<Order> {
    let mut chance = StdRng::seed_from_u64(arguments.seed);
    let mut orders: Vec<Order> = Vec::with_capacity(arguments.jobs);
    for number in 0..arguments.jobs {
        let drawn = chance.random_range(0..1_000);
        let earlier = if number == 0 {
            None
        } else {
            Some(chance.random_range(0..number))
        };
        let order = match earlier.map(|earlier| &orders[earlier]) {
            _ if drawn < ODD => odd(number, drawn),
            Some(earlier) if drawn < ODD + REPETITIONS && earlier.may_be_repeated() => {
                repetition(number, drawn, earlier)
            }
            _ if arguments.jobs >= FULL_FROM_JOBS && number < FULL_JOBS => Order {
                reply_to: Some(FULL),
                ..new(number, bills, &mut chance)
            },
            _ => new(number, bills, &mut chance),
        };
        orders.push(order);
    }
    orders
}

fn new(number: usize, bills: &[Bill], chance: &mut StdRng) -> Order {
    let bill = chance.random_range(0..bills.len());
    let verify = !bills[bill].for_recognition_only && chance.random_range(0..10) > 0;
    let reply_to = match chance.random_range(0..100) {
        0..8 => None,
        8..14 => Some(VANISHING),
        other => Some(REPLIES[other % REPLIES.len()]),
    };
    let expires = chance.random_range(0..20) == 0;
    Order {
        number,
        job_id: job_id(number),
        asks: Asks::Bill {
            bill,
            copy: number,
            verify,
        },
        reply_to,
        expires,
        origin: Origin::New,
    }
}

fn odd(number: usize, drawn: usize) -> Order {
    let errors = [
        "job.malformed",
        "job.unsupported_version",
        "image.not_found",
        "image.unsupported_format",
    ];
    let asks = Asks::Odd {
        error: errors[drawn % errors.len()],
    };
    Order {
        number,
        job_id: job_id(number),
        asks,
        reply_to: Some(REPLIES[0]),
        expires: false,
        origin: Origin::New,
    }
}

fn repetition(number: usize, drawn: usize, earlier: &Order) -> Order {
    let same = Order {
        number,
        ..earlier.clone()
    };
    match drawn % 4 {
        0 => Order {
            job_id: job_id(number),
            origin: Origin::SameFile(earlier.number),
            ..same
        },
        1 => Order {
            origin: Origin::AnotherRun(earlier.number),
            ..same
        },
        2 => Order {
            origin: Origin::Again(earlier.number),
            ..same
        },
        _ => Order {
            origin: Origin::AtOnce(earlier.number),
            ..same
        },
    }
}

fn job_id(number: usize) -> String {
    format!("CHAOS-{number:05}")
}

impl Order {
    fn may_be_repeated(&self) -> bool {
        self.origin == Origin::New
            && matches!(self.asks, Asks::Bill { .. })
            && self.reply_to.is_some_and(|queue| queue != FULL)
    }

    /// Answers carry it. A message that is submitted again has the first one's.
    pub(crate) fn correlation(&self) -> String {
        match self.origin {
            Origin::Again(earlier) | Origin::AtOnce(earlier) => format!("{ORDER}{earlier:05}"),
            Origin::New | Origin::SameFile(_) | Origin::AnotherRun(_) => {
                format!("{ORDER}{:05}", self.number)
            }
        }
    }

    /// The order that has to be answered before.
    pub(crate) fn after(&self) -> Option<usize> {
        match self.origin {
            Origin::New | Origin::AtOnce(_) => None,
            Origin::SameFile(earlier) | Origin::AnotherRun(earlier) | Origin::Again(earlier) => {
                Some(earlier)
            }
        }
    }

    pub(crate) fn picture(&self, bills: &[Bill]) -> Option<Picture> {
        match self.asks {
            Asks::Bill { bill, copy, .. } => Some(bills[bill].picture(copy)),
            Asks::Odd { .. } => None,
        }
    }

    pub(crate) fn metadata(&self) -> serde_json::Value {
        json!({ "claim": format!("claim of {}", self.job_id), "ordered": self.correlation() })
    }

    pub(crate) fn message(&self, bills: &[Bill]) -> Message {
        let correlation = self.correlation();
        let properties = Properties {
            content_type: Some("application/json".to_owned()),
            reply_to: self.reply_to.map(str::to_owned),
            message_id: Some(format!("message of {correlation}")),
            correlation_id: Some(correlation),
            timestamp: Some(1_700_000_000),
            expiration: self.expires.then_some(Duration::from_hours(24)),
            ..Properties::default()
        };
        Message {
            body: self.body(bills).into(),
            properties,
        }
    }

    fn body(&self, bills: &[Bill]) -> String {
        let (key, schema, verify) = match self.asks {
            Asks::Bill { bill, copy, verify } => {
                (bills[bill].picture(copy).key, "invoice.job/1", verify)
            }
            Asks::Odd {
                error: "job.malformed",
            } => return format!("{{\"job_id\": \"{}\", ", self.job_id),
            Asks::Odd {
                error: "job.unsupported_version",
            } => ("odd/nothing".to_owned(), "invoice.job/9", true),
            Asks::Odd {
                error: "image.not_found",
            } => ("odd/nothing".to_owned(), "invoice.job/1", true),
            Asks::Odd { .. } => (NOT_A_PICTURE.to_owned(), "invoice.job/1", true),
        };
        let metadata = self.metadata();
        json!({ "schema": schema, "job_id": self.job_id, "image": { "key": key }, "verify": verify, "metadata": metadata }).to_string()
    }
}
