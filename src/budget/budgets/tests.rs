use super::*;
use serde::Deserialize;
use tokio::time::{Duration, advance};

#[derive(Deserialize)]
struct Whole {
    budget: Vec<Config>,
}

/// Budgets of a worker that is alone, at eight in the morning in Shanghai.
fn budgets(toml: &str) -> Budgets {
    let budgets = toml::from_str::<Whole>(toml).unwrap().budget;
    let clock = Clock::starting_at("2026-12-01T00:00:00Z".parse().unwrap());
    let price = |account| AccountPrice {
        account,
        tariff: "1".parse().unwrap(),
        currency: "CNY".parse().unwrap(),
    };
    let prices = [AccountName::RECOGNITION, AccountName::VERIFICATION].map(price);
    Budgets::new(
        &budgets,
        prices.to_vec(),
        TimeZone::get("Asia/Shanghai").unwrap(),
        "claims".to_owned(),
        (Membership::new("a worker".into(), clock), clock),
    )
}

fn job(body: &str) -> Job {
    Job::parse(body.as_bytes(), None).ok().unwrap()
}

const OF_THE_BUCKET: &str = r#"{"job_id":"a","image":{"key":"a"}}"#;
const OF_ANOTHER: &str = r#"{"job_id":"a","image":{"key":"a"},"submitter":"another"}"#;

fn look(budgets: &Budgets, body: &str) -> Result<(), BudgetRefusal> {
    budgets.look(AccountName::RECOGNITION, &job(body))
}

fn tell(budgets: &Budgets, id: &str) {
    let now = budgets.0.as_ref().unwrap().clock.now();
    let call = ToldCall {
        id,
        account: AccountName::RECOGNITION,
        submitter: "claims",
        at: now,
        billed: Billed::Yes,
        price: None,
    };
    budgets.tell([call].into_iter());
}

const FOR_CLAIMS: &str = "[[budget]]\nsubmitter = \"claims\"\namount = 1";

#[tokio::test(start_paused = true)]
async fn no_call_is_made_under_a_budget_before_the_ledger_was_read() {
    let budgets = budgets(FOR_CLAIMS);
    assert_eq!(look(&budgets, OF_THE_BUCKET), Err(BudgetRefusal::NotNow));
    assert_eq!(look(&budgets, OF_ANOTHER), Ok(()), "it has no budget");
    let start = budgets.begin_reading();
    assert_eq!(start.to_string(), "2026-11-30T16:00:00Z");
    budgets.is_read();
    assert_eq!(look(&budgets, OF_THE_BUCKET), Ok(()));
    budgets.cannot_be_read("no streams");
    let problem = "no streams".to_owned();
    let unknown = Err(BudgetRefusal::Unknown { problem });
    assert_eq!(look(&budgets, OF_THE_BUCKET), unknown);
    assert_eq!(look(&budgets, OF_ANOTHER), Ok(()));
    budgets.begin_reading();
    assert_eq!(look(&budgets, OF_THE_BUCKET), unknown, "it is tried again");
    budgets.is_read();
    budgets.is_written(Some("the stream takes nothing"));
    assert!(matches!(
        look(&budgets, OF_THE_BUCKET),
        Err(BudgetRefusal::Unknown { .. })
    ));
    budgets.is_written(None);
    assert_eq!(look(&budgets, OF_THE_BUCKET), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_used_up_opens_by_the_clock() {
    let budgets = budgets(FOR_CLAIMS);
    budgets.begin_reading();
    budgets.is_read();
    let mut changes = budgets.changes().unwrap();
    tell(&budgets, "01");
    let midnight: Timestamp = "2026-12-01T16:00:00Z".parse().unwrap();
    assert_eq!(
        look(&budgets, OF_THE_BUCKET),
        Err(BudgetRefusal::UsedUp {
            budget: "1 call per day of all accounts for claims".to_owned(),
            until: midnight
        })
    );
    let closed = budgets.closed();
    assert_eq!((closed.len(), closed[0].until), (1, midnight));
    assert_eq!(
        closed[0].reason,
        "1 of 1 call per day of all accounts for claims is spent"
    );
    advance(Duration::from_hours(16)).await;
    changes.mark_unchanged();
    budgets.refresh();
    assert!(changes.has_changed().unwrap(), "jobs that wait are told");
    assert_eq!(look(&budgets, OF_THE_BUCKET), Ok(()));
    assert_eq!(budgets.closed(), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_air_is_told_to_the_others_and_a_dropped_call_counts() {
    let budgets = budgets("[[budget]]\namount = 3");
    budgets.begin_reading();
    budgets.is_read();
    let shared = Arc::clone(budgets.0.as_ref().unwrap());
    let reported = || {
        let heartbeat = shared.membership.heartbeat(false, Vec::new());
        let amount = heartbeat.in_the_air.get("all accounts per day in calls");
        amount.map(ToString::to_string)
    };
    let (account, job) = (AccountName::RECOGNITION, job(OF_THE_BUCKET));
    let now = || shared.clock.now();
    let free = budgets.begin(account, &job, now()).unwrap();
    let paid = budgets.begin(account, &job, now()).unwrap();
    drop(budgets.begin(account, &job, now()).unwrap());
    assert_eq!(reported().as_deref(), Some("3"));
    assert_eq!(
        budgets.begin(account, &job, now()).unwrap_err(),
        BudgetRefusal::NotNow
    );
    free.ended(|| "01".to_owned(), Billed::No);
    paid.ended(|| "02".to_owned(), Billed::Yes);
    assert_eq!(reported().as_deref(), Some("2"));
    tell(&budgets, "02");
    assert_eq!(reported().as_deref(), Some("1"));
}

#[test]
fn without_budgets_every_call_is_allowed() {
    let none = Budgets::default();
    assert_eq!(look(&none, OF_THE_BUCKET), Ok(()));
    assert!(!none.are_set() && none.changes().is_none() && none.closed().is_empty());
}
