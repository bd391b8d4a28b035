//! What the workers say, put together: rates between two looks, and sums over all of them. Pure.

use super::exposition::{
    BUILD, CALLS, CLOSED_UNTIL, IN_FLIGHT, JOBS, NEXT_PROBE, PARKED, PAUSED, PROVINCE_CLOSED,
    QUOTA, RETURNED, SHARE, STAGE_CLOSED, Sample, Samples, Series,
};
use std::collections::{BTreeMap, HashMap};

/// Rows of a table beyond these are only counted: labels may be anybody's.
const MAX_ROWS: usize = 200;

/// One look at a worker.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) worker: String,
    /// Seconds since the epoch.
    pub(super) at: f64,
    /// Its metrics, or why there are none.
    pub(super) said: Result<Samples, String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fleet {
    /// Seconds since the epoch, by this machine's clock.
    pub(super) now: f64,
    pub(super) workers: Vec<WorkerRow>,
    pub(super) accounts: BTreeMap<String, AccountRow>,
    pub(super) closed: BTreeMap<(String, String), ClosedRow>,
    /// How many jobs are parked, by stage and code.
    pub(super) parked: BTreeMap<(String, String), f64>,
    /// Jobs answered, by status and verdict.
    pub(super) verdicts: BTreeMap<(String, String), Count>,
    pub(super) in_flight: f64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct WorkerRow {
    pub(super) worker: String,
    /// Why it does not answer.
    pub(super) problem: Option<String>,
    pub(super) version: String,
    pub(super) in_flight: f64,
    pub(super) answered: Count,
    pub(super) accounts: BTreeMap<String, AccountRow>,
    pub(super) paused: Vec<String>,
}

/// An account, as one worker uses it or as all of them do.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct AccountRow {
    /// The configured rate: the same for all workers.
    pub(super) quota: Option<f64>,
    /// The part of it that may be used now.
    pub(super) granted: f64,
    pub(super) calls: Count,
    /// Calls by the label `billed`.
    pub(super) billed: BTreeMap<String, Count>,
}

/// A counter and how fast it grows; the latter is known from the second look on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Count {
    pub(super) total: f64,
    pub(super) per_second: Option<f64>,
}

/// Something that is closed or paused, by its name and why.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ClosedRow {
    /// How many workers say so.
    pub(super) workers: usize,
    pub(super) until: Option<f64>,
    pub(super) next_probe: Option<f64>,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.total += other.total;
        self.per_second = match (self.per_second, other.per_second) {
            (Some(ours), Some(theirs)) => Some(ours + theirs),
            (ours, theirs) => ours.or(theirs),
        };
    }
}

impl Fleet {
    /// `before` are the looks before these, in the same order.
    pub(super) fn of(before: &[Look], looks: &[Look], now: f64) -> Self {
        let mut fleet = Self {
            now,
            ..Self::default()
        };
        for (index, look) in looks.iter().enumerate() {
            let samples = match &look.said {
                Ok(samples) => samples,
                Err(problem) => {
                    fleet.workers.push(WorkerRow {
                        worker: look.worker.clone(),
                        problem: Some(problem.clone()),
                        ..WorkerRow::default()
                    });
                    continue;
                }
            };
            let growth = Growth::between(before.get(index), look);
            fleet.add(look, samples, &growth);
        }
        fleet.parked.retain(|_, number| *number >= 1.0);
        fleet
    }

    /// How many workers answer.
    pub(super) fn answering(&self) -> usize {
        let answering = self.workers.iter().filter(|row| row.problem.is_none());
        answering.count()
    }

    fn add(&mut self, look: &Look, samples: &Samples, growth: &Growth<'_>) {
        let mut row = WorkerRow {
            worker: look.worker.clone(),
            version: samples
                .of(BUILD)
                .next()
                .map(|build| build.label("version").to_owned())
                .unwrap_or_default(),
            in_flight: samples.of(IN_FLIGHT).map(|sample| sample.value).sum(),
            ..WorkerRow::default()
        };
        for sample in samples.of(JOBS) {
            let count = growth.count(sample);
            row.answered.add(count);
            let key = pair(sample, "status", "verdict");
            if let Some(verdict) = entry(&mut self.verdicts, key) {
                verdict.add(count);
            }
        }
        row.accounts = accounts(samples, growth);
        for (account, of_worker) in &row.accounts {
            if let Some(sum) = entry(&mut self.accounts, account.clone()) {
                sum.add(of_worker);
            }
        }
        for (name, sign) in [(PARKED, 1.0), (RETURNED, -1.0)] {
            for sample in samples.of(name) {
                if let Some(parked) = entry(&mut self.parked, pair(sample, "stage", "code")) {
                    *parked += sign * sample.value;
                }
            }
        }
        self.add_closed(samples, &mut row);
        self.in_flight += row.in_flight;
        self.workers.push(row);
    }

    fn add_closed(&mut self, samples: &Samples, row: &mut WorkerRow) {
        let is_on = |sample: &&Sample| sample.value > 0.0;
        let mut told: Vec<(String, String, String)> = Vec::new();
        for sample in samples.of(PAUSED).filter(is_on) {
            let stage = sample.label("stage").to_owned();
            row.paused.push(stage.clone());
            let why = format!("paused: {}", sample.label("reason"));
            told.push((stage.clone(), stage, why));
        }
        for sample in samples.of(STAGE_CLOSED).filter(is_on) {
            let stage = sample.label("stage").to_owned();
            told.push((stage.clone(), stage, "closed".to_owned()));
        }
        for sample in samples.of(PROVINCE_CLOSED).filter(is_on) {
            let province = sample.label("province").to_owned();
            let what = format!("province {province}");
            told.push((province, what, "closed".to_owned()));
        }
        for sample in samples.of(CLOSED_UNTIL) {
            let scope = sample.label("scope");
            let is_known = told.iter().any(|(name, ..)| is_about(scope, name));
            if sample.value > self.now && !is_known {
                let scope = scope.to_owned();
                told.push((scope.clone(), scope, "closed".to_owned()));
            }
        }
        for (name, what, why) in told {
            let Some(closed) = entry(&mut self.closed, (what, why)) else {
                continue;
            };
            closed.workers += 1;
            let until = samples
                .of(CLOSED_UNTIL)
                .filter(|sample| sample.value > 0.0 && is_about(sample.label("scope"), &name));
            closed.until = until
                .map(|sample| sample.value)
                .chain(closed.until)
                .reduce(f64::max);
            let probe = samples
                .of(NEXT_PROBE)
                .filter(|sample| sample.value > 0.0 && sample.label("stage") == name);
            closed.next_probe = probe
                .map(|sample| sample.value)
                .chain(closed.next_probe)
                .reduce(f64::min);
        }
    }
}

impl AccountRow {
    fn add(&mut self, other: &Self) {
        self.quota = self.quota.into_iter().chain(other.quota).reduce(f64::max);
        self.granted += other.granted;
        self.calls.add(other.calls);
        for (billed, count) in &other.billed {
            self.billed.entry(billed.clone()).or_default().add(*count);
        }
    }
}

fn accounts(samples: &Samples, growth: &Growth<'_>) -> BTreeMap<String, AccountRow> {
    let mut accounts: BTreeMap<String, AccountRow> = BTreeMap::new();
    for sample in samples.of(QUOTA) {
        if let Some(account) = entry(&mut accounts, sample.label("stage").to_owned()) {
            account.quota = Some(sample.value);
        }
    }
    for sample in samples.of(SHARE) {
        if let Some(account) = entry(&mut accounts, sample.label("stage").to_owned()) {
            account.granted = sample.value;
        }
    }
    for sample in samples.of(CALLS) {
        if let Some(account) = entry(&mut accounts, sample.label("stage").to_owned()) {
            let count = growth.count(sample);
            account.calls.add(count);
            if let Some(billed) = entry(&mut account.billed, sample.label("billed").to_owned()) {
                billed.add(count);
            }
        }
    }
    accounts
}

/// How much a worker's counters have grown since the look before.
struct Growth<'a> {
    /// What they were, and how many seconds ago.
    before: Option<(HashMap<Series<'a>, f64>, f64)>,
}

impl<'a> Growth<'a> {
    /// Nothing is known about the first look, and about one after a look that was not answered.
    fn between(before: Option<&'a Look>, look: &Look) -> Self {
        let before = before
            .filter(|before| before.worker == look.worker)
            .and_then(|before| Some((before.said.as_ref().ok()?, look.at - before.at)))
            .filter(|(_, seconds)| *seconds > 0.0);
        let before = before.map(|(samples, seconds)| {
            let counters = [JOBS, CALLS].into_iter().flat_map(|name| samples.of(name));
            let known = counters.map(|sample| (sample.series(), sample.value));
            (known.collect(), seconds)
        });
        Self { before }
    }

    fn count(&self, sample: &Sample) -> Count {
        let per_second = self.before.as_ref().map(|(known, seconds)| {
            let before = known.get(&sample.series()).copied().unwrap_or(0.0);
            // A worker that was started again counts from nought.
            let grown = if sample.value >= before {
                sample.value - before
            } else {
                sample.value
            };
            grown / seconds
        });
        Count {
            total: sample.value,
            per_second,
        }
    }
}

fn pair(sample: &Sample, first: &str, second: &str) -> (String, String) {
    (
        sample.label(first).to_owned(),
        sample.label(second).to_owned(),
    )
}

/// The entry of this key, unless there are too many.
fn entry<K: Ord, V: Default>(map: &mut BTreeMap<K, V>, key: K) -> Option<&mut V> {
    if map.len() >= MAX_ROWS && !map.contains_key(&key) {
        return None;
    }
    Some(map.entry(key).or_default())
}

/// Whether a scope, such as `verification` or `province 河南`, is this stage or province.
fn is_about(scope: &str, name: &str) -> bool {
    let last = scope.rsplit([' ', ':', '/', '=']).next();
    !name.is_empty() && (scope == name || last == Some(name))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A worker's metrics, where it has made so many paid calls and is otherwise at work.
    pub(in crate::command::top) fn metrics(calls: u32, more: &str) -> String {
        format!(
            "invoice_build_info{{version=\"0.1.0\",commit=\"abc\"}} 1\n\
             invoice_jobs_in_flight 12\n\
             invoice_provider_quota_per_second{{stage=\"recognition\"}} 10\n\
             invoice_provider_quota_per_second{{stage=\"verification\"}} 10\n\
             invoice_provider_rate_limit_per_second{{stage=\"recognition\"}} 5\n\
             invoice_provider_rate_limit_per_second{{stage=\"verification\"}} 4.5\n\
             invoice_provider_calls_total{{stage=\"recognition\",code=\"200\",billed=\"yes\"}} {calls}\n\
             invoice_provider_calls_total{{stage=\"verification\",code=\"200\",billed=\"yes\"}} {calls}\n\
             invoice_provider_calls_total{{stage=\"verification\",code=\"316\",billed=\"no\"}} 7\n\
             invoice_jobs_total{{status=\"completed\",verdict=\"genuine\"}} {calls}\n\
             {more}\n"
        )
    }

    pub(in crate::command::top) fn look(worker: &str, at: f64, text: &str) -> Look {
        Look {
            worker: worker.to_owned(),
            at,
            said: Ok(Samples::parse(text)),
        }
    }

    fn per_second(before: &[Look], looks: &[Look]) -> Option<f64> {
        let fleet = Fleet::of(before, looks, 1_000.0);
        fleet.accounts["recognition"].calls.per_second
    }

    #[test]
    fn rates_are_between_two_looks_at_the_same_worker_and_a_restart_counts_from_nought() {
        let first = [look("a", 10.0, &metrics(100, ""))];
        let second = [look("a", 12.0, &metrics(110, ""))];
        let silent = [Look {
            said: Err("no".into()),
            ..first[0].clone()
        }];
        assert_eq!(per_second(&[], &first), None);
        assert_eq!(per_second(&first, &second), Some(5.0));
        assert_eq!(per_second(&silent, &second), None);
        let restarted = [look("a", 12.0, &metrics(4, ""))];
        assert_eq!(per_second(&first, &restarted), Some(2.0));
        assert_eq!(per_second(&first, &first), None, "no time has passed");
        let another = [look("b", 12.0, &metrics(110, ""))];
        assert_eq!(per_second(&first, &another), None);
    }

    #[test]
    fn workers_are_summed_and_one_that_is_silent_is_shown_as_such() {
        let looks = |at, calls| {
            [
                look("a", at, &metrics(calls, "")),
                look("b", at, &metrics(2 * calls, "")),
                Look {
                    worker: "c".into(),
                    at,
                    said: Err("refused".into()),
                },
            ]
        };
        let fleet = Fleet::of(&looks(0.0, 10), &looks(10.0, 30), 1_000.0);
        assert_eq!((fleet.answering(), fleet.workers.len()), (2, 3));
        assert_eq!(fleet.workers[2].problem.as_deref(), Some("refused"));
        let verification = &fleet.accounts["verification"];
        assert_eq!(verification.quota, Some(10.0), "one quota for all");
        assert!((verification.granted - 9.0).abs() < 1e-9);
        assert_eq!(verification.billed["yes"].per_second, Some(6.0));
        assert_eq!(
            verification.billed["no"],
            Count {
                total: 14.0,
                per_second: Some(0.0)
            }
        );
        assert!((fleet.in_flight - 24.0).abs() < 1e-9);
        let genuine = &fleet.verdicts[&("completed".to_owned(), "genuine".to_owned())];
        assert_eq!((genuine.total, genuine.per_second), (90.0, Some(6.0)));
    }

    #[test]
    fn a_job_that_one_worker_parked_may_come_back_to_another() {
        let parked = "invoice_parked_total{stage=\"verification\",code=\"316\"} 5\n\
                      invoice_parked_total{stage=\"storage\",code=\"timeout\"} 1";
        let returned = "invoice_returned_total{stage=\"verification\",code=\"316\"} 3\n\
                        invoice_returned_total{stage=\"storage\",code=\"timeout\"} 1";
        let looks = [look("a", 0.0, parked), look("b", 0.0, returned)];
        let fleet = Fleet::of(&[], &looks, 0.0);
        let key = ("verification".to_owned(), "316".to_owned());
        assert_eq!(fleet.parked, BTreeMap::from([(key, 2.0)]));
    }

    #[test]
    fn what_is_closed_is_told_once_with_when_it_opens_and_how_many_say_so() {
        let paused = "invoice_paused{stage=\"verification\",reason=\"UNAUTHORIZED\"} 1\n\
                      invoice_paused{stage=\"recognition\",reason=\"timeout\"} 0\n\
                      invoice_next_probe_timestamp_seconds{stage=\"verification\"} 1300\n\
                      invoice_next_probe_timestamp_seconds{stage=\"recognition\"} 0";
        let closed = "invoice_province_closed{province=\"河南\"} 1\n\
                      invoice_stage_closed{stage=\"recognition\"} 1\n\
                      invoice_closed_until_timestamp_seconds{scope=\"province 河南\"} 2800\n\
                      invoice_closed_until_timestamp_seconds{scope=\"bill\"} 4000\n\
                      invoice_closed_until_timestamp_seconds{scope=\"recognition\"} 0";
        let both = format!("{paused}\n{closed}");
        let looks = [look("a", 0.0, &both), look("b", 0.0, closed)];
        let fleet = Fleet::of(&[], &looks, 1_000.0);
        let told: Vec<_> = fleet
            .closed
            .iter()
            .map(|((what, why), row)| {
                let (until, probe) = (row.until, row.next_probe);
                (what.as_str(), why.as_str(), row.workers, until, probe)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("bill", "closed", 2, Some(4_000.0), None),
                ("province 河南", "closed", 2, Some(2_800.0), None),
                ("recognition", "closed", 2, None, None),
                (
                    "verification",
                    "paused: UNAUTHORIZED",
                    1,
                    None,
                    Some(1_300.0)
                ),
            ]
        );
        assert_eq!(fleet.workers[0].paused, ["verification"]);
        assert!(fleet.workers[1].paused.is_empty());
    }

    #[test]
    fn no_labels_fill_the_memory() {
        let line = |number| format!("invoice_parked_total{{stage=\"{number}\",code=\"x\"}} 5\n");
        let many: Vec<String> = (0..5_000).map(line).collect();
        let fleet = Fleet::of(&[], &[look("a", 0.0, &many.concat())], 0.0);
        assert_eq!(fleet.parked.len(), MAX_ROWS);
    }
}
