//! Figures as they are shown. Pure.

use crate::command::money::grouped;
use crate::command::terminal::length;

const BAR: u8 = 10;
pub(super) const UNKNOWN: &str = "–";

pub(super) fn tenth(number: f64) -> String {
    format!("{number:.1}")
}

pub(super) fn whole(number: f64) -> String {
    format!("{number:.0}")
}

/// So many a second, or a minute where that is less than one.
pub(super) fn speed(per_second: Option<f64>) -> String {
    match per_second {
        None => UNKNOWN.into(),
        Some(per_second) if per_second >= 1.0 || per_second <= 0.0 => format!("{per_second:.1}/s"),
        Some(per_second) => format!("{:.1}/min", per_second * 60.0),
    }
}

/// `1,234.50 CNY`. The metrics are no exact sums, so that a hundredth is enough.
pub(super) fn money(amount: f64, currency: &str) -> String {
    let amount = format!("{amount:.2}");
    format!("{} {currency}", grouped(amount.as_str()))
        .trim_end()
        .to_owned()
}

/// An amount of calls or money, without decimals where it has none.
pub(super) fn amount(number: f64) -> String {
    let text = format!("{number:.2}");
    grouped(text.trim_end_matches(".00"))
}

/// How much of the whole is used, as a bar and a figure.
pub(super) fn part_of(used: Option<f64>, whole: Option<f64>) -> String {
    let (Some(used), Some(whole)) = (used, whole.filter(|whole| *whole > 0.0)) else {
        return UNKNOWN.into();
    };
    let part = used / whole;
    let is_filled = |cell: &u8| part * f64::from(BAR) > f64::from(*cell) + 0.5;
    let bar: String = (0..BAR)
        .map(|cell| if is_filled(&cell) { '█' } else { '░' })
        .collect();
    format!("{bar} {:.0} %", part * 100.0)
}

/// How long it is until then.
pub(super) fn until(at: Option<f64>, now: f64) -> String {
    match at {
        None => UNKNOWN.into(),
        Some(at) if at <= now => "now".into(),
        Some(at) => format!("in {}", length_of(at - now)),
    }
}

/// A length of time; none is shorter than nothing.
pub(super) fn length_of(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and saturates"
    )]
    let seconds = seconds.max(0.0).ceil() as u64;
    length(seconds)
}
