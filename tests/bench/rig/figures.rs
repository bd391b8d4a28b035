//! What many measurements come to.

use std::time::Duration;

/// The value that so many of a hundred do not exceed.
///
/// # Panics
/// There is none.
pub(crate) fn percentile(values: &mut [f64], per_cent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * per_cent).div_ceil(100).max(1) - 1]
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    percentile(values, 50)
}

pub(crate) fn millis(duration: Duration) -> f64 {
    1_000.0 * duration.as_secs_f64()
}

/// For shares and rates.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}
