//! What an operator sees once all is over, by the real commands: nothing waits, and `where` tells a
//! finished story of jobs that are drawn at random.

use super::arguments::Arguments;
use super::environment::Environment;
use super::harness::program::{NONE, output, toml_of};
use super::plan::Asks;
use super::verdict::{Charge, Evidence, Sheet};
use futures_util::StreamExt;
use futures_util::stream;
use invoice_worker::broker::Broker;
use invoice_worker::config::Config;
use invoice_worker::ledger::LedgerEvent;
use invoice_worker::ledger::reading::{EventSeals, LedgerReader};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::Value;
use std::collections::BTreeMap;

/// One job of so many is asked about, and no more than these.
const ONE_OF: usize = 10;
const MOST: usize = 100;
const AT_ONCE: usize = 2;
/// The plan of the orders has the seed itself.
const ANOTHER: u64 = 0x0b5e;

/// The runs of each job, by its id.
type RunsOfJobs<'a> = BTreeMap<&'a str, Vec<&'a Sheet>>;

/// What the commands said.
#[derive(Debug)]
pub(crate) struct Operator {
    /// Jobs that `where` was asked about.
    pub(crate) drawn: usize,
    pub(crate) charges: Vec<Charge>,
}

/// All events of the ledger; and messages that are none.
pub(crate) async fn ledger(config: &Config) -> (Vec<LedgerEvent>, Charge) {
    let broker = Broker::new(&config.broker).unwrap();
    let connecting = broker.connect_for_bodies(LedgerReader::LARGEST_BODY);
    let session = connecting.await.unwrap();
    let stream = &config.broker.ledger_queue;
    let mut reader = LedgerReader::open(&session, stream, None, EventSeals::of(config.sealer()))
        .await
        .unwrap();
    let mut events = Vec::new();
    while let Some(event) = reader.next().await.unwrap() {
        events.push(event);
    }
    let counts = reader.counts();
    session.close().await;
    let others = counts.foreign + counts.newer + counts.damaged;
    let others = (others > 0).then(|| format!("{counts:?}"));
    let others = (
        "messages of the ledger that are no events",
        others.into_iter().collect(),
    );
    (events, others)
}

pub(crate) async fn ask(
    arguments: &Arguments,
    environment: &Environment,
    evidence: &Evidence,
) -> Operator {
    let file = environment.folder.join("operator.toml");
    std::fs::write(&file, toml_of(&environment.config)).unwrap();
    let file = file.display().to_string();
    let mut jobs = RunsOfJobs::new();
    // Whose job a body is that breaks off is not known.
    let known = evidence.sheets.values().filter(|sheet| {
        !matches!(
            sheet.order.asks,
            Asks::Odd {
                error: "job.malformed"
            }
        )
    });
    for sheet in known {
        jobs.entry(&sheet.order.job_id).or_default().push(sheet);
    }
    let mut random = StdRng::seed_from_u64(arguments.seed ^ ANOTHER);
    let number = (arguments.jobs / ONE_OF).clamp(1, MOST);
    let mut drawn: Vec<_> = jobs.iter().collect();
    drawn.shuffle(&mut random);
    drawn.truncate(number);
    let asked = drawn.iter().map(|(job, sheets)| {
        let file = &file;
        async move {
            let told = output(&["where", job, "--json", "-c", file], &NONE).await;
            let unfinished = unfinished(&told.stdout, sheets);
            unfinished.map(|problem| format!("{job}: {problem} {}", told.stderr.trim()))
        }
    });
    let stories: Vec<Option<String>> = stream::iter(asked)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let waiting = output(&["waiting", "--json", "-c", &file], &NONE).await;
    let waiting = still_waiting(&waiting.stdout).map(|told| format!("{told} {}", waiting.stderr));
    Operator {
        drawn: drawn.len(),
        charges: vec![
            (
                "jobs whose story is not finished, by where",
                stories.into_iter().flatten().collect(),
            ),
            (
                "jobs that still wait, by waiting",
                waiting.into_iter().collect(),
            ),
        ],
    }
}

/// What is missing in the story of a job, whose runs are these.
fn unfinished(told: &str, sheets: &[&Sheet]) -> Option<String> {
    let story: Value = serde_json::from_str(told).unwrap_or_default();
    let Some(runs) = story["runs"].as_array() else {
        return Some("no story".to_owned());
    };
    if story["left_out"] != 0 {
        return Some("turns are left out".to_owned());
    }
    let open = runs
        .iter()
        .find(|run| run["stands"]["as"] == "waiting" || answer_of(run).is_none());
    if let Some(run) = open {
        return Some(format!("run {} stands {}", run["run"], run["stands"]));
    }
    sheets.iter().find_map(|sheet| {
        let run = runs.iter().find(|run| run["run"] == sheet.run.as_str());
        let Some(status) = run.and_then(answer_of) else {
            return Some(format!("run {} is missing", sheet.run));
        };
        let expected = &sheet.expected["status"];
        (status != expected).then(|| format!("run {} is {status}, not {expected}", sheet.run))
    })
}

/// The status of the turn that answered the run.
fn answer_of(run: &Value) -> Option<&Value> {
    let turns = run["turns"].as_array()?;
    let answered = turns
        .iter()
        .rfind(|turn| turn["ending"] == "answered" || turn["ending"] == "replayed");
    answered.map(|turn| &turn["status"])
}

/// What waits, unless nothing does and the queues agree.
fn still_waiting(told: &str) -> Option<String> {
    let waiting: Value = serde_json::from_str(told).unwrap_or_default();
    let is_empty = waiting["waiting"]["jobs"] == 0 && waiting["queued"] == 0;
    let is_all = is_empty && waiting["agrees"] == true;
    (!is_all).then(|| told.trim().to_owned())
}
