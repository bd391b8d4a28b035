//! `resume`: ends pauses and opens closed scopes now, on all workers. One sealed message; what each
//! worker did about it is in its next heartbeat, which it publishes at once.

use super::broker_session::connect;
use super::terminal::plain;
use crate::broker::Session;
use crate::clock::Clock;
use crate::cluster::exchange::{ControlMessage, read_control_message, seal_resume};
use crate::cluster::heartbeat::Heartbeat;
use crate::cluster::resume::{Resume, ResumeTarget};
use crate::config::{Config, ConfigError};
use crate::randomness::Randomness;
use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A worker that hears the message answers at once. The others are waited for in vain.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
pub(super) struct ResumeArguments {
    /// recognition, verification, storage, a province in any spelling (河南, Henan, 410000), `other`
    /// for provinces of no known name, or `all`
    #[arg(value_name = "STAGE|PROVINCE|all", value_parser = target)]
    what: ResumeTarget,
    /// The name under which the workers log it [default: user and host]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

fn target(text: &str) -> Result<ResumeTarget, &'static str> {
    ResumeTarget::parse(text).ok_or(
        "neither a stage (recognition, verification, storage), nor a province, `other` or `all`",
    )
}

/// The messages heard on the control exchange.
#[derive(Debug, Default)]
struct Heard {
    /// How much each worker opened that said so.
    answered: BTreeMap<String, u32>,
    /// Workers of this fleet that are alive.
    alive: BTreeSet<String>,
    /// How many workers one of them knew.
    known: u32,
    /// Workers of others were heard, or messages that are not sealed with this key.
    others: bool,
}

pub(super) async fn run(config: &Config, arguments: ResumeArguments) -> anyhow::Result<ExitCode> {
    if config.broker.is_memory() {
        let problem = "memory:// lives within one process; name the RabbitMQ of the workers";
        return Err(ConfigError::of("broker.urls", problem).into());
    }
    let randomness = Randomness::from_system();
    let id = format!("{:016x}{:016x}", randomness.number(), randomness.number());
    let by = arguments.by.unwrap_or_else(user_and_host);
    let resume = Resume::new(
        id,
        config.fleet_id(),
        &by,
        arguments.what,
        Clock::System.now(),
    );
    let session = connect(&config.broker).await?;
    let heard = send(&session, config, &resume).await;
    session.close().await;
    let heard = heard?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", heard.to_json(&resume))?;
    } else {
        heard.write(&mut out, &resume)?;
    }
    drop(out);
    heard.verdict(&config.broker.control_exchange)
}

/// Sends the message, and listens for what the workers say.
async fn send(session: &Session, config: &Config, resume: &Resume) -> anyhow::Result<Heard> {
    let exchange = &config.broker.control_exchange;
    let sealer = config.sealer();
    // Listening begins first, so that no answer is missed.
    let listening = session.control().await;
    let mut messages = listening.with_context(|| format!("cannot listen on {exchange}"))?;
    session
        .publisher()
        .announce(&seal_resume(resume, &sealer))
        .await
        .with_context(|| format!("cannot publish to {exchange}; nothing was resumed"))?;
    let (mut heard, until) = (Heard::default(), Instant::now() + PATIENCE);
    while !heard.is_complete() {
        match timeout_at(until, messages.next()).await {
            Ok(Some(delivery)) => match read_control_message(&delivery.message, &sealer) {
                ControlMessage::Sealed(heartbeat) => heard.add(heartbeat, resume),
                ControlMessage::Unsealed => heard.others = true,
                ControlMessage::Resume(_) | ControlMessage::Unreadable => {}
            },
            Ok(None) => bail!(
                "the connection was lost; the message was sent, and the workers' logs say who heard it"
            ),
            Err(_) => break,
        }
    }
    Ok(heard)
}

impl Heard {
    fn add(&mut self, heartbeat: Heartbeat, resume: &Resume) {
        if heartbeat.fleet != resume.fleet {
            self.others = true;
            return;
        }
        let mut reports = heartbeat.resumed.iter();
        if let Some(report) = reports.find(|report| report.id == resume.id) {
            self.answered
                .insert(heartbeat.worker.clone(), report.opened);
            self.known = self.known.max(report.alive);
        }
        self.alive.insert(heartbeat.worker);
    }

    /// Every worker that another one knew has answered.
    fn is_complete(&self) -> bool {
        let answered = self.answered.len();
        answered > 0
            && answered >= self.alive.len()
            && u32::try_from(answered).is_ok_and(|answered| answered >= self.known)
    }

    fn silent(&self) -> impl Iterator<Item = &String> {
        self.alive
            .iter()
            .filter(|worker| !self.answered.contains_key(*worker))
    }

    /// Workers that others knew, and that were not heard at all.
    fn unheard(&self) -> usize {
        usize::try_from(self.known)
            .unwrap_or(usize::MAX)
            .saturating_sub(self.alive.len())
    }

    fn to_json(&self, resume: &Resume) -> serde_json::Value {
        let answered = self
            .answered
            .iter()
            .map(|(worker, opened)| json!({ "worker": worker, "opened": opened }));
        json!({
            "id": resume.id,
            "by": resume.by,
            "what": resume.what.to_string(),
            "heard": answered.collect::<Vec<_>>(),
            "silent": self.silent().collect::<Vec<_>>(),
            "not_heard_of": self.unheard(),
        })
    }

    fn write(&self, out: &mut impl Write, resume: &Resume) -> std::io::Result<()> {
        let opened: u32 = self.answered.values().sum();
        writeln!(
            out,
            "resumed {}: {} heard it, {opened} opened",
            resume.what,
            workers(self.answered.len())
        )?;
        for (worker, opened) in &self.answered {
            let did = match opened {
                0 => "nothing was closed".to_owned(),
                opened => format!("opened {opened}"),
            };
            writeln!(out, "  worker {}  {did}", plain(worker))?;
        }
        for worker in self.silent() {
            writeln!(
                out,
                "  worker {}  is alive and did not say that it heard it",
                plain(worker)
            )?;
        }
        Ok(())
    }

    /// Success where every worker that is alive has heard it.
    #[expect(clippy::print_stderr, reason = "a remark beside the results")]
    fn verdict(&self, exchange: &str) -> anyhow::Result<ExitCode> {
        let (silent, unheard) = (self.silent().count(), self.unheard());
        if self.alive.is_empty() {
            let hint = if self.others {
                "others were heard that have other queues, accounts or another seal.key: is this the workers' configuration?"
            } else {
                "is one running, with this broker and this exchange?"
            };
            bail!(
                "no worker of this fleet was heard on {exchange} within {} s; {hint}",
                PATIENCE.as_secs()
            );
        }
        if silent > 0 {
            eprintln!(
                "{} did not answer: an earlier version, or a clock that is more than five minutes off this machine's; \
                 its log says so",
                workers(silent)
            );
        }
        if unheard > 0 {
            eprintln!(
                "{} more were known to be alive and not heard",
                workers(unheard)
            );
        }
        Ok(if silent + unheard == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn workers(number: usize) -> String {
    match number {
        1 => "1 worker".to_owned(),
        number => format!("{number} workers"),
    }
}

fn user_and_host() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("USER")
        .or_else(|| variable("LOGNAME"))
        .unwrap_or_else(|| "unknown".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{}", host.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::resume::ResumeReport;

    fn resume() -> Resume {
        let what = ResumeTarget::parse("henan").unwrap();
        Resume::new(
            "a1".into(),
            "f".into(),
            "me@here",
            what,
            Clock::System.now(),
        )
    }

    fn heartbeat(worker: &str, fleet: &str, report: Option<(&str, u32, u32)>) -> Heartbeat {
        let mut heartbeat =
            Heartbeat::new(worker, true, false, Vec::new()).stamped(fleet, 1, Clock::System.now());
        heartbeat
            .resumed
            .extend(report.map(|(id, opened, alive)| ResumeReport {
                id: id.into(),
                opened,
                alive,
            }));
        heartbeat
    }

    fn heard(heartbeats: &[Heartbeat]) -> Heard {
        let (mut heard, resume) = (Heard::default(), resume());
        for heartbeat in heartbeats {
            heard.add(heartbeat.clone(), &resume);
        }
        heard
    }

    #[test]
    fn it_is_complete_once_every_worker_that_is_known_has_answered() {
        let answer = |worker, alive| heartbeat(worker, "f", Some(("a1", 1, alive)));
        let plain = |worker| heartbeat(worker, "f", None);
        for (heartbeats, is_complete, (silent, unheard)) in [
            (vec![], false, (0, 0)),
            (vec![plain("a")], false, (1, 0)),
            (vec![answer("a", 1)], true, (0, 0)),
            (vec![answer("a", 2)], false, (0, 1)),
            (vec![answer("a", 2), answer("b", 1)], true, (0, 0)),
            (vec![answer("a", 1), plain("b")], false, (1, 0)),
            (vec![plain("a"), answer("a", 1)], true, (0, 0)),
            (vec![heartbeat("a", "f", Some(("b2", 1, 1)))], false, (1, 0)),
            (
                vec![answer("a", 1), heartbeat("z", "g", Some(("a1", 9, 9)))],
                true,
                (0, 0),
            ),
        ] {
            let heard = heard(&heartbeats);
            assert_eq!(heard.is_complete(), is_complete, "{heartbeats:?}");
            let missing = (heard.silent().count(), heard.unheard());
            assert_eq!(missing, (silent, unheard), "{heartbeats:?}");
        }
    }

    #[test]
    fn each_worker_is_named_with_what_it_did() {
        let heard = heard(&[
            heartbeat("a", "f", Some(("a1", 2, 3))),
            heartbeat("b", "f", Some(("a1", 0, 3))),
            heartbeat("c", "f", None),
        ]);
        let mut out = Vec::new();
        heard.write(&mut out, &resume()).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        resumed province 河南: 2 workers heard it, 2 opened
          worker a  opened 2
          worker b  nothing was closed
          worker c  is alive and did not say that it heard it
        ");
        let told = heard.to_json(&resume());
        assert_eq!(told["heard"][0], json!({ "worker": "a", "opened": 2 }));
        assert_eq!(
            (&told["silent"], &told["not_heard_of"]),
            (&json!(["c"]), &json!(0))
        );
    }
}
