//! `failed list`, `show`, `replay` and `drop`: what lies in the failed queue, and what becomes of it.
//!
//! Looking changes nothing. Whatever would move more than one copy is only told, unless `--yes` says that it is meant.

mod ages;
mod deed;
mod filter;
mod groups;
mod job;
mod look;
mod plan;
mod reason;
mod sheet;
mod survey;
mod table;
mod words;

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
use plan::Plan;
use std::io::Write;
use std::process::ExitCode;
use survey::{Seen, Survey};
use tokio_util::sync::CancellationToken;

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
    /// Submits them again, each as another run that is answered to the same place; paid answers are taken from the checkpoints
    Replay {
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
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        consent: Consent,
    },
}

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Consent {
    /// Do it. Without this, more than one is only told of
    #[arg(long)]
    yes: bool,
}

/// What all four work with.
struct Desk<'a> {
    session: &'a Session,
    queues: &'a broker::Config,
    now: Timestamp,
    stop: CancellationToken,
}

pub(super) async fn run(config: &Config, action: Action) -> anyhow::Result<ExitCode> {
    telemetry::log::install(&config.telemetry);
    if config.broker.is_memory() {
        let problem = "memory:// lives within one process and has no failed queue to look into; name a RabbitMQ";
        return Err(ConfigError::of("broker.urls", problem).into());
    }
    let stop = shutdown::on_signal().context("cannot listen for signals")?;
    let session = connect(&config.broker).await?;
    let desk = Desk { session: &session, queues: &config.broker, now: Clock::System.now(), stop };
    let outcome = match action {
        Action::List { filter, json } => desk.list(&filter, json).await,
        Action::Show { job_ids, filter, body } => desk.show(&filter.or_named(job_ids), body).await,
        Action::Replay { filter, consent, rate } => {
            let deed = Deed::replay(&session, &config.broker.jobs_queue, rate);
            desk.act(&filter, consent, deed).await
        }
        Action::Drop { filter, consent } => desk.act(&filter, consent, Deed::Drop).await,
    };
    session.close().await;
    outcome
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

    async fn act(&self, filter: &Filter, consent: Consent, mut deed: Deed) -> anyhow::Result<ExitCode> {
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
        Deed::refusal(refused).map_or(Ok(()), |told| writeln!(std::io::stdout().lock(), "{told}"))?;
        let planned = plan.left();
        if planned == 0 {
            let remarked = self.remark(filter, seen);
            return Ok(if refused > 0 { ExitCode::FAILURE } else { remarked });
        }
        if planned > 1 && !consent.yes {
            let mut out = std::io::stdout().lock();
            table::write(&mut out, &plan.groups)?;
            writeln!(out, "Would {}. Nothing was changed: say --yes to do it.", deed.intent(planned))?;
            deed.in_vain(plan.late).map_or(Ok(()), |told| writeln!(out, "{told}"))?;
            return Ok(self.remark(filter, seen));
        }
        let mut progress = Progress::default();
        let outcome = deed.carry_out(self.session, self.queue(), &mut plan, &self.stop, &mut progress).await;
        let told = [Some(deed.outcome(&progress, planned, self.queue())), deed.in_vain(progress.late)];
        told.iter().flatten().try_for_each(|line| writeln!(std::io::stdout().lock(), "{line}"))?;
        outcome?;
        // What it says beside the outcome; the status is the outcome's.
        let _ = self.remark(filter, seen);
        Ok(if plan.left() == 0 && refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn survey<'a>(&'a self, filter: &'a Filter) -> Survey<'a> {
        Survey { session: self.session, queue: self.queue(), filter, now: self.now, stop: &self.stop }
    }

    fn queue(&self) -> &str {
        &self.queues.failed_queue
    }

    /// What the output itself does not say. A job that was asked for by its name and is not there is a failure.
    #[expect(clippy::print_stderr, reason = "a remark beside the results")]
    fn remark(&self, filter: &Filter, seen: Seen) -> ExitCode {
        let queue = self.queue();
        if seen.missing > 0 {
            eprintln!("{} more were counted in {queue} and did not come: they expired, or somebody else is looking at them", seen.missing);
        }
        if seen.not_looked_at > 0 && !filter.is_satisfied_by(seen.matching) {
            eprintln!("{} more in {queue} were not looked at; replay or drop some of these first", seen.not_looked_at);
        }
        match seen {
            Seen { matching: 1.., .. } => return ExitCode::SUCCESS,
            Seen { looked_at: 0, missing: 0, .. } => {
                eprintln!("{queue} is empty, or somebody else is looking at all of it");
            }
            Seen { looked_at, .. } => eprintln!("none of {looked_at} in {queue} matches"),
        }
        if filter.job_id.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
