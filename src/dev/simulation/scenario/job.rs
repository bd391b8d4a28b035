//! The jobs of a scenario, as they are written and as they run.

use crate::dev::scenario::duration::{self, LONGEST};
use crate::settings::located::{Problem, require};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use std::collections::HashSet;
use std::time::Duration;
use toml::Spanned;

pub(super) const MAX_JOBS: usize = 2_000;
/// An id is a word of a line, a key in the store and part of an image's bytes.
const MAX_ID_BYTES: usize = 100;
const DEFAULT_PROVINCE: &str = "浙江";
/// Neither new nor old, as the policy sees it.
const DEFAULT_AGE_DAYS: i64 = 10;
const OLDEST_DAYS: i64 = 36_500;

#[derive(Clone, Debug)]
pub(crate) struct SimulatedJob {
    pub(crate) id: String,
    /// When it is submitted, since the start.
    pub(crate) at: Duration,
    /// Names the picture's content.
    pub(crate) image: String,
    /// The province that recognition reads, if any.
    pub(crate) province: Option<String>,
    pub(crate) note_no: String,
    billing_date: BillingDate,
    pub(crate) verify: bool,
    /// Since its submission.
    pub(crate) deadline: Option<Duration>,
    pub(crate) progress: bool,
}

#[derive(Clone, Copy, Debug)]
enum BillingDate {
    Unknown,
    On(Date),
    /// On the day of the start; negative is in the future.
    DaysOld(i64),
}

impl SimulatedJob {
    pub(crate) fn billing_date(&self, start: Timestamp, timezone: &TimeZone) -> Option<Date> {
        match self.billing_date {
            BillingDate::Unknown => None,
            BillingDate::On(date) => Some(date),
            BillingDate::DaysOld(days) => Some(
                start
                    .to_zoned(timezone.clone())
                    .date()
                    .saturating_sub(days.days()),
            ),
        }
    }
}

/// The position of the job with this id.
pub(super) fn position(jobs: &[SimulatedJob], id: &str) -> Option<usize> {
    jobs.iter().position(|job| job.id == id)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenJob {
    id: Option<Spanned<String>>,
    at: Option<Spanned<String>>,
    repeat: Option<Spanned<usize>>,
    every: Option<Spanned<String>>,
    image: Option<Spanned<String>>,
    province: Option<String>,
    days_old: Option<Spanned<i64>>,
    billing_date: Option<Spanned<String>>,
    note_no: Option<String>,
    #[serde(default = "yes")]
    verify: bool,
    deadline: Option<Spanned<String>>,
    #[serde(default)]
    progress: bool,
}

fn yes() -> bool {
    true
}

/// Every job, each with an id of its own.
pub(super) fn lift(written: Vec<Spanned<WrittenJob>>) -> Result<Vec<SimulatedJob>, Problem> {
    if written.is_empty() {
        return Ok(vec![SimulatedJob::named("job".to_owned())]);
    }
    let (mut jobs, mut ids) = (Vec::new(), HashSet::new());
    for job in written {
        let place = job.span();
        for job in job.into_inner().lift()? {
            require(ids.insert(job.id.clone()), &place, || {
                format!("there is another job with the id {:?}", job.id)
            })?;
            require(jobs.len() < MAX_JOBS, &place, || {
                format!("more than {MAX_JOBS} jobs")
            })?;
            jobs.push(job);
        }
    }
    Ok(jobs)
}

impl SimulatedJob {
    fn named(id: String) -> Self {
        Self {
            at: Duration::ZERO,
            image: id.clone(),
            province: Some(DEFAULT_PROVINCE.to_owned()),
            note_no: id.clone(),
            billing_date: BillingDate::DaysOld(DEFAULT_AGE_DAYS),
            verify: true,
            deadline: None,
            progress: false,
            id,
        }
    }
}

impl WrittenJob {
    fn lift(self) -> Result<Vec<SimulatedJob>, Problem> {
        let id = name(self.id.as_ref())?.unwrap_or("job").to_owned();
        let image = name(self.image.as_ref())?.map(str::to_owned);
        let ids = match &self.repeat {
            None => vec![id],
            Some(times) => {
                let few = (1..=MAX_JOBS).contains(times.get_ref());
                require(few, &times.span(), || {
                    format!("`repeat` is between 1 and {MAX_JOBS}")
                })?;
                (1..=*times.get_ref())
                    .map(|number| format!("{id}-{number}"))
                    .collect()
            }
        };
        let read = |written: &Option<Spanned<String>>, least: Duration| {
            written
                .as_ref()
                .map(|written| duration::read(written, &(least..=LONGEST)))
                .transpose()
        };
        let at = read(&self.at, Duration::ZERO)?.unwrap_or_default();
        let every = read(&self.every, Duration::from_millis(1))?.unwrap_or_default();
        if let Some(written) = &self.every {
            let last = at
                .saturating_add(every.saturating_mul(u32::try_from(ids.len()).unwrap_or(u32::MAX)));
            require(self.repeat.is_some(), &written.span(), || {
                "`every` is for jobs with `repeat`".to_owned()
            })?;
            require(last <= LONGEST, &written.span(), || {
                "the last of these jobs comes after more than 40 days".to_owned()
            })?;
        }
        let deadline = read(&self.deadline, Duration::from_secs(1))?;
        let billing_date = billing_date(self.days_old, self.billing_date)?;
        let province = self.province.unwrap_or_else(|| DEFAULT_PROVINCE.to_owned());
        let province = (!province.is_empty()).then_some(province);
        let job = |(number, id): (u32, String)| {
            let image = image.clone().unwrap_or_else(|| id.clone());
            SimulatedJob {
                at: at + every * number,
                province: province.clone(),
                note_no: self.note_no.clone().unwrap_or_else(|| image.clone()),
                image,
                billing_date,
                verify: self.verify,
                deadline,
                progress: self.progress,
                id,
            }
        };
        Ok((0..).zip(ids).map(job).collect())
    }
}

fn name(written: Option<&Spanned<String>>) -> Result<Option<&str>, Problem> {
    let Some(written) = written else {
        return Ok(None);
    };
    let name = written.get_ref();
    let strange = |letter: char| letter.is_whitespace() || letter.is_control() || letter == '*';
    let plain = !name.is_empty() && name.len() <= MAX_ID_BYTES && !name.contains(strange);
    require(plain, &written.span(), || {
        format!("{name:?} is not one word of at most {MAX_ID_BYTES} bytes without *")
    })?;
    Ok(Some(name))
}

fn billing_date(
    days_old: Option<Spanned<i64>>,
    date: Option<Spanned<String>>,
) -> Result<BillingDate, Problem> {
    match (days_old, date) {
        (None, None) => Ok(BillingDate::DaysOld(DEFAULT_AGE_DAYS)),
        (Some(days), None) => {
            let bearable = (-OLDEST_DAYS..=OLDEST_DAYS).contains(days.get_ref());
            require(bearable, &days.span(), || {
                "`days_old` is more than a century".to_owned()
            })?;
            Ok(BillingDate::DaysOld(days.into_inner()))
        }
        (None, Some(date)) if date.get_ref() == "unknown" => Ok(BillingDate::Unknown),
        (None, Some(date)) => {
            let wrong = |_| {
                Problem::new(
                    &date.span(),
                    format!(
                        "{:?} is neither a date like 2026-02-20 nor \"unknown\"",
                        date.get_ref()
                    ),
                )
            };
            date.get_ref().parse().map(BillingDate::On).map_err(wrong)
        }
        (Some(_), Some(date)) => Err(Problem::new(
            &date.span(),
            "give `days_old` or `billing_date`, not both".to_owned(),
        )),
    }
}
