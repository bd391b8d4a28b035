//! The fleet as lines of text, for a screen or for a file. Pure.
//!
//! The tables are those of the other commands, so that they fit any width; on a wide screen two of a
//! few short columns stand beside each other.

use super::figures::{speed, whole};
use super::fleet::Fleet;
use super::growth::Count;
use super::tables::{answered, budgets, closed, cost, parked, rate, workers};
use super::tone_lines::{Tone, ToneLine, beside, width_of_each};
use crate::command::terminal::wrap;

/// From this width on, short tables stand beside each other.
const WIDE: usize = 150;

pub(super) fn lines(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let mut lines = title(fleet, columns);
    let parts: &[fn(&Fleet, usize) -> Vec<ToneLine>] = if columns >= WIDE {
        &[rate_and_cost, workers, closed, budgets, parked_and_answered]
    } else {
        &[rate, workers, closed, budgets, parked, answered, cost]
    };
    lines.extend(parts.iter().flat_map(|part| part(fleet, columns)));
    lines
}

fn rate_and_cost(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let width = width_of_each(2, columns);
    beside(&[rate(fleet, width), cost(fleet, width)], width)
}

fn parked_and_answered(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let width = width_of_each(2, columns);
    beside(&[parked(fleet, width), answered(fleet, width)], width)
}

fn title(fleet: &Fleet, columns: usize) -> Vec<ToneLine> {
    let (answering, all) = (fleet.answering(), fleet.workers.len());
    let tone = if answering < all {
        Tone::Alarm
    } else {
        Tone::Title
    };
    let text = format!(
        "{answering} of {all} workers answer; {} jobs in flight, {} answered",
        whole(fleet.in_flight),
        speed(answered_by_all(fleet).per_second),
    );
    let lines = wrap(&text, columns).into_iter();
    lines.map(|line| (tone, line)).collect()
}

/// Jobs answered by all workers.
fn answered_by_all(fleet: &Fleet) -> Count {
    let mut all = Count::default();
    for worker in &fleet.workers {
        all.add(worker.answered);
    }
    all
}
