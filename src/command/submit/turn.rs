//! The submission over one connection: jobs go out side by side, and where it waits for them,
//! answers come in.

use super::batch::JobBatch;
use super::input::{JobInput, JobLine};
use super::journal::{JournalEntry, SubmitJournal};
use super::replies::Arrival;
use super::sending::{SendError, Sender, SentJob};
use super::standing::Standings;
use super::upload::Uploads;
use crate::broker::{BrokerError, Consumer, Delivery, Session, Settled};
use crate::command::terminal;
use crate::domain::failure::cut;
use crate::randomness::Randomness;
use crate::shutdown::Stop;
use anyhow::Context;
use futures_util::{Stream, StreamExt, stream};
use indicatif::ProgressBar;
use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// The most bytes of a message's text that the progress bar shows.
const SHOWN_BYTES: usize = 64;

/// Jobs that are on their way at once. After a crash as many may be sent once more.
const AT_ONCE: usize = 32;
/// Answers in this process that are not acknowledged yet.
const PREFETCH: u16 = 100;

/// The parts of a submission that it does not change.
pub(super) struct Submission {
    pub(super) batch: JobBatch,
    pub(super) input: JobInput,
    pub(super) uploads: Option<Uploads>,
    pub(super) max_job_bytes: usize,
    pub(super) rate: Option<u16>,
    pub(super) waits: bool,
    pub(super) randomness: Randomness,
    pub(super) stop: Stop,
}

/// The state that it has reached.
pub(super) struct SubmitState {
    pub(super) standings: Standings,
    pub(super) journal: SubmitJournal,
    pub(super) bar: ProgressBar,
}

impl Submission {
    /// Whether nothing is left to be done.
    pub(super) fn is_done(&self, standings: &Standings) -> bool {
        standings.is_all_submitted() && (!self.waits || standings.is_all_answered())
    }

    /// Sends what is not submitted yet, and waits for the answers where it is to.
    ///
    /// # Errors
    /// [`SendError::Lost`]: it can go on over another connection. [`SendError::Stopped`]: it was
    /// asked to stop, and nothing is on its way any more.
    pub(super) async fn turn(
        &self,
        state: &RefCell<SubmitState>,
        session: &Session,
    ) -> Result<(), SendError> {
        let mut replies = self.replies(session).await?;
        let halt = self.stop.token().child_token();
        let sender = Sender {
            batch: &self.batch,
            publisher: session.publisher(),
            uploads: self.uploads.as_ref(),
            max_job_bytes: self.max_job_bytes,
            randomness: &self.randomness,
            stop: &halt,
        };
        let lines = self.lines(state, &halt)?;
        let sending = lines
            .map(|line| async { sender.send(line.map_err(SendError::Failed)?).await })
            .buffer_unordered(AT_ONCE)
            .ready_chunks(AT_ONCE);
        let (mut sending, mut failure, mut is_sending) = (pin!(sending), None, true);
        while is_sending || self.waits && !state.borrow().standings.is_all_answered() {
            tokio::select! {
                sent = sending.next(), if is_sending => match sent {
                    Some(sent) => {
                        if let Err(error) = self.sent(state, sent) {
                            // What is on its way already comes to its end.
                            halt.cancel();
                            failure = failure.or(Some(error));
                        }
                    }
                    None => match failure.take() {
                        Some(error) => return Err(error),
                        None => is_sending = false,
                    },
                },
                reply = next(&mut replies), if failure.is_none() => {
                    let reply = reply.ok_or(SendError::Lost)?;
                    answered(state, reply).await?;
                }
                () = self.stop.asked_for(), if !is_sending => return Err(SendError::Stopped),
            }
        }
        if let Some(mut replies) = replies {
            replies.cancel().await;
        }
        Ok(())
    }

    async fn replies(&self, session: &Session) -> Result<Option<Consumer>, SendError> {
        let Some(queue) = self.batch.reply_to.as_ref().filter(|_| self.waits) else {
            return Ok(None);
        };
        let consumer = session.consume(queue, PREFETCH).await;
        consumer.map(Some).map_err(|error| match error {
            BrokerError::Lost(_) => SendError::Lost,
            error => SendError::Failed(error.into()),
        })
    }

    /// The jobs that are not submitted yet, no faster than they may be sent.
    fn lines<'a>(
        &'a self,
        state: &'a RefCell<SubmitState>,
        halt: &'a CancellationToken,
    ) -> Result<impl Stream<Item = anyhow::Result<JobLine>> + 'a, SendError> {
        let lines = self.input.lines(&self.batch).map_err(SendError::Failed)?;
        let left = lines.filter(|line| {
            let state = state.borrow();
            line.as_ref()
                .map_or(true, |line| !state.standings.is_submitted(&line.message_id))
        });
        let throttle = self.rate.map(throttle);
        Ok(stream::unfold(
            (left, throttle),
            async move |(mut left, mut throttle)| {
                let line = left.next()?;
                tokio::select! {
                    biased;
                    () = halt.cancelled() => return None,
                    () = tick(throttle.as_mut()) => {}
                }
                Some((line, (left, throttle)))
            },
        ))
    }

    /// Writes down what the broker has, then tells it, and returns the first failure.
    fn sent(
        &self,
        state: &RefCell<SubmitState>,
        sent: Vec<Result<SentJob, SendError>>,
    ) -> Result<(), SendError> {
        let mut state = state.borrow_mut();
        let (mut jobs, mut first_failure) = (Vec::new(), Ok(()));
        for outcome in sent {
            match outcome {
                Ok(job) => jobs.push(job),
                Err(error) => first_failure = first_failure.and(Err(error)),
            }
        }
        let entries: Vec<JournalEntry> = jobs
            .iter()
            .map(|job| JournalEntry::Submitted(job.message_id.clone()))
            .collect();
        state.journal.append(&entries).map_err(SendError::Failed)?;
        for (entry, job) in entries.iter().zip(&jobs) {
            state.standings.record(entry);
            if !self.waits {
                state.bar.inc(1);
                print(&state.bar, &job.receipt.to_string())?;
            }
        }
        first_failure
    }
}

/// An answer is printed, written down, and only then acknowledged.
async fn answered(state: &RefCell<SubmitState>, reply: Delivery) -> Result<(), SendError> {
    match Arrival::read(&reply.message) {
        Arrival::Result {
            message_id,
            status,
            line,
        } => {
            let mut state = state.borrow_mut();
            if state.standings.is_unanswered(&message_id) {
                let entry = JournalEntry::Answered(message_id, status);
                print(&state.bar, &line)?;
                let written = state.journal.append(std::slice::from_ref(&entry));
                written.map_err(SendError::Failed)?;
                state.standings.record(&entry);
                state.bar.inc(1);
            }
        }
        Arrival::Parked {
            job_id,
            code,
            until,
        } => {
            let [name, code] = [&job_id, &code].map(|text| terminal::plain(cut(text, SHOWN_BYTES)));
            let message = format!("{name} waits after {code} until {until}");
            state.borrow().bar.set_message(message);
        }
        Arrival::Foreign => {
            tracing::warn!("a message of the reply queue is no result of a job, and is left out");
        }
    }
    match reply.settle().await {
        Settled::Acknowledged => Ok(()),
        Settled::Lost => Err(SendError::Lost),
    }
}

async fn next(replies: &mut Option<Consumer>) -> Option<Delivery> {
    match replies {
        Some(replies) => replies.next().await,
        None => std::future::pending().await,
    }
}

fn throttle(per_second: u16) -> Interval {
    let mut throttle = interval(Duration::from_secs(1) / u32::from(per_second.max(1)));
    throttle.set_missed_tick_behavior(MissedTickBehavior::Delay);
    throttle
}

async fn tick(throttle: Option<&mut Interval>) {
    if let Some(throttle) = throttle {
        throttle.tick().await;
    }
}

/// One line on stdout, which has left this process when it returns, and is on the disk where stdout
/// is a file: the broker forgets a result that is acknowledged.
fn print(bar: &ProgressBar, line: &str) -> Result<(), SendError> {
    let written = bar.suspend(|| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush())?;
        let file = File::from(out.as_fd().try_clone_to_owned()?);
        if file.metadata()?.is_file() {
            file.sync_data()?;
        }
        Ok::<_, std::io::Error>(())
    });
    written
        .context("stdout cannot be written to")
        .map_err(SendError::Failed)
}
