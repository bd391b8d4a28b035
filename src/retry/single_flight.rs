//! One call for one image: jobs about the same image that are here at the same time share it.
//!
//! Only calls are shared: every job is answered for itself. A follower neither pays for what it
//! takes over nor is charged with it. Only some jobs follow a call at once: a slow one would fill
//! the worker with its followers, and keep jobs about other images out.

use super::context::JobContext;
use super::retrier::Retrier;
use super::stage_stopped::StageStopped;
use crate::domain::failure::{Failure, Stage};
use crate::domain::progress::Progress;
use crate::policy::{Decision, PolicyDecision};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Jobs that wait here for one call. The others come back for its answer.
const MOST_FOLLOWERS: usize = 8;

/// Calls under way, by the image they are about.
pub struct SingleFlight<T>(Mutex<HashMap<String, UnderWay<T>>>);

struct UnderWay<T> {
    shared: Shared<T>,
    places: Arc<Semaphore>,
}

type Shared<T> = watch::Receiver<Option<Completed<T>>>;

/// How a call ended that others waited for.
#[derive(Clone)]
enum Completed<T> {
    Answered(T),
    Failed(Box<SharedFailure>),
}

/// A failure, and what the policy made of it.
#[derive(Clone)]
struct SharedFailure {
    failure: Failure,
    policy: PolicyDecision,
    rotated_for: Option<String>,
}

pub enum Role<'a, T> {
    Leader(Leader<'a, T>),
    Follower(Follower<T>),
    /// Enough jobs wait for the call.
    TurnedAway,
}

/// Makes the call. Dropped without an answer, a follower takes its place.
pub struct Leader<'a, T> {
    calls: &'a SingleFlight<T>,
    image: String,
    sender: watch::Sender<Option<Completed<T>>>,
}

/// Waits for the leader's call about the same image.
pub struct Follower<T> {
    shared: Shared<T>,
    /// `None`: a job that cannot come back waits wherever it is.
    _place: Option<OwnedSemaphorePermit>,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> SingleFlight<T> {
    /// The part of a job in the call about its image. One that can come back may be turned away.
    pub fn join(&self, image: &str, can_come_back: bool) -> Role<'_, T> {
        let mut calls = self.calls();
        if let Some(UnderWay { shared, places }) = calls.get(image) {
            let place = Arc::clone(places).try_acquire_owned().ok();
            if place.is_none() && can_come_back {
                return Role::TurnedAway;
            }
            return Role::Follower(Follower {
                shared: shared.clone(),
                _place: place,
            });
        }
        let (sender, shared) = watch::channel(None);
        let places = Arc::new(Semaphore::new(MOST_FOLLOWERS));
        calls.insert(image.to_owned(), UnderWay { shared, places });
        Role::Leader(Leader {
            calls: self,
            image: image.to_owned(),
            sender,
        })
    }

    /// Would a job about this image be turned away now?
    pub fn is_full(&self, image: &str) -> bool {
        let calls = self.calls();
        calls
            .get(image)
            .is_some_and(|call| call.places.available_permits() == 0)
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<String, UnderWay<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Leader<'_, T> {
    /// Passes on to the followers how the call ended.
    pub fn complete(
        self,
        outcome: Result<T, Box<StageStopped>>,
        progress: &Progress,
    ) -> Result<T, Box<StageStopped>> {
        let completed = match &outcome {
            Ok(answer) => Some(Completed::Answered(answer.clone())),
            Err(stopped) => shared_failure(stopped, progress).map(Completed::Failed),
        };
        self.sender.send_replace(completed);
        outcome
    }
}

impl<T> Drop for Leader<'_, T> {
    fn drop(&mut self) {
        self.calls.calls().remove(&self.image);
    }
}

/// The failure that the followers take over. What stopped the leader alone is not theirs.
fn shared_failure(stopped: &StageStopped, progress: &Progress) -> Option<Box<SharedFailure>> {
    let StageStopped {
        failure,
        policy,
        blocked,
        ..
    } = stopped;
    let is_an_answer =
        matches!(failure.stage, Stage::Recognition | Stage::Verification) && blocked.is_none();
    let is_the_leaders = policy.cut_short;
    (is_an_answer && !is_the_leaders).then(|| {
        Box::new(SharedFailure {
            failure: failure.clone(),
            policy: policy.clone(),
            rotated_for: progress.steps.rotated_for.clone(),
        })
    })
}

impl<T: Clone> Follower<T> {
    /// How the call ended; `None` where another job has to lead.
    ///
    /// # Errors
    /// [`StageStopped`]: this job may start nothing more, or it is too late for it.
    pub async fn wait(
        mut self,
        retrier: &Retrier,
        job: &JobContext<'_>,
        progress: &mut Progress,
    ) -> Result<Option<Result<T, Box<StageStopped>>>, Box<StageStopped>> {
        retrier.may_call(job)?;
        let completed = self.shared.wait_for(Option::is_some);
        let completed = retrier.in_turn(job, completed).await?;
        let completed = completed.ok().and_then(|completed| completed.clone());
        // An answer that is there is taken over, however late.
        if completed.is_none() {
            retrier.may_call(job)?;
        }
        Ok(completed.map(|completed| match completed {
            Completed::Answered(answer) => Ok(answer),
            Completed::Failed(shared) => Err(shared.take_over(job, progress)),
        }))
    }
}

impl SharedFailure {
    /// Takes the leader's failure over as this job's own.
    fn take_over(self, job: &JobContext<'_>, progress: &mut Progress) -> Box<StageStopped> {
        let Self {
            failure,
            mut policy,
            rotated_for,
        } = self;
        if progress.steps.rotated_for.is_none() {
            progress.steps.rotated_for = rotated_for;
        }
        if matches!(policy.decision, Decision::Park { until } if until > job.deadline) {
            policy.decision = Decision::Fail { invalid_job: None };
        }
        Box::new(StageStopped {
            failure,
            policy,
            blocked: None,
            is_brief: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        Progress::new(String::new(), "2026-03-02T01:00:00Z".parse().unwrap())
    }

    fn stopped(stage: Stage, decision: Decision) -> Box<StageStopped> {
        StageStopped::boxed(Failure::new(stage, "317", ""), decision)
    }

    fn leader(calls: &SingleFlight<u8>) -> Leader<'_, u8> {
        match calls.join("image", true) {
            Role::Leader(leader) => leader,
            Role::Follower(_) | Role::TurnedAway => panic!("another job leads"),
        }
    }

    /// What a follower takes over; `None` where it has to lead itself.
    async fn taken_over(mut shared: Shared<u8>) -> Option<Completed<u8>> {
        shared
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|completed| completed.clone())
    }

    fn follower(calls: &SingleFlight<u8>) -> Shared<u8> {
        match calls.join("image", true) {
            Role::Follower(follower) => follower.shared,
            Role::Leader(_) | Role::TurnedAway => panic!("no job leads"),
        }
    }

    #[test]
    fn enough_jobs_follow_a_call_and_a_place_that_is_left_is_free() {
        let calls = SingleFlight::default();
        let _leader = leader(&calls);
        let join = || calls.join("image", true);
        let mut following: Vec<_> = (0..MOST_FOLLOWERS).map(|_| join()).collect();
        assert!(calls.is_full("image") && matches!(join(), Role::TurnedAway));
        let waited_for = calls.join("image", false);
        assert!(
            matches!(waited_for, Role::Follower(_)),
            "a caller waits for it"
        );
        following.pop();
        assert!(!calls.is_full("image") && matches!(join(), Role::Follower(_)));
        assert!(!calls.is_full("another image"));
    }

    #[tokio::test]
    async fn followers_have_the_leaders_answer() {
        let calls = SingleFlight::default();
        let leader = leader(&calls);
        let followers = [follower(&calls), follower(&calls)];
        assert!(leader.complete(Ok(7), &progress()).is_ok());
        for shared in followers {
            assert!(matches!(
                taken_over(shared).await,
                Some(Completed::Answered(7))
            ));
        }
        assert!(
            matches!(calls.join("image", true), Role::Leader(_)),
            "the call is over"
        );
    }

    #[tokio::test]
    async fn a_leader_that_is_gone_is_replaced() {
        let calls = SingleFlight::default();
        let leader = leader(&calls);
        let waiting = follower(&calls);
        drop(leader);
        assert!(taken_over(waiting).await.is_none());
    }

    #[tokio::test]
    async fn a_failure_is_shared_unless_it_is_the_leaders_alone() {
        let fail = || Decision::Fail { invalid_job: None };
        let mut cut_short = stopped(Stage::Verification, fail());
        cut_short.policy.cut_short = true;
        for (stopped, is_shared) in [
            (stopped(Stage::Verification, fail()), true),
            (cut_short, false),
            (stopped(Stage::Worker, fail()), false),
            (stopped(Stage::Job, fail()), false),
        ] {
            let calls = SingleFlight::default();
            let leader = leader(&calls);
            let waiting = follower(&calls);
            let shown = format!("{stopped:?}");
            assert!(leader.complete(Err(stopped), &progress()).is_err());
            assert_eq!(taken_over(waiting).await.is_some(), is_shared, "{shown}");
        }
    }

    #[test]
    fn images_do_not_share_calls() {
        let calls = SingleFlight::<u8>::default();
        let _leader = leader(&calls);
        assert!(matches!(calls.join("another image", true), Role::Leader(_)));
    }
}
