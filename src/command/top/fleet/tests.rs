use super::*;
use crate::command::top::accounts::AccountCost;
use crate::command::top::budgets::BudgetRow;
use crate::command::top::exposition::Samples;
use crate::command::top::keyed_rows::MOST_ROWS;

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
    assert_eq!(fleet.parked.len(), MOST_ROWS);
}

#[test]
fn cost_is_summed_by_account_and_currency() {
    let cost = |account: &str, billed: &str, currency: &str, cost: f64| {
        format!(
            "invoice_cost_total{{account=\"{account}\",billed=\"{billed}\",currency=\"{currency}\"}} {cost}\n"
        )
    };
    let first = [
        cost("recognition", "yes", "CNY", 2.5),
        cost("recognition", "unknown", "CNY", 0.25),
        cost("verification", "yes", "EUR", 7.0),
        cost("verification", "no", "EUR", 100.0),
        "process_start_time_seconds 700\n".into(),
    ];
    let second = [
        cost("recognition", "yes", "CNY", 1.5),
        "process_start_time_seconds 400\n".into(),
    ];
    let looks = [
        look("a", 0.0, &first.concat()),
        look("b", 0.0, &second.concat()),
    ];
    let fleet = Fleet::of(&[], &looks, 1_000.0);
    let told = |account: &str| fleet.accounts[account].cost.clone();
    let cost = |paid, unknown| AccountCost { paid, unknown };
    let of = |currency: &str, cost| BTreeMap::from([(currency.to_owned(), cost)]);
    assert_eq!(told("recognition"), of("CNY", cost(4.0, 0.25)));
    assert_eq!(told("verification"), of("EUR", cost(7.0, 0.0)));
    assert_eq!(fleet.started, Some(400.0));
}

#[test]
fn a_budget_is_what_the_workers_say_that_know_it() {
    let says = |unknown: u8, spent: u8, used_up: u8| {
        format!(
            "invoice_budgets_unknown {unknown}\n\
             invoice_budget_amount{{budget=\"b\"}} 200\n\
             invoice_budget_spent{{budget=\"b\"}} {spent}\n\
             invoice_budget_used_up{{budget=\"b\"}} {used_up}\n"
        )
    };
    let budgets = |told: &[String]| {
        let looks: Vec<Look> = told.iter().map(|text| look("w", 0.0, text)).collect();
        Fleet::of(&[], &looks, 0.0).budgets
    };
    let known = budgets(&[says(0, 160, 0), says(0, 158, 1), says(1, 199, 0)]);
    let row = BudgetRow {
        amount: 200.0,
        spent: 160.0,
        is_used_up: true,
    };
    assert_eq!(known.known, BTreeMap::from([("b".to_owned(), row)]));
    assert_eq!((known.knowing, known.unknowing), (2, 1));
    let unknown = budgets(&[says(1, 199, 1), metrics(1, "")]);
    assert_eq!((unknown.knowing, unknown.unknowing), (0, 1));
    assert!(unknown.known.is_empty());
}
