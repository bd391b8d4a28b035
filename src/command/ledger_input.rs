//! The ledger as the commands over it read it: from a time on, to the end that it has now, with a
//! progress bar on a terminal.

use super::broker_session::connect_for_bodies;
use crate::broker::Session;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::ledger::reading::{EventSeals, LedgerPeriod, LedgerReader, NamedTime, ReadCounts};
use crate::ledger::{LedgerEvent, LedgerStore};
use crate::telemetry;
use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The bar moves once for so many events.
const BAR_STEP: u64 = 1_000;

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct PeriodArguments {
    /// From when on: 1d, 2h, today, yesterday, 2026-11, 2026-11-29, or RFC 3339; days and months are
    /// those of policy.timezone
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<NamedTime>,
    /// Up to the end of this day or month, or to this time
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<NamedTime>,
    /// Leave out events without a valid seal, which any client of the broker may have written
    #[arg(long)]
    pub(super) only_sealed: bool,
}

/// One broker's ledger, and the time of this command.
pub(super) struct LedgerInput {
    pub(super) session: Session,
    pub(super) stream: String,
    pub(super) seals: EventSeals,
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
    /// The name of the time zone.
    pub(super) timezone: String,
}

impl LedgerInput {
    /// Connects to the broker, and finds the stream.
    pub(super) async fn open(config: &Config) -> anyhow::Result<Self> {
        telemetry::log::install(&config.telemetry);
        if config.broker.is_memory() {
            let problem =
                "memory:// lives within one process and has no ledger to read; name a RabbitMQ";
            return Err(ConfigError::of("broker.urls", problem).into());
        }
        if config.ledger.store == LedgerStore::None {
            let problem = "is \"none\": workers with this configuration write no ledger to read";
            return Err(ConfigError::of("ledger.store", problem).into());
        }
        let session = connect_for_bodies(&config.broker, LedgerReader::LARGEST_BODY).await?;
        let stream = config.broker.ledger_queue.clone();
        if !session.has_queue(&stream).await? {
            bail!(
                "there is no stream {stream}: a worker declares it when it starts, and so does `invoice-worker topology declare`"
            );
        }
        Ok(Self {
            session,
            stream,
            seals: EventSeals::of(config.sealer()),
            now: Clock::System.now(),
            zone: config.policy.timezone(),
            timezone: config.policy.timezone.clone(),
        })
    }

    /// Leaves out what no worker of this configuration's key has written.
    pub(super) fn only_sealed(self, leaves_out: bool) -> Self {
        let seals = self.seals.only_sealed(leaves_out);
        Self { seals, ..self }
    }

    pub(super) fn period(&self, named: PeriodArguments) -> LedgerPeriod {
        LedgerPeriod::of(named.since, named.until, self.now, &self.zone)
    }

    /// Hands each event since `from` to `visit`, and some earlier ones.
    pub(super) async fn each(
        &self,
        from: Option<Timestamp>,
        visit: impl FnMut(LedgerEvent) -> anyhow::Result<()>,
    ) -> anyhow::Result<ReadCounts> {
        self.each_with(from, true, visit).await
    }

    /// The same, with a progress bar or without one.
    pub(super) async fn each_with(
        &self,
        from: Option<Timestamp>,
        with_bar: bool,
        mut visit: impl FnMut(LedgerEvent) -> anyhow::Result<()>,
    ) -> anyhow::Result<ReadCounts> {
        let mut reader =
            LedgerReader::open(&self.session, &self.stream, from, self.seals.clone()).await?;
        let bar = if with_bar {
            progress_bar()
        } else {
            ProgressBar::hidden()
        };
        while let Some(event) = reader.next().await? {
            if reader.counts().events.is_multiple_of(BAR_STEP)
                && let Some((read, all)) = reader.progress()
            {
                bar.set_length(all);
                bar.set_position(read);
            }
            visit(event)?;
        }
        bar.finish_and_clear();
        let counts = reader.counts();
        remark(&self.stream, counts);
        Ok(counts)
    }

    /// A time as people of this time zone write it.
    pub(super) fn local(&self, at: Timestamp) -> String {
        local(at, &self.zone)
    }
}

/// `2026-11-29 10:15:30`, in this time zone.
pub(super) fn local(at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned(zone.clone());
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} events, {elapsed}") {
        bar.set_style(style);
    }
    bar
}

/// Says on stderr what could not be read.
#[expect(clippy::print_stderr, reason = "a remark beside the results")]
fn remark(stream: &str, counts: ReadCounts) {
    for (number, what) in [
        (
            counts.unsealed,
            "have no valid seal of this configuration: workers with another seal.key wrote them, or another client of the broker. They are \
             counted, unless --only-sealed is given; a key that was replaced belongs into seal.previous_key",
        ),
        (
            counts.newer,
            "were written by a later version of the worker, and are left out: use that version's command",
        ),
        (
            counts.damaged,
            "cannot be what a worker writes, and are left out",
        ),
        (
            counts.foreign,
            "are no events of a ledger, and are left out",
        ),
    ] {
        if number > 0 {
            eprintln!("{number} messages of {stream} {what}");
        }
    }
}
