//! `failed list`, `show`, `replay` and `drop`: what is in the failed queue, and what becomes of it.
//!
//! `list` and `show` change nothing. `replay` runs at once where jobs are named by their ids, or
//! where exactly one copy is selected; `drop` runs at once where jobs are named. Otherwise both only
//! say what they would do until `--yes` is given.

mod browse;
mod drop;
mod filter;
mod groups;
mod job;
mod kept_file;
mod list;
mod plan;
mod reason;
mod removal;
mod replay;
mod show;

use super::broker_session::connect;
use super::queue_browser::nothing_in;
use super::terminal;
use crate::broker::{self, Message, Session};
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::shutdown::{self, Stop};
use crate::telemetry;
use anyhow::Context;
use browse::{BrowseTally, Selection};
use clap::Subcommand;
use drop::DropForGood;
use filter::Filter;
use groups::Groups;
use jiff::Timestamp;
use job::FailedJob;
use plan::Plan;
use removal::{Removal, RemovalProgress};
use replay::Replay;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The time that the copy in hand has to come to its end after a signal.
const LAST_COPY: Duration = Duration::from_secs(5);

#[derive(Subcommand, Debug)]
pub(super) enum FailedAction {
    /// How many there are, by stage, code, status and age
    List {
        #[command(flatten)]
        filter: Filter,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Shows what is known of each: why it failed, what it cost, where its answer goes
    Show {
        /// The same as --job-id
        #[arg(value_name = "JOB_ID")]
        job_ids: Vec<String>,
        #[command(flatten)]
        filter: Filter,
        /// The body as well, which may name people
        #[arg(long)]
        body: bool,
    },
    /// Submits them again, each as another run that is answered to the same place; paid answers are
    /// taken from the checkpoints
    Replay {
        /// The same as --job-id
        #[arg(value_name = "JOB_ID")]
        job_ids: Vec<String>,
        #[command(flatten)]
        filter: Filter,
        /// Replay them. Not needed for jobs named by their ids, nor where only one copy is selected
        #[arg(long)]
        yes: bool,
        /// At most so many a second
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        rate: u16,
    },
    /// Takes them out of the queue for good
    Drop {
        /// The same as --job-id
        #[arg(value_name = "JOB_ID")]
        job_ids: Vec<String>,
        #[command(flatten)]
        filter: Filter,
        /// Drop them. Not needed for jobs that are named by their ids
        #[arg(long)]
        yes: bool,
        /// Keeps what is dropped in a new file, one line of JSON each, that it can be published
        /// from again
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

/// The failed queue of one broker, and the time of this command.
struct FailedQueue<'a> {
    session: &'a Session,
    queues: &'a broker::Config,
    now: Timestamp,
    stop: Stop,
}

#[expect(
    clippy::print_stderr,
    reason = "the last word of a command that was interrupted"
)]
pub(super) async fn run(config: &Config, action: FailedAction) -> anyhow::Result<ExitCode> {
    telemetry::log::install(&config.telemetry);
    if config.broker.is_memory() {
        let problem = "memory:// lives within one process and has no failed queue to look into; name a RabbitMQ";
        return Err(ConfigError::of("broker.urls", problem).into());
    }
    let stop = shutdown::on_signal(Some(LAST_COPY)).context("cannot listen for signals")?;
    let session = tokio::select! {
        session = connect(&config.broker) => session?,
        () = stop.asked_for() => return Ok(stop.exit_code()),
    };
    let failed = FailedQueue {
        session: &session,
        queues: &config.broker,
        now: Clock::System.now(),
        stop: stop.clone(),
    };
    let outcome = failed.run(action).await;
    session.close().await;
    match outcome {
        Err(error) if stop.is_asked_for() => {
            eprintln!("error: {error:#}");
            Ok(stop.exit_code())
        }
        outcome => outcome,
    }
}

impl FailedQueue<'_> {
    async fn run(&self, action: FailedAction) -> anyhow::Result<ExitCode> {
        match action {
            FailedAction::List { filter, json } => self.list(&filter, json).await,
            FailedAction::Show {
                job_ids,
                filter,
                body,
            } => self.show(&filter.or_named(job_ids), body).await,
            FailedAction::Replay {
                job_ids,
                filter,
                yes,
                rate,
            } => {
                let replay = Replay::new(self.session, self.queues, rate);
                self.remove(&filter.or_named(job_ids), yes, replay).await
            }
            FailedAction::Drop {
                job_ids,
                filter,
                yes,
                to,
            } => {
                self.remove(&filter.or_named(job_ids), yes, DropForGood::keeping(to))
                    .await
            }
        }
    }

    async fn list(&self, filter: &Filter, json: bool) -> anyhow::Result<ExitCode> {
        let mut groups = Groups::at(self.now);
        let count = |job: &FailedJob, _: &Message| {
            groups.add(&job.reason);
            Ok(())
        };
        let tally = self.select(filter).each(count).await?;
        let mut out = std::io::stdout().lock();
        if json {
            list::write_json(&mut out, self.queue(), &groups, tally)?;
        } else if tally.matching > 0 {
            list::write(&mut out, &groups, terminal::columns())?;
        }
        Ok(self.remark(filter, tally))
    }

    async fn show(&self, filter: &Filter, body: bool) -> anyhow::Result<ExitCode> {
        let write = |job: &FailedJob, message: &Message| {
            let mut out = std::io::stdout().lock();
            show::write(&mut out, job, message, self.now, terminal::columns())?;
            if body {
                show::write_body(&mut out, message)?;
            }
            Ok(writeln!(out)?)
        };
        let tally = self.select(filter).each(write).await?;
        Ok(self.remark(filter, tally))
    }

    async fn remove<R: Removal>(
        &self,
        filter: &Filter,
        yes: bool,
        mut removal: R,
    ) -> anyhow::Result<ExitCode> {
        let (mut plan, mut refused) = (Plan::at(self.now), 0);
        let add = |job: &FailedJob, _: &Message| {
            if removal.accepts(job) {
                plan.add(job);
            } else {
                refused += 1;
            }
            Ok(())
        };
        let tally = self.select(filter).each(add).await?;
        if refused > 0 {
            terminal::print(&format!("{refused} {}", R::REFUSAL))?;
        }
        let planned = plan.left();
        if planned == 0 {
            let remarked = self.remark(filter, tally);
            return Ok(if refused > 0 {
                ExitCode::FAILURE
            } else {
                remarked
            });
        }
        if !(yes || filter.copies.names_jobs() || !R::IS_FOR_GOOD && planned == 1) {
            list::write(
                &mut std::io::stdout().lock(),
                &plan.groups,
                terminal::columns(),
            )?;
            terminal::print(&format!(
                "Would {}. Nothing was changed: say --yes to do it, or name the jobs by their ids.",
                removal.intent(planned)
            ))?;
            print_late::<R>(plan.late)?;
            return Ok(self.remark(filter, tally));
        }
        removal.prepare().await?;
        let mut progress = RemovalProgress::default();
        let outcome = progress
            .carry_out(
                &mut removal,
                self.session,
                self.queue(),
                &mut plan,
                self.stop.token(),
            )
            .await;
        terminal::print(&progress.summary(&removal, planned, self.queue()))?;
        print_late::<R>(progress.late)?;
        outcome?;
        // Only for its remarks: the status is the outcome's.
        let _ = self.remark(filter, tally);
        Ok(if plan.left() == 0 && refused == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn select<'a>(&'a self, filter: &'a Filter) -> Selection<'a> {
        Selection {
            session: self.session,
            queue: self.queue(),
            filter,
            now: self.now,
            stop: self.stop.token(),
        }
    }

    fn queue(&self) -> &str {
        &self.queues.failed_queue
    }

    /// Says on stderr what the output itself does not. A job that was named by its id and is not
    /// there is a failure.
    #[expect(clippy::print_stderr, reason = "a remark beside the results")]
    fn remark(&self, filter: &Filter, tally: BrowseTally) -> ExitCode {
        let queue = self.queue();
        if tally.missing > 0 {
            eprintln!(
                "{} more were counted in {queue} and did not come: they expired, or another consumer holds them",
                tally.missing
            );
        }
        if tally.not_looked_at > 0 && !filter.copies.is_satisfied_by(tally.matching) {
            eprintln!(
                "{} more in {queue} were not looked at; replay or drop some of these first",
                tally.not_looked_at
            );
        }
        match tally {
            BrowseTally { matching: 1.., .. } => return ExitCode::SUCCESS,
            BrowseTally {
                looked_at: 0,
                missing: 0,
                others,
                ..
            } => eprintln!("{}", nothing_in(queue, others)),
            BrowseTally { looked_at, .. } => eprintln!("none of {looked_at} in {queue} matches"),
        }
        if filter.copies.names_jobs() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

fn print_late<R: Removal>(late: u32) -> std::io::Result<()> {
    RemovalProgress::late_line::<R>(late).map_or(Ok(()), |line| terminal::print(&line))
}
