//! One scenario from its start to its end, in virtual time.

use super::decisions::RecordedDecisions;
use super::outcome::{Answered, SimulationOutcome, end};
use super::scenario::{PolicyScenario, SimulatedJob};
use super::script::SimulationScript;
use super::store::SimulatedStore;
use super::worker::{Surroundings, queues, worker};
use crate::broker::{Broker, Consumer, Message, PublishError, Publisher, Session};
use crate::clock::Clock;
use crate::config::Config;
use crate::dev::scripted_store;
use crate::domain::failure::Stage;
use crate::ledger::LedgerEvent;
use crate::ledger::reading::{EventSeals, LedgerReader};
use crate::policy::Policy;
use crate::telemetry::job_event::JobEvent;
use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

const REPLIES: &str = "simulation.replies";
const RESULT: &str = "invoice.result";
/// No limit to the prefetch count.
const NO_PREFETCH: u16 = 0;
/// Calls and downloads together; a policy that asks more often than this asks without end.
const MAX_CALLS: usize = 200_000;

/// Runs the scenario's jobs under this policy. Days pass in milliseconds.
///
/// Blocks, on a runtime of its own: not to be called on a thread of another one.
pub fn simulate(
    policy: &Policy,
    timezone: &TimeZone,
    scenario: &PolicyScenario,
) -> anyhow::Result<SimulationOutcome> {
    simulate_within(MAX_CALLS, policy, timezone, scenario)
}

fn simulate_within(
    max_calls: usize,
    policy: &Policy,
    timezone: &TimeZone,
    scenario: &PolicyScenario,
) -> anyhow::Result<SimulationOutcome> {
    // One thread beside this one, so that work that is handed to it comes back in its order.
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(1)
        .build();
    runtime
        .context("cannot start a simulation")?
        .block_on(run(max_calls, policy, timezone, scenario))
}

async fn run(
    max_calls: usize,
    policy: &Policy,
    timezone: &TimeZone,
    scenario: &PolicyScenario,
) -> anyhow::Result<SimulationOutcome> {
    let script = Arc::new(SimulationScript::new(scenario.clone(), max_calls));
    let (watcher, events) = unbounded_channel();
    let decisions = Arc::new(RecordedDecisions::default());
    let surroundings = Surroundings {
        policy: Arc::new(policy.clone()),
        timezone: timezone.clone(),
        clock: Clock::starting_at(scenario.start),
        broker: Broker::memory(&queues()),
        store: scripted_store(SimulatedStore::of(&script)),
        script: Arc::clone(&script),
        decisions: Arc::clone(&decisions),
        watcher,
    };
    let session = surroundings.broker.connect().await?;
    session.topology().await?;
    session.temporary_queue(REPLIES).await?;
    let replies = session.consume(REPLIES, NO_PREFETCH).await?;

    let stop = CancellationToken::new();
    let mut workers = JoinSet::new();
    for number in 0..scenario.workers {
        let (worker, stop) = (Arc::new(worker(&surroundings, number)), stop.clone());
        workers.spawn(async move { worker.run(&stop).await });
    }
    drop(surroundings);
    let publisher = session.publisher();
    let submission = tokio::spawn(submit(Arc::clone(&script), publisher));
    let answered = collect(&script, replies).await;
    submission.abort();
    // A job that is held is parked and says what it has cost so far.
    stop.cancel();
    while let Some(worker) = workers.join_next().await {
        worker.context("a worker ended")??;
    }
    let ledger = ledger(&session).await?;

    let (downloads, calls): (Vec<_>, Vec<_>) = script
        .calls()
        .into_iter()
        .partition(|call| call.stage == Stage::Storage);
    Ok(SimulationOutcome {
        paid: paid(events),
        calls,
        downloads,
        answered,
        ledger,
        rules: decisions.rules(),
        cut_short: script.full.is_cancelled(),
    })
}

async fn submit(script: Arc<SimulationScript>, publisher: Publisher) -> Result<(), PublishError> {
    let (jobs_queue, start, began) = (queues().jobs_queue, script.scenario.start, Instant::now());
    let mut jobs: Vec<&SimulatedJob> = script.scenario.jobs.iter().collect();
    jobs.sort_by_key(|job| job.at);
    for job in jobs {
        sleep_until(began + job.at).await;
        publisher.publish(&jobs_queue, &message(job, start)).await?;
    }
    Ok(())
}

fn message(job: &SimulatedJob, start: Timestamp) -> Message {
    let submitted = start.saturating_add(job.at).unwrap_or(Timestamp::MAX);
    let deadline = job
        .deadline
        .map(|deadline| submitted.saturating_add(deadline).unwrap_or(Timestamp::MAX));
    let body = json!({
        "job_id": job.id,
        // The key is the job, so that a download names its job.
        "image": { "key": job.id },
        "verify": job.verify,
        "deadline": deadline,
        "progress": job.progress,
    });
    let mut message = Message::json("invoice.job", body.to_string());
    message.properties.reply_to = Some(REPLIES.to_owned());
    message.properties.correlation_id = Some(job.id.clone());
    message.properties.message_id = Some(job.id.clone());
    message.properties.timestamp = u64::try_from(submitted.as_second()).ok();
    message
}

/// The first result of every job, until all are there or the scenario's time is over.
async fn collect(script: &SimulationScript, mut replies: Consumer) -> Vec<Option<Answered>> {
    let jobs = script.scenario.jobs.len();
    let mut answered = vec![None; jobs];
    let mut missing = jobs;
    let over = sleep_until(Instant::now() + script.scenario.stop_after);
    tokio::pin!(over);
    while missing > 0 {
        let reply = tokio::select! {
            biased;
            reply = replies.next() => reply,
            () = &mut over => None,
            () = script.full.cancelled() => None,
        };
        let Some(reply) = reply else { break };
        let properties = &reply.message.properties;
        let job = properties
            .correlation_id
            .as_deref()
            .and_then(|id| script.place(id));
        // Messages about progress come here as well.
        if let Some(job) =
            job.filter(|job| properties.kind.as_deref() == Some(RESULT) && answered[*job].is_none())
        {
            answered[job] = Some(Answered {
                at: script.elapsed(),
                ends: end(&reply.message.body),
            });
            missing -= 1;
        }
        let _ = reply.settle().await;
    }
    answered
}

/// The events of the simulation's ledger.
async fn ledger(session: &Session) -> anyhow::Result<Vec<LedgerEvent>> {
    let stream = queues().ledger_queue;
    let seals = EventSeals::of(Config::default().sealer());
    let mut reader = LedgerReader::open(session, &stream, None, seals).await?;
    let mut events = Vec::new();
    while let Some(event) = reader.next().await? {
        events.push(event);
    }
    Ok(events)
}

/// The paid calls as the workers count them: each job's last event says what it has cost.
fn paid(mut events: UnboundedReceiver<JobEvent>) -> u32 {
    let mut costs: HashMap<String, u32> = HashMap::new();
    while let Ok(event) = events.try_recv() {
        let (job, totals) = match event {
            JobEvent::Answered(answered) => (answered.job_id.unwrap_or_default(), answered.totals),
            JobEvent::Parked(parked) => (parked.job_id, parked.totals),
        };
        costs.insert(job, totals.billed);
    }
    costs.into_values().fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::simulation::compare;

    fn played(max_calls: usize, rule: &str, scenario: &str) -> (PolicyScenario, SimulationOutcome) {
        let policy = Policy::with_overrides(rule, "mine.toml").unwrap();
        let scenario = PolicyScenario::parse(scenario, "test").unwrap().remove(0);
        let outcome = simulate_within(max_calls, &policy, &TimeZone::UTC, &scenario).unwrap();
        (scenario, outcome)
    }

    #[test]
    fn a_policy_that_asks_without_end_is_given_up() {
        let rule = "[[rule]]\nstage = 'verification'\ncode = ['317']\ndo = [{ action = 'park', delays = ['5s'] }, { action = 'fail' }]";
        let text = "[[scenario]]\nname = 'x'\nexpect = { ends = 'waiting' }\n[[scenario.answer]]\nstage = 'verification'\ncode = '317'\n";
        let (scenario, outcome) = played(100, rule, text);
        assert!(outcome.cut_short);
        let told: String = compare(&scenario, &outcome)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(told.starts_with("  end\n    + given up after 10"), "{told}");
    }

    #[test]
    fn jobs_that_share_a_picture_are_distinguished_by_their_turns() {
        let text = "[[scenario]]\nname = 'x'\nexpect = { paid = 0 }\n[[scenario.job]]\nid = 'a'\nimage = 'i'\n\
                    [[scenario.job]]\nid = 'b'\nimage = 'i'\nat = '1m'\n\
                    [[scenario.answer]]\nstage = 'verification'\ncode = '321'\njob = 'b'\n\
                    [[scenario.answer]]\nstage = 'verification'\ncode = '317'\njob = 'a'\n";
        let (_, outcome) = played(MAX_CALLS, "", text);
        let told: Vec<_> = outcome
            .calls
            .iter()
            .map(|call| (call.job, call.code.as_str()))
            .take(4)
            .collect();
        assert_eq!(told, [(0, "200"), (0, "317"), (0, "317"), (1, "321")]);
    }

    #[test]
    fn jobs_that_are_stopped_say_what_they_have_cost() {
        let text = "[[scenario]]\nname = 'x'\nexpect = { paid = 0 }\nstop_after = '10s'\n\
                    [[scenario.answer]]\nstage = 'verification'\ncode = '317'\n";
        let (_, outcome) = played(MAX_CALLS, "", text);
        assert_eq!((outcome.paid, outcome.answered), (2, vec![None]));
    }
}
