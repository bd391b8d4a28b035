//! The straight line: plan, start, submit while everything breaks, wait, drain, judge, report.

use super::arguments::Arguments;
use super::call_log::ProviderLog;
use super::collector::Collector;
use super::environment::Environment;
use super::fleet::Fleet;
use super::injector::{Damage, Injector};
use super::pictures::bills;
use super::plan::{Asks, orders};
use super::rabbit::Rabbit;
use super::report::{Outcome, charges};
use super::submitter::{Strangers, Submitter};
use super::verdict::{Charge, Evidence, sheets};
use super::{allowance, broker_faults, logs, operator, quiet, reconciliation, strangers, verdict};
use jiff::Timestamp;
use jiff::civil::Date;
use std::time::Duration;
use tokio::sync::{Mutex, RwLock};
use tokio::time::{Instant, sleep, timeout};

/// The sandbox forgets what is older than 100,000 calls.
const COPY_EVERY: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What waits for the end: copies that were parked, a queue that refused.
const QUEUES_EMPTY_WITHIN: Duration = Duration::from_mins(6);
/// What takes longer is worth a line, so that a reader knows what the run waits for.
const QUEUES_EMPTY_SOON: Duration = Duration::from_secs(40);
/// RabbitMQ counts what is in a quorum queue every five seconds: a copy that goes from one to the
/// next may be in none, as far as it says.
const EMPTY_FOR: Duration = Duration::from_secs(11);
/// Far above what a worker takes with 64 MiB for images.
const MEMORY_MIB: u64 = 500;

/// Is all well?
pub(crate) async fn run(arguments: &Arguments) -> bool {
    let (began, began_on) = (Instant::now(), today());
    let bills = bills();
    let orders = orders(arguments, &bills);
    let (expected, mut rabbit) =
        tokio::join!(quiet::expected(&bills), Rabbit::start(arguments.scenario));
    let sheets = sheets(&orders, &bills, |order| match order.asks {
        Asks::Bill { bill, verify, .. } => expected[&(bill, verify)].clone(),
        Asks::Odd { error } => verdict::odd(error),
    });
    let environment = Environment::start(arguments, &rabbit).await;
    println!(
        "chaos: seed {}, {} jobs; logs in {}",
        arguments.seed,
        orders.len(),
        environment.folder.display()
    );
    let calm = RwLock::new(());
    let mut fleet = Fleet::start(&environment, &rabbit, arguments.workers).await;
    let strangers = Strangers {
        messages: strangers::messages(arguments, &bills).into(),
        every: arguments
            .jobs
            .checked_div(arguments.strangers)
            .map_or(usize::MAX, |every| every.max(1)),
        seed: arguments.seed,
        port: rabbit.nodes()[0].port,
    };
    let mut submitter = Submitter::open(&environment, &bills, &calm, &orders, strangers).await;
    let (collector, mut answered_ids) = Collector::start(&environment.config);
    let (provider_log, mut damage) = (Mutex::new(ProviderLog::default()), Damage::default());
    let mut injector = Injector {
        environment: &environment,
        collector: &collector,
        rabbit: &mut rabbit,
        fleet: &mut fleet,
        calm: &calm,
    };
    let both = async {
        tokio::join!(
            submitter.submit_all(&mut answered_ids),
            injector.inject(broker_faults::plan(arguments), &mut damage)
        );
    };
    let in_time = tokio::select! {
        done = timeout(patience(arguments), both) => done.is_ok(),
        () = copying(&environment, &provider_log) => false,
    };
    let unfinished = if in_time {
        Vec::new()
    } else {
        submitter.unfinished()
    };
    let mut wrong: Vec<Charge> = vec![("the run did not end in time", unfinished)];
    wrong.push(("left in queues", emptied(&rabbit).await));
    let ends = fleet.drain().await;
    let undrained = ends
        .into_iter()
        .filter(|(_, end)| end.and_then(|end| end.code()) != Some(0));
    wrong.push((
        "workers that did not drain",
        undrained
            .map(|(name, end)| format!("{name}: {end:?}"))
            .collect(),
    ));
    wrong.push(("left in queues after the drain", emptied(&rabbit).await));
    collector.stop();
    let mut provider_log = provider_log.into_inner();
    provider_log.copy(&environment.sandbox.calls());
    let accounts = provider_log.accounts();
    let evidence = Evidence {
        allowed: allowance::of(&orders, &bills, &submitter.doubtful, began_on != today()),
        sheets,
        answers: collector.answers(),
        failed: collector.failed(),
        accounts,
        kills: damage.kills.iter().map(|kill| kill.at).collect(),
    };
    wrong.extend(evidence.judge());
    wrong.push((
        "calls missing from the copy of the provider's log",
        provider_log.gaps(&environment.sandbox.calls()),
    ));
    let logs = logs::read(&fleet.workers);
    let (events, others) = operator::ledger(&environment.config).await;
    let calls = provider_log.provider_calls();
    let circumstances = reconciliation::Circumstances {
        began: environment.began_at,
        workers: &logs,
    };
    let both = reconciliation::reconcile(&evidence, calls, &events, circumstances);
    let operator = operator::ask(arguments, &environment, &evidence).await;
    wrong.push(others);
    wrong.extend(both.charges.iter().chain(&operator.charges).cloned());
    wrong.push((
        "workers that died by themselves",
        fleet
            .workers
            .iter()
            .flat_map(|worker| worker.deaths.clone())
            .collect(),
    ));
    wrong.push(("panics", logs.panics.clone()));
    let is_calm = arguments.kills + arguments.restarts + arguments.cuts == 0;
    wrong.push((
        "connections lost although none was cut",
        if is_calm { logs.losses() } else { Vec::new() },
    ));
    let heavy = fleet
        .workers
        .iter()
        .filter(|worker| worker.peak_mib > MEMORY_MIB);
    wrong.push((
        "workers with too much memory",
        heavy
            .map(|worker| format!("{}: {} MiB", worker.name, worker.peak_mib))
            .collect(),
    ));
    let took = began.elapsed();
    let outcome = Outcome {
        arguments,
        evidence: &evidence,
        damage: &damage,
        provider_log: &provider_log,
        both: &both,
        operator: &operator,
        logs: &logs,
        fleet: &fleet,
        took,
    };
    println!("{}\n{}", outcome.table(), charges(&wrong));
    let all_is_well = wrong.iter().all(|(_, whom)| whom.is_empty());
    if all_is_well {
        std::fs::remove_dir_all(&environment.folder).unwrap();
    } else {
        println!("chaos: logs in {}", environment.folder.display());
    }
    all_is_well
}

/// A job whose checkpoint cannot be read in three tries waits so long, and may have to wait twice.
const UNREADABLE_CHECKPOINT_PARKS: usize = 2 * 300;

/// Several times what it takes.
fn patience(arguments: &Arguments) -> Duration {
    let Arguments {
        jobs,
        kills,
        restarts,
        cuts,
        ..
    } = *arguments;
    let seconds =
        180 + UNREADABLE_CHECKPOINT_PARKS + jobs / 2 + 10 * kills + 60 * restarts + 10 * cuts;
    Duration::from_secs(seconds as u64)
}

async fn copying(environment: &Environment, provider_log: &Mutex<ProviderLog>) {
    loop {
        sleep(COPY_EVERY).await;
        provider_log.lock().await.copy(&environment.sandbox.calls());
    }
}

/// Waits until there is nothing in any queue; answers what is there all the same.
async fn emptied(rabbit: &Rabbit) -> Vec<String> {
    let (began, mut empty_since) = (Instant::now(), None);
    let mut is_reported = false;
    loop {
        let left: Vec<String> = rabbit
            .messages()
            .await
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(queue, count)| format!("{count} in {queue}"))
            .collect();
        empty_since = if left.is_empty() {
            empty_since.or_else(|| Some(Instant::now()))
        } else {
            None
        };
        if empty_since.is_some_and(|since| since.elapsed() > EMPTY_FOR)
            || began.elapsed() > QUEUES_EMPTY_WITHIN
        {
            return left;
        }
        if !left.is_empty() && !is_reported && began.elapsed() > QUEUES_EMPTY_SOON {
            is_reported = true;
            println!("chaos: still in queues: {}", left.join(", "));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Where verdicts of today are kept for today.
fn today() -> Date {
    Timestamp::now().in_tz("Asia/Shanghai").unwrap().date()
}
