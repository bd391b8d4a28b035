//! Connection after connection, until nothing is left to be done.

use super::sending::SendError;
use super::turn::{Submission, SubmitState};
use crate::broker::Session;
use crate::command::broker_session::connect;
use crate::config::Config;
use crate::waits;
use anyhow::bail;
use std::cell::RefCell;
use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_secs(1);

impl Submission {
    /// Every job is submitted, and answered where it waits for that, when this returns.
    pub(super) async fn carry_out(
        &self,
        state: &RefCell<SubmitState>,
        config: &Config,
        mut is_new: bool,
    ) -> anyhow::Result<()> {
        let mut losses = 0;
        while !self.is_done(&state.borrow().standings) {
            let session = tokio::select! {
                session = connect(&config.broker) => session,
                () = self.stop.asked_for() => bail!("interrupted"),
            };
            let session = match session {
                Ok(session) => session,
                Err(error) if losses == 0 || error.is_final() => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, "the broker is out of reach; trying again");
                    losses += 1;
                    self.pause(losses).await;
                    continue;
                }
            };
            let outcome = match self.prepare(state, &session, is_new).await {
                Ok(()) => self.turn(state, &session).await,
                Err(error) => Err(SendError::Failed(error)),
            };
            let is_lost = session.is_lost();
            match outcome {
                Ok(()) => self.tidy(state, &session).await,
                Err(SendError::Lost) => {}
                Err(SendError::Failed(_)) if is_lost => {}
                Err(SendError::Stopped) => bail!("interrupted"),
                Err(SendError::Failed(error)) => return Err(error),
            }
            session.close().await;
            if !self.is_done(&state.borrow().standings) {
                if self.stop.is_asked_for() {
                    bail!("interrupted");
                }
                tracing::warn!("the connection to the broker is lost; connecting again");
                losses += 1;
                is_new = false;
                self.pause(losses).await;
            }
        }
        Ok(())
    }

    async fn pause(&self, losses: u32) {
        let wait = waits::growing(FIRST_WAIT, losses, self.randomness.unit());
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.asked_for() => {}
        }
    }

    /// Its own reply queue is there before the first job is sent, and has been there ever since.
    async fn prepare(
        &self,
        state: &RefCell<SubmitState>,
        session: &Session,
        is_new: bool,
    ) -> anyhow::Result<()> {
        let Some(queue) = self
            .batch
            .reply_to
            .as_ref()
            .filter(|_| self.batch.has_own_queue())
        else {
            return Ok(());
        };
        let (submitted, answered) = {
            let standings = &state.borrow().standings;
            (standings.submitted, standings.answered)
        };
        if !is_new && submitted > answered && session.queue_is_gone(queue).await? {
            let count = submitted - answered;
            bail!(
                "the reply queue of this submission is gone, which expires a week after its last use: the results of {count} jobs are in the results queue, or were in it"
            );
        }
        Ok(session.reply_queue(queue).await?)
    }

    async fn tidy(&self, state: &RefCell<SubmitState>, session: &Session) {
        let is_over = state.borrow().standings.is_all_answered();
        if let Some(queue) = &self.batch.reply_to
            && self.batch.has_own_queue()
            && is_over
            && let Err(error) = session.delete_queue(queue).await
        {
            tracing::debug!(queue, %error, "the reply queue stays until it expires");
        }
    }
}
