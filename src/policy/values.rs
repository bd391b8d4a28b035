//! Values that several keys of the table have in common.

use crate::settings::located::Problem;
use jiff::SignedDuration;
use std::time::Duration;
use toml::Spanned;

const MAX_DURATIONS: usize = 32;

/// One of the names that are known, with what it stands for.
pub(super) fn named<T: Copy>(
    written: &Spanned<String>,
    what: &str,
    known: &[(&str, T)],
) -> Result<T, Problem> {
    let name = written.get_ref();
    known
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let known = known
                .iter()
                .map(|(known, _)| *known)
                .collect::<Vec<_>>()
                .join(", ");
            Problem::new(
                &written.span(),
                format!("there is no {what} {name:?}; there are {known}"),
            )
        })
}

/// The durations of the list that is called `key`.
pub(super) fn durations(
    written: &Spanned<Vec<Spanned<String>>>,
    key: &str,
    max: Duration,
) -> Result<Vec<Duration>, Problem> {
    let list = written.get_ref();
    if list.is_empty() || list.len() > MAX_DURATIONS {
        return Err(Problem::with(
            written,
            format!("`{key}` needs 1 to {MAX_DURATIONS} durations"),
        ));
    }
    list.iter().map(|text| duration(text, max)).collect()
}

/// A duration of at least a millisecond.
pub(super) fn duration(written: &Spanned<String>, max: Duration) -> Result<Duration, Problem> {
    let text = written.get_ref();
    let parsed = text
        .parse::<SignedDuration>()
        .ok()
        .and_then(|signed| Duration::try_from(signed).ok());
    match parsed {
        Some(duration) if (Duration::from_millis(1)..=max).contains(&duration) => Ok(duration),
        Some(_) => Err(Problem::new(
            &written.span(),
            format!(
                "{text:?} is not between 1ms and {:#}",
                SignedDuration::try_from(max).unwrap_or_default()
            ),
        )),
        None => Err(Problem::new(
            &written.span(),
            format!("{text:?} is not a duration; write for instance \"30s\", \"5m\" or \"1h30m\""),
        )),
    }
}
