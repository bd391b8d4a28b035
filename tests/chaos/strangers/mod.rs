//! Messages of strangers between the jobs: properties, headers and bodies that no client of ours
//! would send, drawn from the seed.
//!
//! What becomes of them is checked by what they must not do: every good job is answered as if they
//! were not there, no queue keeps one, no worker dies or loses its connection, and nothing they
//! claim is believed.

mod body;
mod forgery;
mod properties;

pub(crate) use forgery::{Forgery, planted};

use super::arguments::Arguments;
use super::harness::raw_publisher::RawProperties;
use super::pictures::{Bill, Picture};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

/// The plan of the orders has the seed itself.
const ANOTHER: u64 = 0x57a9;
/// Pictures of strangers; no order has so many copies of a bill.
const FIRST_COPY: usize = 1_000_000;

/// A message as it will stand on the wire, beside what it needs in the store.
#[derive(Clone, Debug)]
pub(crate) struct Strange {
    pub(crate) exchange: Exchange,
    pub(crate) properties: RawProperties,
    pub(crate) body: Vec<u8>,
    pub(crate) picture: Picture,
}

/// Where a stranger publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// To the queue of jobs.
    Jobs,
    /// To the exchange by which workers know each other.
    Control,
}

/// The strangers' messages, in their order.
pub(crate) fn messages(arguments: &Arguments, bills: &[Bill]) -> Vec<Strange> {
    let mut random = StdRng::seed_from_u64(arguments.seed ^ ANOTHER);
    (0..arguments.strangers)
        .map(|number| message(number, bills, &mut random))
        .collect()
}

fn message(number: usize, bills: &[Bill], random: &mut StdRng) -> Strange {
    let picture = bills[0].picture(FIRST_COPY + number);
    let sound = job(number, &picture);
    let identified = identified(number);
    let strange = |properties, body| Strange {
        exchange: Exchange::Jobs,
        properties,
        body,
        picture: picture.clone(),
    };
    match random.random_range(0..10) {
        0..3 => strange(
            properties::damaged_text(identified, random),
            sound.to_string().into(),
        ),
        3..6 => strange(
            properties::odd_headers(identified, random),
            sound.to_string().into(),
        ),
        6..9 => {
            let (properties, body) = body::odd(identified, &sound, random);
            strange(properties, body)
        }
        _ => Strange {
            exchange: Exchange::Control,
            ..strange(RawProperties::default(), forgery::heartbeat(random))
        },
    }
}

fn job(number: usize, picture: &Picture) -> Value {
    json!({ "job_id": format!("STRANGER-{number:05}"), "image": { "key": picture.key } })
}

/// Without `reply_to`: the result goes to the queue of results.
fn identified(number: usize) -> RawProperties {
    RawProperties::default()
        .text("content_type", b"application/json")
        .text("message_id", format!("stranger {number}").as_bytes())
}

/// Any bytes, text in most cases not.
fn bytes(random: &mut StdRng, most: usize) -> Vec<u8> {
    let length = random.random_range(0..=most);
    (0..length)
        .map(|_| random.random_range(0..=u8::MAX))
        .collect()
}

fn one_of<T: Clone>(random: &mut StdRng, choices: &[T]) -> T {
    choices[random.random_range(0..choices.len())].clone()
}
