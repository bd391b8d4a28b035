//! One call for one image: jobs about the same picture that are here at the same time share it.
//!
//! Only calls are shared: every job is answered for itself. What a follower takes over it neither
//! pays for nor is charged with.

use crate::domain::failure::{Failure, Stage};
use crate::domain::progress::Progress;
use crate::policy::{Decision, PolicyDecision};
use crate::retry::{Case, Retrier, StageStopped};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Calls under way, by the image they are about.
pub struct SingleFlight<T>(Mutex<HashMap<String, Landing<T>>>);

type Landing<T> = watch::Receiver<Option<Landed<T>>>;

/// How a call ended that others waited for.
#[derive(Clone)]
enum Landed<T> {
    Answered(T),
    Failed(Box<Taken>),
}

/// A failure, and what the policy made of it.
#[derive(Clone)]
struct Taken {
    failure: Failure,
    ruling: PolicyDecision,
    rotated_for: Option<String>,
}

pub(super) enum Role<'a, T> {
    Leader(Leader<'a, T>),
    Follower(Follower<T>),
}

/// Makes the call. Dropped without an answer, a follower takes its place.
pub(super) struct Leader<'a, T> {
    flights: &'a SingleFlight<T>,
    image: String,
    landing: watch::Sender<Option<Landed<T>>>,
}

/// Waits for somebody else's call about the same image.
pub(super) struct Follower<T>(Landing<T>);

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> SingleFlight<T> {
    pub(super) fn join(&self, image: &str) -> Role<'_, T> {
        let mut flights = self.flights();
        if let Some(landing) = flights.get(image) {
            return Role::Follower(Follower(landing.clone()));
        }
        let (landing, landed) = watch::channel(None);
        flights.insert(image.to_owned(), landed);
        Role::Leader(Leader {
            flights: self,
            image: image.to_owned(),
            landing,
        })
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<String, Landing<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Leader<'_, T> {
    /// Tells the followers how it ended.
    pub(super) fn land(
        self,
        outcome: Result<T, Box<StageStopped>>,
        progress: &Progress,
    ) -> Result<T, Box<StageStopped>> {
        let landed = match &outcome {
            Ok(answer) => Some(Landed::Answered(answer.clone())),
            Err(stopped) => taken(stopped, progress).map(|taken| Landed::Failed(Box::new(taken))),
        };
        self.landing.send_replace(landed);
        outcome
    }
}

impl<T> Drop for Leader<'_, T> {
    fn drop(&mut self) {
        self.flights.flights().remove(&self.image);
    }
}

/// What the followers take over. What stopped the leader alone is not theirs.
fn taken(stopped: &StageStopped, progress: &Progress) -> Option<Taken> {
    let StageStopped {
        failure,
        ruling,
        barrier,
    } = stopped;
    let is_an_answer =
        matches!(failure.stage, Stage::Recognition | Stage::Verification) && barrier.is_none();
    let is_the_leaders = ruling.cut_short;
    (is_an_answer && !is_the_leaders).then(|| Taken {
        failure: failure.clone(),
        ruling: ruling.clone(),
        rotated_for: progress.rotated_for.clone(),
    })
}

impl<T: Clone> Follower<T> {
    /// How the call ended; `None` where somebody has to lead anew.
    ///
    /// # Errors
    /// [`StageStopped`]: this job may start nothing more, or it is too late for it.
    pub(super) async fn wait(
        mut self,
        retrier: &Retrier,
        case: &mut Case<'_>,
    ) -> Result<Option<Result<T, Box<StageStopped>>>, Box<StageStopped>> {
        retrier.may_call(case)?;
        let landed = retrier
            .in_turn(case, self.0.wait_for(Option::is_some))
            .await?;
        let landed = landed.ok().and_then(|landed| landed.clone());
        // An answer that is there is taken over, however late.
        if landed.is_none() {
            retrier.may_call(case)?;
        }
        Ok(landed.map(|landed| match landed {
            Landed::Answered(answer) => Ok(answer),
            Landed::Failed(taken) => Err(taken.over(case)),
        }))
    }
}

impl Taken {
    /// As this job's own failure.
    fn over(self, case: &mut Case<'_>) -> Box<StageStopped> {
        let Self {
            failure,
            mut ruling,
            rotated_for,
        } = self;
        if case.progress.rotated_for.is_none() {
            case.progress.rotated_for = rotated_for;
        }
        if let Decision::Park { until } = ruling.decision
            && until > case.deadline
        {
            ruling.decision = Decision::Fail { invalid_job: None };
        }
        Box::new(StageStopped {
            failure,
            ruling,
            barrier: None,
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

    fn leader(flights: &SingleFlight<u8>) -> Leader<'_, u8> {
        match flights.join("image") {
            Role::Leader(leader) => leader,
            Role::Follower(_) => panic!("somebody else leads"),
        }
    }

    /// What a follower is told; `None` where it has to lead itself.
    async fn told(mut landing: Landing<u8>) -> Option<Landed<u8>> {
        landing
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|landed| landed.clone())
    }

    fn follower(flights: &SingleFlight<u8>) -> Landing<u8> {
        match flights.join("image") {
            Role::Leader(_) => panic!("nobody leads"),
            Role::Follower(Follower(landing)) => landing,
        }
    }

    #[tokio::test]
    async fn followers_have_the_leaders_answer() {
        let flights = SingleFlight::default();
        let leader = leader(&flights);
        let followers = [follower(&flights), follower(&flights)];
        assert!(leader.land(Ok(7), &progress()).is_ok());
        for landing in followers {
            assert!(matches!(told(landing).await, Some(Landed::Answered(7))));
        }
        assert!(
            matches!(flights.join("image"), Role::Leader(_)),
            "the flight is over"
        );
    }

    #[tokio::test]
    async fn a_leader_that_is_gone_is_replaced() {
        let flights = SingleFlight::default();
        let leader = leader(&flights);
        let waiting = follower(&flights);
        drop(leader);
        assert!(told(waiting).await.is_none());
    }

    #[tokio::test]
    async fn a_failure_is_everybodys_unless_it_is_the_leaders_alone() {
        let fail = || Decision::Fail { invalid_job: None };
        let mut cut_short = stopped(Stage::Verification, fail());
        cut_short.ruling.cut_short = true;
        for (stopped, is_shared) in [
            (stopped(Stage::Verification, fail()), true),
            (cut_short, false),
            (stopped(Stage::Worker, fail()), false),
            (stopped(Stage::Job, fail()), false),
        ] {
            let flights = SingleFlight::default();
            let leader = leader(&flights);
            let waiting = follower(&flights);
            let shown = format!("{stopped:?}");
            assert!(leader.land(Err(stopped), &progress()).is_err());
            assert_eq!(told(waiting).await.is_some(), is_shared, "{shown}");
        }
    }

    #[test]
    fn images_are_flown_apart() {
        let flights = SingleFlight::<u8>::default();
        let _leader = leader(&flights);
        assert!(matches!(flights.join("another image"), Role::Leader(_)));
    }
}
