//! The answers of a scenario: which calls each fits, how often it is given, and what it says.

use super::{Job, LONGEST, duration, fits};
use crate::domain::failure::{MAX_CODE_BYTES, Stage};
use crate::settings::located::{Problem, require};
use serde::Deserialize;
use std::time::Duration;
use toml::Spanned;

pub(super) const MAX_ANSWERS: usize = 500;
/// As long as a provider's timeout can be.
const LONGEST_CALL: Duration = Duration::from_mins(10);

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) whom: Whom,
    pub(crate) often: Often,
    pub(crate) content: Content,
    /// From the call to the answer.
    pub(crate) takes: Duration,
}

/// The calls that an answer fits; what is `None` does not matter.
#[derive(Clone, Debug)]
pub(crate) struct Whom {
    pub(crate) stage: Stage,
    job: Option<String>,
    image: Option<String>,
    province: Option<String>,
    auto_rotate: Option<bool>,
    /// Since the start, this moment included …
    from: Duration,
    /// … and this one not.
    until: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(crate) enum Often {
    Always,
    Times(u32),
    /// From 1, among all the calls that it fits.
    These(Vec<u32>),
}

#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) code: String,
    pub(crate) http_status: Option<u16>,
    pub(crate) message: String,
    pub(crate) qr_code_found: Option<bool>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) nothing_read: bool,
    pub(crate) registry: Registry,
}

/// What the registry says of a bill that it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Registry {
    #[default]
    Genuine,
    Voided,
    RedLettered,
    /// A status that nobody understands.
    Unknown,
}

impl Whom {
    pub(crate) fn fits(&self, stage: Stage, job: &Job, auto_rotate: bool, at: Duration) -> bool {
        self.stage == stage
            && self
                .job
                .as_ref()
                .is_none_or(|pattern| fits(pattern, &job.id))
            && self
                .image
                .as_ref()
                .is_none_or(|pattern| fits(pattern, &job.image))
            && self
                .province
                .as_ref()
                .is_none_or(|province| job.province.as_ref() == Some(province))
            && self.auto_rotate.is_none_or(|wanted| wanted == auto_rotate)
            && self.from <= at
            && self.until.is_none_or(|until| at < until)
    }
}

impl Content {
    /// What a call gets that no answer fits.
    pub(crate) fn good(stage: Stage) -> Self {
        Self {
            code: good_code(stage).to_owned(),
            http_status: None,
            message: String::new(),
            qr_code_found: None,
            retry_after: None,
            nothing_read: false,
            registry: Registry::Genuine,
        }
    }

    pub(crate) fn is_good(&self, stage: Stage) -> bool {
        self.code == good_code(stage) && !self.nothing_read
    }
}

fn good_code(stage: Stage) -> &'static str {
    if stage == Stage::Recognition {
        "200"
    } else {
        "OK"
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenAnswer {
    stage: Spanned<String>,
    code: Spanned<String>,
    job: Option<Spanned<String>>,
    image: Option<Spanned<String>>,
    province: Option<Spanned<String>>,
    auto_rotate: Option<Spanned<bool>>,
    from: Option<Spanned<String>>,
    until: Option<Spanned<String>>,
    times: Option<Spanned<u32>>,
    calls: Option<Spanned<Vec<u32>>>,
    http_status: Option<Spanned<u16>>,
    message: Option<String>,
    qr: Option<Spanned<bool>>,
    retry_after: Option<Spanned<String>>,
    nothing_read: Option<Spanned<bool>>,
    registry: Option<Spanned<Registry>>,
    takes: Option<Spanned<String>>,
}

impl WrittenAnswer {
    pub(super) fn lift(self, jobs: &[Job]) -> Result<Answer, Problem> {
        let stage = stage(&self.stage)?;
        let code = self.code.get_ref();
        let plain = (1..=MAX_CODE_BYTES).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_graphic());
        require(plain, &self.code.span(), || format!("{code:?} is no code"))?;
        self.only_where_it_belongs(stage)?;
        let read = |written: &Option<Spanned<String>>, most: Duration| {
            written
                .as_ref()
                .map(|written| duration::read(written, &(Duration::ZERO..=most)))
                .transpose()
        };
        let from = read(&self.from, LONGEST)?.unwrap_or_default();
        let until = read(&self.until, LONGEST)?;
        if let (Some(written), Some(until)) = (&self.until, until) {
            require(from < until, &written.span(), || {
                "`until` is not later than `from`".to_owned()
            })?;
        }
        let takes = read(&self.takes, LONGEST_CALL)?.unwrap_or_default();
        let retry_after = read(&self.retry_after, LONGEST)?;
        let often = often(self.times, self.calls)?;
        known(self.job.as_ref(), "job", |pattern| {
            jobs.iter().any(|job| fits(pattern, &job.id))
        })?;
        known(self.image.as_ref(), "image", |pattern| {
            jobs.iter().any(|job| fits(pattern, &job.image))
        })?;
        known(self.province.as_ref(), "province", |name| {
            jobs.iter().any(|job| job.province.as_deref() == Some(name))
        })?;
        Ok(Answer {
            whom: Whom {
                stage,
                job: self.job.map(Spanned::into_inner),
                image: self.image.map(Spanned::into_inner),
                province: self.province.map(Spanned::into_inner),
                auto_rotate: self.auto_rotate.map(Spanned::into_inner),
                from,
                until,
            },
            often,
            content: Content {
                http_status: self
                    .http_status
                    .map(Spanned::into_inner)
                    .or_else(|| code.strip_prefix("http.")?.parse().ok()),
                code: self.code.into_inner(),
                message: self.message.unwrap_or_default(),
                qr_code_found: self.qr.map(Spanned::into_inner),
                retry_after,
                nothing_read: self.nothing_read.is_some_and(Spanned::into_inner),
                registry: self.registry.map(Spanned::into_inner).unwrap_or_default(),
            },
            takes,
        })
    }

    fn only_where_it_belongs(&self, stage: Stage) -> Result<(), Problem> {
        let code = self.code.get_ref().as_str();
        let verification = stage == Stage::Verification;
        belongs(
            self.auto_rotate.as_ref(),
            verification,
            "`auto_rotate` is for verification",
        )?;
        belongs(self.qr.as_ref(), verification, "`qr` is for verification")?;
        belongs(
            self.registry.as_ref(),
            verification && code == "OK",
            "`registry` is for verification OK",
        )?;
        belongs(
            self.nothing_read.as_ref(),
            stage == Stage::Recognition && code == "200",
            "`nothing_read` is for recognition 200",
        )?;
        belongs(
            self.takes.as_ref(),
            stage != Stage::Storage,
            "`takes` is for the two providers",
        )?;
        let sound = self
            .http_status
            .as_ref()
            .is_none_or(|status| (100..600).contains(status.get_ref()));
        belongs(
            self.http_status.as_ref(),
            sound,
            "`http_status` is between 100 and 599",
        )
    }
}

fn stage(written: &Spanned<String>) -> Result<Stage, Problem> {
    let stages = [Stage::Storage, Stage::Recognition, Stage::Verification];
    let name = written.get_ref();
    let problem = || {
        Problem::new(
            &written.span(),
            format!("there is no stage {name:?}; there are storage, recognition and verification"),
        )
    };
    stages
        .into_iter()
        .find(|stage| stage.as_str() == name)
        .ok_or_else(problem)
}

fn often(times: Option<Spanned<u32>>, calls: Option<Spanned<Vec<u32>>>) -> Result<Often, Problem> {
    match (times, calls) {
        (None, None) => Ok(Often::Always),
        (Some(times), None) => {
            require(*times.get_ref() > 0, &times.span(), || {
                "given never: leave the answer out instead".to_owned()
            })?;
            Ok(Often::Times(times.into_inner()))
        }
        (None, Some(calls)) => {
            let counted = !calls.get_ref().is_empty() && !calls.get_ref().contains(&0);
            require(counted, &calls.span(), || {
                "`calls` is a list of numbers, counted from 1".to_owned()
            })?;
            Ok(Often::These(calls.into_inner()))
        }
        (Some(_), Some(calls)) => Err(Problem::new(
            &calls.span(),
            "give `times` or `calls`, not both".to_owned(),
        )),
    }
}

fn belongs<T>(written: Option<&Spanned<T>>, here: bool, problem: &str) -> Result<(), Problem> {
    match written {
        Some(written) if !here => Err(Problem::new(&written.span(), problem.to_owned())),
        _ => Ok(()),
    }
}

fn known(
    pattern: Option<&Spanned<String>>,
    what: &str,
    is_known: impl Fn(&str) -> bool,
) -> Result<(), Problem> {
    let Some(written) = pattern else {
        return Ok(());
    };
    require(is_known(written.get_ref()), &written.span(), || {
        format!("no job has the {what} {:?}", written.get_ref())
    })
}
