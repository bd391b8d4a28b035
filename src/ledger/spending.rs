//! Tells the budgets what the ledger says: from the beginning of the longest period on, and then
//! each event as it is written, by whichever worker.

use super::event::LedgerEvent;
use crate::broker::{BrokerError, StreamMessage, StreamSource, StreamStart};
use crate::budget::{Budgets, ToldCall};
use jiff::{SignedDuration, Timestamp};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::sleep;

/// A period begins by this worker's clock, and the broker finds the place by its own.
const CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_mins(10);
/// A ledger that cannot be read is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// So often it is looked whether a period is over.
const LOOK_AT_THE_CLOCK: Duration = Duration::from_secs(1);

/// Follows the ledger for as long as it is polled.
pub(super) async fn follow(source: StreamSource, stream: String, budgets: Budgets) {
    tokio::join!(
        read_again(&source, &stream, &budgets),
        look_at_the_clock(&budgets)
    );
}

async fn read_again(source: &StreamSource, stream: &str, budgets: &Budgets) {
    loop {
        let Err(problem) = read(source, stream, budgets).await;
        budgets.cannot_be_read(&problem.to_string());
        sleep(TRY_AGAIN).await;
    }
}

async fn look_at_the_clock(budgets: &Budgets) {
    loop {
        sleep(LOOK_AT_THE_CLOCK).await;
        budgets.refresh();
    }
}

/// Reads what there is, and then on and on.
async fn read(
    source: &StreamSource,
    stream: &str,
    budgets: &Budgets,
) -> Result<Infallible, BrokerError> {
    let start = budgets.begin_reading();
    let start = start.saturating_sub(CLOCKS_DIFFER_BY).unwrap_or(start);
    let mut place = StreamStart::At(start.max(Timestamp::UNIX_EPOCH));
    let mut present = source.read_stream(stream, place, false).await?;
    while let Some(entry) = present.next().await? {
        place = StreamStart::Offset(entry.offset);
        tell_read(budgets, &entry);
    }
    drop(present);
    let mut coming = source.read_stream(stream, place, true).await?;
    budgets.is_read();
    while let Some(entry) = coming.next().await? {
        tell_read(budgets, &entry);
    }
    Err(BrokerError::Lost("the ledger's stream has ended".into()))
}

/// An event of another version tells of nothing that is known here.
fn tell_read(budgets: &Budgets, entry: &StreamMessage) {
    if let Some(event) = LedgerEvent::read(&entry.message.body) {
        tell(budgets, &event);
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
