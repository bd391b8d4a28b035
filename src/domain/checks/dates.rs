//! Can a bill's dates be true?

use super::comparison::{Comparison, shown};
use crate::domain::amount::to_the_fen;
use crate::domain::invoice::{Day, Invoice};
use crate::domain::reading::Reading;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// Admission, discharge, billing; for an outpatient treatment, billing.
pub(super) fn dates_in_order(invoice: &Invoice) -> Comparison {
    let value = |day: &Option<Day>| day.as_ref().and_then(Reading::value).copied();
    let begin = value(&invoice.admission_date).map(|date| ("admission_date", date));
    let begin = begin.or(value(&invoice.treatment_date).map(|date| ("treatment_date", date)));
    let end = value(&invoice.discharge_date).map(|date| ("discharge_date", date));
    let billing = value(&invoice.billing_date).map(|date| ("billing_date", date));
    let known: Vec<(&str, Date)> = [begin, end, billing].into_iter().flatten().collect();
    let dates = known
        .iter()
        .map(|(_, date)| date.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    if known.len() < 2 {
        return Comparison::skipped(None, (!dates.is_empty()).then_some(dates));
    }
    let names = known
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(" <= ");
    Comparison::of(known.is_sorted_by_key(|(_, date)| *date), names, dates)
}

/// Hospitals count the day of discharge or do not.
pub(super) fn hospital_days_plausible(invoice: &Invoice) -> Comparison {
    let days = invoice.hospital_days.as_ref();
    let admission = invoice.admission_date.as_ref().and_then(Reading::value);
    let discharge = invoice.discharge_date.as_ref().and_then(Reading::value);
    let stay = admission
        .zip(discharge)
        .map(|(from, to)| to.duration_since(*from).as_hours() / 24);
    match (stay, days.and_then(Reading::value)) {
        // A stay that ends before it begins is reported by `dates_in_order`.
        (Some(stay @ 0..), Some(days)) => {
            let plausible = [Decimal::from(stay), Decimal::from(stay + 1)];
            Comparison::of(
                plausible.contains(&to_the_fen(*days)),
                format_args!("{stay} or {}", stay + 1),
                days,
            )
        }
        _ => Comparison::skipped(None, days.map(shown)),
    }
}

/// No date of the bill is behind `today`, which is a day late at most anywhere.
pub(super) fn not_in_future(invoice: &Invoice, today: Date) -> Comparison {
    let dates = dates_of(invoice);
    let Some((_, latest)) = dates.iter().max_by_key(|(_, date)| *date) else {
        return Comparison::skipped(None, None);
    };
    let tomorrow = today.tomorrow().unwrap_or(today);
    let late = dates.iter().find(|(_, date)| *date > tomorrow);
    match late {
        Some((name, date)) => Comparison::of(false, format_args!("{name} <= {today}"), date),
        None => Comparison::of(true, format_args!("<= {today}"), latest),
    }
}

/// Every date of the treatment, or else the day of the bill, is within the insured days.
pub(super) fn within(invoice: &Invoice, from: Option<Date>, until: Option<Date>) -> Comparison {
    let bound = |date: Option<Date>| date.map_or_else(|| "..".to_owned(), |date| date.to_string());
    let expected = format!("{} to {}", bound(from), bound(until));
    let all = dates_of(invoice);
    let treated: Vec<&(&str, Date)> = all
        .iter()
        .filter(|(name, _)| *name != "billing_date")
        .collect();
    let dates = if treated.is_empty() {
        all.iter().collect()
    } else {
        treated
    };
    let is_within = |date: Date| {
        from.is_none_or(|from| from <= date) && until.is_none_or(|until| date <= until)
    };
    let Some((name, date)) = dates
        .iter()
        .find(|(_, date)| !is_within(*date))
        .or(dates.first())
    else {
        return Comparison::skipped(Some(expected), None);
    };
    Comparison::of(is_within(*date), expected, format_args!("{name} {date}"))
}

fn dates_of(invoice: &Invoice) -> Vec<(&'static str, Date)> {
    let dates = [
        ("treatment_date", &invoice.treatment_date),
        ("admission_date", &invoice.admission_date),
        ("discharge_date", &invoice.discharge_date),
        ("billing_date", &invoice.billing_date),
    ];
    let known = |day: &Option<Day>| day.as_ref().and_then(Reading::value).copied();
    dates
        .into_iter()
        .filter_map(|(name, day)| Some((name, known(day)?)))
        .collect()
}
