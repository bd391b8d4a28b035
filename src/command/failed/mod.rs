//! `failed list`, `show`, `replay` and `drop`: what lies in the failed queue, and what becomes of
//! it.
//!
//! Looking changes nothing. Whatever would move more than one copy, or drop any, is only told,
//! unless `--yes` or the jobs' ids say that it is meant.

mod ages;
mod deed;
mod filter;
mod groups;
mod job;
mod keep;
mod look;
mod plan;
mod reason;
mod sheet;
mod survey;
mod table;
pub(super) mod words;

use crate::broker::{self, Broker, BrokerError, Session};
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::domain::job::LARGEST_BODY_BYTES;
use crate::shutdown;
use crate::telemetry;
use anyhow::Context;
use clap::{Args, Subcommand};
use deed::{Deed, Progress};
use filter::Filter;
use groups::Groups;
use jiff::Timestamp;
use keep::KeptFile;
use plan::Plan;
use shutdown::Stop;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use survey::{Seen, Survey};

/// After a signal, for what is in hand to come to its end.
const LAST_COPY: Duration = Duration::from_secs(5);

#[derive(Subcommand, Debug)]
pub(super) enum Action {
    /// How many there are, by stage, code, status and age
    List {
        #[command(flatten)]
        filter: Filter,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// What is known of each: why it failed, what it cost, who waits for it
    Show {
        /// As --job-id
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
        /// As --job-id
        #[arg(value_name = "JOB_ID")]
        job_ids: Vec<String>,
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        consent: Consent,
        /// At most so many a second
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        rate: u16,
    },
    /// Takes them out of the queue for good
    Drop {
        /// As --job-id
        #[arg(value_name = "JOB_ID")]
        job_ids: Vec<String>,
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        consent: Consent,
        /// Keeps what is dropped in a new file, one line of JSON each, that it can be published
        /// from again
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Consent {
    /// Do it. Without this, only jobs that are named by their ids are dropped, and no more than one
    /// other is replayed
    #[arg(long)]
    yes: bool,
}

/// What all four work with.
struct Desk<'a> {
    session: &'a Session,
    queues: &'a broker::Config,
    now: Timestamp,
    stop: Stop,
}

#[expect(
    clippy::print_stderr,
    reason = "the last word of a command that was interrupted"
)]
pub(super) async fn run(config: &Config, action: Action) -> anyhow::Result<ExitCode> {
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
    let desk = Desk {
        session: &session,
        queues: &config.broker,
        now: Clock::System.now(),
        stop: stop.clone(),
    };
    let outcome = desk.take(action).await;
    session.close().await;
    match outcome {
        Err(error) if stop.is_asked_for() => {
            eprintln!("error: {error:#}");
            Ok(stop.exit_code())
        }
        outcome => outcome,
    }
}

/// Every broker of the list once.
pub(super) async fn connect(config: &broker::Config) -> Result<Session, BrokerError> {
    let broker = Broker::new(config)?;
    let mut connected = broker.connect_for_bodies(LARGEST_BODY_BYTES).await;
    for _ in 1..config.urls.len() {
        if connected.is_ok() {
            break;
        }
        connected = broker.connect_for_bodies(LARGEST_BODY_BYTES).await;
    }
    connected
}

impl Desk<'_> {
    async fn take(&self, action: Action) -> anyhow::Result<ExitCode> {
        match action {
            Action::List { filter, json } => self.list(&filter, json).await,
            Action::Show {
                job_ids,
                filter,
                body,
            } => self.show(&filter.or_named(job_ids), body).await,
            Action::Replay {
                job_ids,
                filter,
                consent,
                rate,
            } => {
                let deed = Deed::replay(self.session, &self.queues.jobs_queue, rate);
                self.act(&filter.or_named(job_ids), consent, deed, None)
                    .await
            }
            Action::Drop {
                job_ids,
                filter,
                consent,
                to,
            } => {
                self.act(
                    &filter.or_named(job_ids),
                    consent,
                    Deed::Drop { kept: None },
                    to,
                )
                .await
            }
        }
    }

    async fn list(&self, filter: &Filter, json: bool) -> anyhow::Result<ExitCode> {
        let mut groups = Groups::at(self.now);
        let seen = self
            .survey(filter)
            .each(|job, _| {
                groups.add(&job.reason);
                Ok(())
            })
            .await?;
        let mut out = std::io::stdout().lock();
        if json {
            table::write_json(&mut out, self.queue(), &groups, seen)?;
        } else if seen.matching > 0 {
            table::write(&mut out, &groups)?;
        }
        Ok(self.remark(filter, seen))
    }

    async fn show(&self, filter: &Filter, body: bool) -> anyhow::Result<ExitCode> {
        let told = |job: &job::FailedJob, message: &broker::Message| {
            let mut out = std::io::stdout().lock();
            sheet::write(&mut out, job, message, self.now)?;
            if body {
                sheet::write_body(&mut out, message)?;
            }
            Ok(writeln!(out)?)
        };
        let seen = self.survey(filter).each(told).await?;
        Ok(self.remark(filter, seen))
    }

    async fn act(
        &self,
        filter: &Filter,
        consent: Consent,
        mut deed: Deed,
        keep: Option<PathBuf>,
    ) -> anyhow::Result<ExitCode> {
        let (mut plan, mut refused) = (Plan::at(self.now), 0);
        let seen = self
            .survey(filter)
            .each(|job, _| {
                if deed.can_take(job) {
                    plan.add(job);
                } else {
                    refused += 1;
                }
                Ok(())
            })
            .await?;
        Deed::refusal(refused)
            .map_or(Ok(()), |told| writeln!(std::io::stdout().lock(), "{told}"))?;
        let planned = plan.left();
        if planned == 0 {
            let remarked = self.remark(filter, seen);
            return Ok(if refused > 0 {
                ExitCode::FAILURE
            } else {
                remarked
            });
        }
        let is_meant = consent.yes || filter.names_jobs() || !deed.is_for_good() && planned == 1;
        if !is_meant {
            let mut out = std::io::stdout().lock();
            table::write(&mut out, &plan.groups)?;
            writeln!(
                out,
                "Would {}. Nothing was changed: say --yes to do it, or name the jobs by their ids.",
                deed.intent(planned)
            )?;
            deed.in_vain(plan.late)
                .map_or(Ok(()), |told| writeln!(out, "{told}"))?;
            return Ok(self.remark(filter, seen));
        }
        if let (Deed::Drop { kept }, Some(path)) = (&mut deed, &keep) {
            *kept = Some(KeptFile::create(path).await?);
        }
        let mut progress = Progress::default();
        let outcome = deed
            .carry_out(
                self.session,
                self.queue(),
                &mut plan,
                self.stop.token(),
                &mut progress,
            )
            .await;
        let told = [
            Some(deed.outcome(&progress, planned, self.queue())),
            deed.in_vain(progress.late),
        ];
        told.iter()
            .flatten()
            .try_for_each(|line| writeln!(std::io::stdout().lock(), "{line}"))?;
        outcome?;
        // What it says beside the outcome; the status is the outcome's.
        let _ = self.remark(filter, seen);
        Ok(if plan.left() == 0 && refused == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn survey<'a>(&'a self, filter: &'a Filter) -> Survey<'a> {
        Survey {
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

    /// What the output itself does not say. A job that was asked for by its name and is not there
    /// is a failure.
    #[expect(clippy::print_stderr, reason = "a remark beside the results")]
    fn remark(&self, filter: &Filter, seen: Seen) -> ExitCode {
        let queue = self.queue();
        if seen.missing > 0 {
            eprintln!(
                "{} more were counted in {queue} and did not come: they expired, or somebody else is looking at them",
                seen.missing
            );
        }
        if seen.not_looked_at > 0 && !filter.is_satisfied_by(seen.matching) {
            eprintln!(
                "{} more in {queue} were not looked at; replay or drop some of these first",
                seen.not_looked_at
            );
        }
        match seen {
            Seen { matching: 1.., .. } => return ExitCode::SUCCESS,
            Seen {
                looked_at: 0,
                missing: 0,
                ..
            } => {
                eprintln!("{queue} is empty, or somebody else is looking at all of it");
            }
            Seen { looked_at, .. } => eprintln!("none of {looked_at} in {queue} matches"),
        }
        if filter.job_id.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
