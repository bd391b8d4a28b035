//! `results list` and `deliver`: what lies in the results queue, because its job named no reply
//! queue or one that was gone, and how it gets to a reply queue after all.
//!
//! Looking changes nothing. More than one result is only delivered with `--yes`, or where the jobs
//! are named by their ids.

mod deliver;
mod filter;
mod kept;
mod list;

use super::broker_session::connect;
use super::queue_browser::{QueueBrowser, nothing_in};
use super::terminal::{self, length, plain};
use crate::broker::{self, Session};
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::shutdown::{self, Stop};
use crate::telemetry;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use deliver::{Delivered, Deliverer, Destination, named};
use filter::ResultFilter;
use jiff::Timestamp;
use kept::KeptResult;
use list::ResultGroups;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// The time that the result in hand has to come to its end after a signal.
const LAST_RESULT: Duration = Duration::from_secs(5);

#[derive(Subcommand, Debug)]
pub(super) enum ResultsAction {
    /// How many there are, by status, verdict or error, reply queue and age
    List {
        #[command(flatten)]
        filter: ResultFilter,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Publishes them to a reply queue, and takes them out of the results queue once the broker has
    /// confirmed them there
    Deliver(DeliverArguments),
}

#[derive(Args, Debug)]
pub(super) struct DeliverArguments {
    /// The same as --job-id
    #[arg(value_name = "JOB_ID")]
    job_ids: Vec<String>,
    #[command(flatten)]
    filter: ResultFilter,
    /// The reply queue for all of them [default: for each the one that did not take it]
    #[arg(long, value_name = "QUEUE")]
    to: Option<String>,
    /// Do it. Without this, no more than one is delivered, and those whose jobs are named by their
    /// ids
    #[arg(long)]
    yes: bool,
    /// At most so many a second
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    rate: u16,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// The results queue of one broker, and the time of this command.
struct ResultsQueue<'a> {
    session: &'a Session,
    queues: &'a broker::Config,
    now: Timestamp,
    stop: Stop,
}

/// How far a look into the queue came.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    looked_at: u32,
    matching: u32,
    not_looked_at: u32,
    /// Other consumers, where there was nothing to look at.
    others: u32,
}

pub(super) async fn run(config: &Config, action: ResultsAction) -> anyhow::Result<ExitCode> {
    telemetry::log::install(&config.telemetry);
    if config.broker.is_memory() {
        let problem = "memory:// lives within one process and has no results queue to look into; name a RabbitMQ";
        return Err(ConfigError::of("broker.urls", problem).into());
    }
    let stop = shutdown::on_signal(Some(LAST_RESULT)).context("cannot listen for signals")?;
    let session = tokio::select! {
        session = connect(&config.broker) => session?,
        () = stop.asked_for() => return Ok(stop.exit_code()),
    };
    let results = ResultsQueue {
        session: &session,
        queues: &config.broker,
        now: Clock::System.now(),
        stop: stop.clone(),
    };
    let outcome = match action {
        ResultsAction::List { filter, json } => results.list(&filter, json).await,
        ResultsAction::Deliver(arguments) => results.deliver(arguments).await,
    };
    session.close().await;
    let code = outcome?;
    Ok(if stop.is_asked_for() {
        stop.exit_code()
    } else {
        code
    })
}

impl ResultsQueue<'_> {
    fn queue(&self) -> &str {
        &self.queues.results_queue
    }

    async fn list(&self, filter: &ResultFilter, json: bool) -> anyhow::Result<ExitCode> {
        let mut groups = ResultGroups::at(self.now);
        let tally = self.each(filter, |result| groups.add(result)).await?;
        let mut out = std::io::stdout().lock();
        if json {
            groups.write_json(&mut out, self.queue(), tally.looked_at, tally.not_looked_at)?;
        } else if tally.matching > 0 {
            groups.write(&mut out, terminal::columns())?;
        }
        drop(out);
        Ok(self.remark(filter, tally))
    }

    async fn deliver(&self, arguments: DeliverArguments) -> anyhow::Result<ExitCode> {
        let filter = arguments.filter.or_named(arguments.job_ids);
        if let Some(to) = &arguments.to
            && !self.queues.allows_reply_to(to)
        {
            let problem = format!(
                "{to} is one of the worker's own queues, or broker.reply_to does not allow it"
            );
            return Err(ConfigError::of("--to", &problem).into());
        }
        let destination = Destination {
            to: arguments.to.as_deref(),
            queues: self.queues,
        };
        let (mut groups, mut queues, mut unknown) =
            (ResultGroups::at(self.now), BTreeSet::new(), 0_u32);
        let add = |result: &KeptResult| match destination.of(result) {
            Some(queue) => {
                queues.insert(queue.to_owned());
                groups.add(result);
            }
            None => unknown += 1,
        };
        let tally = self.each(&filter, add).await?;
        let planned = groups.total();
        let is_agreed = arguments.yes || filter.copies.names_jobs() || planned == 1;
        if planned > 0 && !is_agreed && !arguments.json {
            groups.write(&mut std::io::stdout().lock(), terminal::columns())?;
            let seconds = u64::from(planned.div_ceil(u32::from(arguments.rate))).max(1);
            terminal::print(&format!(
                "Would deliver {planned} to {}, in about {}. Nothing was changed: say --yes to do it, or name the jobs by \
                 their ids.",
                plain(&named(&queues)),
                length(seconds)
            ))?;
        }
        let mut delivered = Delivered::default();
        let outcome = if planned > 0 && is_agreed {
            let work = Deliverer {
                session: self.session,
                queue: self.queue(),
                filter: &filter,
                destination,
                now: self.now,
                stop: self.stop.token(),
            };
            work.run(planned, arguments.rate, &mut delivered).await
        } else {
            Ok(())
        };
        if arguments.json {
            let told = json!({
                "queue": self.queue(),
                "matching": tally.matching,
                "planned": planned,
                "without_a_reply_queue": unknown,
                "delivered": delivered.to,
                "refused": delivered.refused,
            });
            writeln!(std::io::stdout().lock(), "{told}")?;
        } else {
            self.summary(planned, unknown, is_agreed, &delivered)?;
        }
        outcome?;
        let is_done = !is_agreed || delivered.total() == planned;
        let remarked = self.remark(&filter, tally);
        Ok(if is_done && unknown == 0 {
            remarked
        } else {
            ExitCode::FAILURE
        })
    }

    fn summary(
        &self,
        planned: u32,
        unknown: u32,
        is_agreed: bool,
        delivered: &Delivered,
    ) -> std::io::Result<()> {
        for (queue, number) in &delivered.to {
            terminal::print(&format!("delivered {number} to {}", plain(queue)))?;
        }
        for (queue, problem) in &delivered.refused {
            terminal::print(&format!(
                "{} took no more: {}; name another one with --to",
                plain(queue),
                plain(problem)
            ))?;
        }
        let left = planned - delivered.total().min(planned);
        if is_agreed && left > 0 {
            terminal::print(&format!("{left} are still in {}", self.queue()))?;
        }
        if unknown > 0 {
            terminal::print(&format!(
                "{unknown} have no reply queue that is known and allowed: name one with --to"
            ))?;
        }
        Ok(())
    }

    /// Hands each result that matches to `visit`, and puts everything back.
    async fn each(
        &self,
        filter: &ResultFilter,
        mut visit: impl FnMut(&KeptResult),
    ) -> anyhow::Result<Tally> {
        let mut browser = QueueBrowser::begin(self.session, self.queue()).await?;
        let mut tally = Tally::default();
        while !filter.copies.is_satisfied_by(tally.matching) {
            let next = tokio::select! {
                biased;
                () = self.stop.asked_for() => bail!("interrupted; {} is as it was", self.queue()),
                next = browser.next() => next?,
            };
            let Some(delivery) = next else { break };
            tally.looked_at += 1;
            let result = KeptResult::of(&delivery.message);
            if filter.matches(&result, self.now) {
                tally.matching += 1;
                visit(&result);
            }
        }
        tally.not_looked_at = browser.unseen.saturating_add(browser.missing);
        tally.others = browser.others;
        browser.end().await?;
        Ok(tally)
    }

    /// Says on stderr what the output itself does not. A job that was named by its id and is not
    /// there is a failure.
    #[expect(clippy::print_stderr, reason = "a remark beside the results")]
    fn remark(&self, filter: &ResultFilter, tally: Tally) -> ExitCode {
        let queue = self.queue();
        if tally.not_looked_at > 0 && !filter.copies.is_satisfied_by(tally.matching) {
            eprintln!(
                "{} more in {queue} were not looked at: another consumer holds them, or they are too many",
                tally.not_looked_at
            );
        }
        if tally.matching > 0 {
            return ExitCode::SUCCESS;
        }
        if tally.looked_at == 0 {
            eprintln!("{}", nothing_in(queue, tally.others));
        } else {
            eprintln!("none of {} in {queue} matches", tally.looked_at);
        }
        if filter.copies.names_jobs() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}
