//! Which answer each call gets, and a record of every call.

use super::scenario::{PolicyScenario, SimulatedJob};
use crate::dev::scenario::{
    CallFacts, Fault, FaultUses, RegistryAnswer, ScriptedAnswer, good_code,
};
use crate::domain::failure::{Failure, Stage};
use crate::provider::{Request, View};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A black PNG of 800 by 600 pixels. What follows its end belongs to no picture.
const PNG: &[u8] = b"\
    \x89PNG\x0d\x0a\x1a\x0a\0\0\0\x0dIHDR\0\0\x03\x20\0\0\x02X\x01\0\0\0\0\xb2\x0d\xbf\xdd\0\0\
    \0QIDATx\xda\xed\xc1\x01\x0d\0\0\0\xc2\xa0\xf7Om\x0f\x07\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xfc\
    \x1b\xec\xb8\0\x01I\xcb\x0f\xd1\0\0\0\0IEND\xaeB`\x82";

/// One call, and what was answered.
#[derive(Clone, Debug)]
pub struct SimulatedCall {
    /// Since the start.
    pub at: Duration,
    pub stage: Stage,
    pub code: String,
    /// Its place among the scenario's jobs.
    pub job: usize,
    /// The call asked for `auto_rotate`.
    pub turned: bool,
}

pub(super) struct SimulationScript {
    pub(super) scenario: PolicyScenario,
    /// Cancelled when there were `max_calls`.
    pub(super) full: CancellationToken,
    max_calls: usize,
    began: Instant,
    places: HashMap<String, usize>,
    state: Mutex<ScriptState>,
}

struct ScriptState {
    uses: FaultUses,
    calls: Vec<SimulatedCall>,
    /// The job that each task of a worker is about: a picture may belong to several jobs.
    turns: HashMap<task::Id, usize>,
}

/// The answer to a call.
pub(super) struct Given {
    pub(super) job: usize,
    pub(super) takes: Duration,
    pub(super) registry: RegistryAnswer,
    pub(super) qr_code_found: Option<bool>,
    /// No two answers have the same one, although they may come at the same moment.
    pub(super) request_id: Option<String>,
    /// `None` where the answer is good.
    pub(super) failure: Option<Failure>,
}

impl SimulationScript {
    /// The clock starts now. Downloads count as calls.
    pub(super) fn new(scenario: PolicyScenario, max_calls: usize) -> Self {
        let places = scenario
            .jobs
            .iter()
            .enumerate()
            .map(|(place, job)| (job.id.clone(), place))
            .collect();
        let state = ScriptState {
            uses: FaultUses::of(&scenario.answers),
            calls: Vec::new(),
            turns: HashMap::new(),
        };
        Self {
            scenario,
            full: CancellationToken::new(),
            max_calls,
            began: Instant::now(),
            places,
            state: Mutex::new(state),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// The store: a job's id is its key.
    pub(super) fn download(&self, key: &str) -> Result<Bytes, Failure> {
        let job = self
            .place(key)
            .ok_or_else(|| Failure::new(Stage::Storage, "NoSuchKey", "not in this scenario"))?;
        if let Some(turn) = task::try_id() {
            self.state().turns.insert(turn, job);
        }
        let given = self.give(Stage::Storage, job, false);
        given
            .failure
            .map_or_else(|| Ok(picture(&self.scenario.jobs[job].image)), Err)
    }

    /// Takes the store no checkpoints now?
    pub(super) fn is_unwritable(&self) -> bool {
        self.scenario
            .unwritable
            .as_ref()
            .is_some_and(|times| times.contains(&self.elapsed()))
    }

    /// Whether the store keeps checkpoints now and answers that it does not.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.scenario
            .unconfirmed
            .as_ref()
            .is_some_and(|times| times.contains(&self.elapsed()))
    }

    /// A provider.
    pub(super) fn call(&self, stage: Stage, request: &Request) -> Given {
        match self.caller(&request.view) {
            Some(job) => self.give(stage, job, request.auto_rotate),
            // A control call with the built-in picture.
            None => Given {
                job: 0,
                takes: Duration::ZERO,
                registry: RegistryAnswer::Genuine,
                qr_code_found: None,
                request_id: None,
                failure: None,
            },
        }
    }

    /// Every call and download so far. What happened at the same moment has no order but that of
    /// the jobs.
    pub(super) fn calls(&self) -> Vec<SimulatedCall> {
        let mut calls = self.state().calls.clone();
        calls.sort_by_key(|call| (call.at, call.job));
        calls
    }

    fn give(&self, stage: Stage, job: usize, turned: bool) -> Given {
        let at = self.elapsed();
        let SimulatedJob {
            id,
            image,
            note_no,
            province,
            ..
        } = &self.scenario.jobs[job];
        let facts = CallFacts {
            at,
            job: Some(id),
            image: Some(image),
            note_no: Some(note_no),
            province: province.as_deref(),
            auto_rotate: turned,
            ..CallFacts::default()
        };
        let mut record = self.state();
        let fault = record
            .uses
            .next(&self.scenario.answers, stage, &facts, |_| 0.0);
        let request_id = format!("call-{}", record.calls.len());
        let failure = Failure {
            request_id: Some(request_id.as_str().into()),
            ..failure(stage, fault)
        };
        record.calls.push(SimulatedCall {
            at,
            stage,
            code: failure.code.clone(),
            job,
            turned,
        });
        if record.calls.len() >= self.max_calls {
            self.full.cancel();
        }
        let is_good = fault
            .is_none_or(|fault| fault.answer == ScriptedAnswer::Genuine && !fault.nothing_read);
        Given {
            job,
            takes: fault.map_or(Duration::ZERO, |fault| fault.delay),
            registry: fault
                .and_then(|fault| fault.registry)
                .unwrap_or(RegistryAnswer::Genuine),
            qr_code_found: fault.and_then(|fault| fault.qr),
            request_id: Some(request_id),
            failure: (!is_good).then_some(failure),
        }
    }

    /// The job whose turn it is, if it is about this picture; a control call is about another one.
    fn caller(&self, view: &View) -> Option<usize> {
        let turn = task::try_id().and_then(|turn| self.state().turns.get(&turn).copied());
        let View::Inline(picture) = view else {
            return turn;
        };
        let image = picture.bytes.strip_prefix(PNG)?;
        let is_about_it = |job: &usize| self.scenario.jobs[*job].image.as_bytes() == image;
        turn.filter(is_about_it)
            .or_else(|| (0..self.scenario.jobs.len()).find(is_about_it))
    }

    fn state(&self) -> MutexGuard<'_, ScriptState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer as the policy sees it; without a fault it is the good one.
fn failure(stage: Stage, fault: Option<&Fault>) -> Failure {
    let Some(fault) = fault else {
        return Failure::new(stage, good_code(stage), "");
    };
    let http_status = fault.http_status.or(match fault.answer {
        ScriptedAnswer::Http(status) => Some(status),
        ScriptedAnswer::Genuine
        | ScriptedAnswer::Code(_)
        | ScriptedAnswer::Named(_)
        | ScriptedAnswer::Broken(_) => None,
    });
    let message = fault.message.as_deref().unwrap_or_default();
    Failure {
        http_status,
        qr_code_found: fault.qr,
        nothing_read: fault.nothing_read,
        retry_after: fault.retry_after,
        ..Failure::new(stage, fault.answer.code(stage), message)
    }
}

fn picture(image: &str) -> Bytes {
    Bytes::from([PNG, image.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::inspect;

    fn given(answers: &str, calls: usize) -> String {
        let text = format!("[[scenario]]\nname = 'x'\nexpect = {{ paid = 0 }}\n{answers}");
        let scenario = PolicyScenario::parse(&text, "test").unwrap().remove(0);
        let mut uses = FaultUses::of(&scenario.answers);
        let codes: Vec<String> = (0..calls)
            .map(|minute| {
                let at = Duration::from_mins(minute as u64);
                let facts = CallFacts {
                    at,
                    ..CallFacts::default()
                };
                let next = uses.next(&scenario.answers, Stage::Verification, &facts, |_| 0.0);
                next.map_or("-".to_owned(), |fault| fault.answer.to_string())
            })
            .collect();
        codes.join(" ")
    }

    #[test]
    fn the_first_answer_that_fits_and_is_not_used_up_is_given() {
        let answer = |what: &str| format!("[[scenario.answer]]\nstage = 'verification'\n{what}\n");
        for (answers, told) in [
            ([answer("code = '1'"), answer("code = '2'")], "1 1 1 1 1"),
            (
                [
                    answer("code = '1'\ntimes = 2"),
                    answer("code = '2'\ntimes = 1"),
                ],
                "1 1 2 - -",
            ),
            (
                [answer("code = '1'\ncalls = [2, 4]"), answer("code = '2'")],
                "2 1 2 1 2",
            ),
            (
                [
                    answer("code = '1'\ntimes = 1"),
                    answer("code = '2'\ncalls = [1, 2]"),
                ],
                "1 2 - - -",
            ),
            (
                [
                    answer("code = '1'\nfrom = '1m'\nuntil = '3m'"),
                    answer("code = '2'\nfrom = '2m'"),
                ],
                "- 1 1 2 2",
            ),
            (
                [
                    answer("code = '1'\nauto_rotate = true"),
                    answer("code = '2'\ntimes = 1"),
                ],
                "2 - - - -",
            ),
        ] {
            assert_eq!(given(&answers.concat(), 5), told, "{answers:?}");
        }
    }

    #[test]
    fn a_picture_is_one_that_both_providers_take() {
        let facts = inspect(&picture("name"), 1).unwrap();
        assert_eq!((facts.width, facts.height), (800, 600));
    }
}
