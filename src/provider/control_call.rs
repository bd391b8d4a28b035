//! Making a control call.

use super::account::Account;
use super::{Request, Shown, View};
use crate::domain::failure::{Billed, Failure};
use crate::policy::Streak;
use crate::telemetry::metric;
use std::time::Duration;
use tokio::time::Instant;

/// Each account makes at most one in so long because of jobs.
const EVERY: Duration = Duration::from_mins(10);

impl<A> Account<A> {
    /// Is it us, and not the jobs? What was found out in the last ten minutes still holds.
    pub(super) async fn is_our_fault(&self, streak: Streak) -> bool {
        let mut last = self.control.last.lock().await;
        if let Some((at, is_ours)) = *last
            && at.elapsed() < EVERY
        {
            return is_ours;
        }
        let is_ours = self.control_call(streak).await.is_some();
        *last = Some((Instant::now(), is_ours));
        if !is_ours {
            self.retrier.breaker.control_call_answered(self.id.name);
        }
        is_ours
    }

    /// The account is paused, and the time for the next control call has come.
    pub async fn probe(&self, streak: Streak) {
        let mut last = self.control.last.lock().await;
        let refused = self.control_call(streak).await;
        *last = Some((Instant::now(), refused.is_some()));
        match refused {
            Some(failure) => self
                .retrier
                .breaker
                .control_call_refused(self.id.name, &failure),
            None => self.retrier.breaker.control_call_answered(self.id.name),
        }
    }

    /// Within the same limits as every other call. The refusal, if it is the same again.
    async fn control_call(&self, streak: Streak) -> Option<Failure> {
        let picture = self.control.picture();
        let _slot = self.quota.acquire(None).await;
        let started = Instant::now();
        let request = Request::new(View::Inline(picture.clone()), false);
        let outcome = self.ask(&request, Shown::Picture(&picture)).await;
        let duration = started.elapsed();
        let (code, billed, refused) = match outcome {
            Ok(reply) => (
                reply.code.to_owned(),
                self.retrier.policy.billed(self.id, reply.code),
                None,
            ),
            Err(failure) => {
                let is_free = failure
                    .http_status
                    .is_some_and(|status| !(200..300).contains(&status))
                    || self.retrier.policy.meaning(&failure).may_be_our_network;
                let billed = if is_free {
                    Billed::No
                } else {
                    self.retrier.policy.billed(self.id, &failure.code)
                };
                (
                    failure.code.clone(),
                    billed,
                    Some(failure).filter(|failure| {
                        self.retrier.policy.meaning(failure).streak == Some(streak)
                    }),
                )
            }
        };
        metric::control_call(self.id.name);
        self.count_call(&code, billed, self.retrier.clock.now(), duration);
        let fault = if refused.is_some() {
            "this worker's or the provider's"
        } else {
            "the jobs' own"
        };
        tracing::warn!(
            stage = %self.id.name, code, billed = billed.as_str(), duration_ms = duration.as_millis(), fault,
            "a control call was made, with a picture that was answered before, because jobs were refused in a row"
        );
        refused
    }
}
