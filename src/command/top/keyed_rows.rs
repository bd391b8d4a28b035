//! Rows by a key of labels. What answers may be no worker, so their number is bounded. Pure.

use super::exposition::Sample;
use std::collections::BTreeMap;

/// Rows of a table beyond these are left out.
pub(super) const MOST_ROWS: usize = 200;

/// The row of this key, unless there are too many.
pub(super) fn row<K: Ord, V: Default>(rows: &mut BTreeMap<K, V>, key: K) -> Option<&mut V> {
    if rows.len() >= MOST_ROWS && !rows.contains_key(&key) {
        return None;
    }
    Some(rows.entry(key).or_default())
}

/// The values of two labels.
pub(super) fn pair(sample: &Sample, first: &str, second: &str) -> (String, String) {
    let [first, second] = [first, second].map(|name| sample.label(name).to_owned());
    (first, second)
}
