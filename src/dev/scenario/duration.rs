//! Durations as scenarios write and differences show them: `10m30s`, `96h`.

use crate::settings::located::Problem;
use jiff::fmt::friendly::{Spacing, SpanPrinter};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::Spanned;

/// Longer than any job lives: no policy parks beyond its deadline.
pub(in crate::dev) const LONGEST: Duration = Duration::from_hours(40 * 24);

/// Days may be written, and are 24 hours: offsets are counted, not looked up in a calendar.
pub(in crate::dev) fn parse(text: &str) -> Option<Duration> {
    let signed = text
        .parse::<Span>()
        .ok()?
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .ok()?;
    Duration::try_from(signed).ok()
}

pub(in crate::dev) fn read(
    written: &Spanned<String>,
    within: &RangeInclusive<Duration>,
) -> Result<Duration, Problem> {
    let text = written.get_ref();
    let problem = match parse(text) {
        Some(duration) if within.contains(&duration) => return Ok(duration),
        Some(_) => {
            let (least, most) = (shown(*within.start()), shown(*within.end()));
            format!("{text:?} is not between {least} and {most}")
        }
        None => {
            format!("{text:?} is not a duration; write for instance \"30s\", \"2m\" or \"1h30m\"")
        }
    };
    Err(Problem::with(written, problem))
}

/// To the millisecond.
pub(in crate::dev) fn shown(duration: Duration) -> String {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    SpanPrinter::new()
        .spacing(Spacing::None)
        .duration_to_string(&SignedDuration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_back_as_it_is_shown() {
        for (written, as_shown) in [
            ("0s", "0s"),
            ("90s", "1m30s"),
            ("1h 30m", "1h30m"),
            ("2d1h", "49h"),
            ("96h", "96h"),
            ("3500ms", "3s500ms"),
        ] {
            let duration = parse(written).unwrap();
            assert_eq!(shown(duration), as_shown);
            assert_eq!(parse(as_shown), Some(duration));
        }
        for text in ["", "soon", "-1s", "1 month"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
