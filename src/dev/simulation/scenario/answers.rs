//! The answers of a scenario: the language of [`crate::dev::scenario`], as far as a simulation
//! plays it.

use super::job::SimulatedJob;
use crate::dev::scenario::{Fault, Unplayable, WireFault, WrittenFault, duration, fits};
use crate::domain::failure::{MAX_CODE_BYTES, Stage};
use crate::settings::located::{Problem, check, require};
use std::time::Duration;
use toml::Spanned;

const MAX_ANSWERS: usize = 500;
/// The longest timeout of a provider.
const LONGEST_CALL: Duration = Duration::from_mins(10);

const UNPLAYABLE: Unplayable = Unplayable {
    keys: &[
        (
            "sample",
            "is for the sandbox; pictures have a name here: write `image`",
        ),
        (
            "key",
            "is for the sandbox; a job's picture is its object here: write `job`",
        ),
        (
            "operation",
            "is for the sandbox; all downloads are meant here",
        ),
        (
            "probability",
            "is for the sandbox; each call is known beforehand here: write `calls`",
        ),
    ],
    answer: only_on_the_wire,
};

/// Refuses faults that only bytes can be; the client has one name for several of them.
fn only_on_the_wire(stage: Stage, fault: WireFault) -> Option<&'static str> {
    match (fault, stage) {
        (WireFault::Connect | WireFault::Timeout | WireFault::Malformed, _)
        | (WireFault::Truncated, Stage::Storage) => None,
        (WireFault::Closed | WireFault::Reset | WireFault::Slow, _) => {
            Some("is played by the sandbox only; write what the client calls it, \"timeout\"")
        }
        (WireFault::Truncated | WireFault::Garbage | WireFault::Oversize, _) => {
            Some("is played by the sandbox only; write what the client calls it, \"malformed\"")
        }
    }
}

pub(super) fn lift(
    written: Vec<Spanned<WrittenFault>>,
    jobs: &[SimulatedJob],
) -> Result<Vec<Fault>, Problem> {
    if let Some(one_too_many) = written.get(MAX_ANSWERS) {
        let problem = format!("more than {MAX_ANSWERS} answers");
        return Err(Problem::with(one_too_many, problem));
    }
    let answers = written.into_iter().map(Spanned::into_inner);
    answers.map(|answer| lift_one(answer, jobs)).collect()
}

fn lift_one(written: WrittenFault, jobs: &[SimulatedJob]) -> Result<Fault, Problem> {
    let code = written.answer.get_ref();
    let is_plain = (1..=MAX_CODE_BYTES).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_graphic());
    require(is_plain, &written.answer.span(), || {
        format!("{code:?} is no code")
    })?;
    let stage = written.stage()?;
    check(
        written.delay.as_ref(),
        "`takes` is for the two providers",
        |_| stage != Stage::Storage,
    )?;
    if let Some(takes) = &written.delay {
        duration::read(takes, &(Duration::ZERO..=LONGEST_CALL))?;
    }
    let known = |pattern: &Option<Spanned<String>>, what, of: fn(&SimulatedJob) -> Option<&str>| {
        let Some(written) = pattern else {
            return Ok(());
        };
        let is_known = |job: &SimulatedJob| of(job).is_some_and(|is| fits(written.get_ref(), is));
        require(jobs.iter().any(is_known), &written.span(), || {
            format!("no job has the {what} {:?}", written.get_ref())
        })
    };
    known(&written.job, "job", |job| Some(&job.id))?;
    known(&written.image, "image", |job| Some(&job.image))?;
    known(&written.note_no, "note_no", |job| Some(&job.note_no))?;
    known(&written.province, "province", |job| job.province.as_deref())?;
    written.lift(&UNPLAYABLE)
}
