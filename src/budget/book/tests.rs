use super::*;
use crate::budget::config::Config;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Whole {
    budget: Vec<Config>,
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn book(toml: &str) -> BudgetBook {
    let budgets = toml::from_str::<Whole>(toml).unwrap().budget;
    let price = |account, tariff: &str| AccountPrice {
        account,
        tariff: tariff.parse().unwrap(),
        currency: "CNY".parse().unwrap(),
    };
    let prices = vec![
        price(AccountName::RECOGNITION, "0.25"),
        price(
            AccountName::VERIFICATION,
            r#"[{ from = "2026-12-01", price = "1.5" }, { from = "2027-01-01", price = "2" }]"#,
        ),
    ];
    let terms = budgets.iter().map(BudgetTerms::of).collect();
    BudgetBook::new(terms, prices, TimeZone::get("Asia/Shanghai").unwrap())
}

fn alone() -> FleetView {
    FleetView {
        part: FleetPart::WHOLE,
        in_the_air: BTreeMap::new(),
    }
}

const READ: CallOf<'static> = CallOf {
    account: AccountName::RECOGNITION,
    submitter: "hospital-7",
};
const VERIFIED: CallOf<'static> = CallOf {
    account: AccountName::VERIFICATION,
    submitter: "claims",
};

fn told<'a>(id: &'a str, call: CallOf<'a>, time: &str, billed: Billed) -> ToldCall<'a> {
    ToldCall {
        id,
        account: call.account,
        submitter: call.submitter,
        at: at(time),
        billed,
        price: None,
    }
}

/// The ledger tells of a call when it was made.
fn tell(book: &mut BudgetBook, call: &ToldCall<'_>) {
    book.tell(call, call.at);
}

/// What is spent of the first budget, and in the air, at this time.
fn spent(book: &BudgetBook, time: &str) -> (String, String) {
    let (_, _, standing) = book.standings(at(time), &alone())[0];
    (standing.spent.to_string(), standing.ours.to_string())
}

/// Eight in the morning.
const MORNING: &str = "2026-12-01T00:00:00Z";
const EVENING: &str = "2026-12-01T15:59:59Z";
/// Midnight in Shanghai.
const NEXT_DAY: &str = "2026-12-01T16:00:00Z";

#[test]
fn a_call_is_in_the_air_until_the_ledger_tells_of_it_and_counts_once() {
    let mut book = book("[[budget]]\namount = 2");
    let first = book.begin(READ, at(MORNING), &alone()).unwrap();
    assert_eq!(spent(&book, MORNING), ("0".into(), "1".into()));
    book.end(first, "0a", Billed::Yes);
    assert_eq!(spent(&book, MORNING), ("0".into(), "1".into()));
    for _ in 0..2 {
        tell(&mut book, &told("0a", READ, MORNING, Billed::Yes));
        assert_eq!(spent(&book, MORNING), ("1".into(), "0".into()));
    }
    let free = book.begin(VERIFIED, at(MORNING), &alone()).unwrap();
    assert_eq!(
        book.look(READ, at(MORNING), &alone()),
        Err(NotAdmitted::NotNow)
    );
    book.end(free, "0b", Billed::No);
    tell(&mut book, &told("0b", VERIFIED, MORNING, Billed::No));
    assert_eq!(spent(&book, MORNING), ("1".into(), "0".into()));
    // Another worker's. It is not known whether it is paid for.
    tell(&mut book, &told("0c", READ, MORNING, Billed::Unknown));
    assert_eq!(
        book.look(READ, at(EVENING), &alone()),
        Err(NotAdmitted::UsedUp {
            budget: 0,
            until: at(NEXT_DAY)
        })
    );
    assert_eq!(book.look(READ, at(NEXT_DAY), &alone()), Ok(()));
    assert_eq!(spent(&book, NEXT_DAY), ("0".into(), "0".into()));
}

#[test]
fn calls_of_others_in_the_air_are_left_free_for_them() {
    let book = book("[[budget]]\namount = 3");
    let name = "all accounts per day in calls".to_owned();
    let with = |in_the_air: i64| FleetView {
        part: FleetPart::WHOLE,
        in_the_air: BTreeMap::from([(name.clone(), Decimal::from(in_the_air))]),
    };
    assert_eq!(book.look(READ, at(MORNING), &with(2)), Ok(()));
    assert_eq!(
        book.look(READ, at(MORNING), &with(3)),
        Err(NotAdmitted::NotNow)
    );
}

#[test]
fn a_budget_is_for_its_account_and_its_submitters() {
    let toml = r#"
        [[budget]]
        account = "recognition"
        submitter = "hospital-.*"
        amount = 1
    "#;
    let mut book = book(toml);
    let other = CallOf {
        submitter: "another",
        ..READ
    };
    assert!(book.concerns(READ) && !book.concerns(other) && !book.concerns(VERIFIED));
    for call in [other, VERIFIED] {
        tell(&mut book, &told(call.submitter, call, MORNING, Billed::Yes));
    }
    assert_eq!(spent(&book, MORNING), ("0".into(), "0".into()));
    tell(&mut book, &told("0a", READ, MORNING, Billed::Yes));
    assert!(book.look(READ, at(MORNING), &alone()).is_err());
    assert_eq!(book.look(other, at(MORNING), &alone()), Ok(()));
}

#[test]
fn money_is_counted_by_the_price_that_the_ledger_told_or_else_by_that_of_the_day() {
    let mut book = book("[[budget]]\nper = \"month\"\namount = \"10 CNY\"");
    let currency: Currency = "CNY".parse().unwrap();
    let dollars: Currency = "USD".parse().unwrap();
    let mut sum = Vec::new();
    for (id, call, price) in [
        ("01", READ, None),
        ("02", VERIFIED, None),
        ("03", READ, Some((Decimal::new(3, 0), &currency))),
        ("04", READ, Some((Decimal::new(3, 0), &dollars))),
    ] {
        let told = told(id, call, MORNING, Billed::Yes);
        tell(&mut book, &ToldCall { price, ..told });
        sum.push(spent(&book, MORNING).0);
    }
    assert_eq!(sum, ["0.25", "1.75", "4.75", "5.00"]);
    // 5 are left: three calls of 1.5, and 20 of 0.25.
    let count = |call| {
        let mut copies = 0;
        let mut other = super::tests::book("[[budget]]\nper = \"month\"\namount = \"5 CNY\"");
        while other.begin(call, at(MORNING), &alone()).is_ok() {
            copies += 1;
        }
        copies
    };
    assert_eq!((count(READ), count(VERIFIED)), (20, 3));
    // From the first of January a call costs 2; in November it cost what it costs first.
    for (time, cheapest) in [
        ("2026-11-15T00:00:00Z", "1.5"),
        ("2027-01-15T00:00:00Z", "2"),
    ] {
        let verification = super::tests::book(
            "[[budget]]\naccount = \"verification\"\nper = \"month\"\namount = \"5 CNY\"",
        );
        let terms = verification.terms().next().unwrap();
        assert_eq!(verification.cheapest(terms, at(time)).to_string(), cheapest);
    }
}

#[test]
fn of_several_budgets_that_are_used_up_the_last_to_open_counts() {
    let toml = r#"
        [[budget]]
        per = "month"
        amount = 2
        [[budget]]
        amount = 1
        [[budget]]
        account = "verification"
        amount = 100
    "#;
    let mut book = book(toml);
    assert_eq!(
        book.reads_from(at(NEXT_DAY)),
        at("2026-11-30T16:00:00Z"),
        "the month is longer than the day"
    );
    let until = |book: &BudgetBook, time| match book.look(READ, at(time), &alone()) {
        Err(NotAdmitted::UsedUp { budget, until }) => (budget, until.to_string()),
        other => panic!("{other:?}"),
    };
    tell(&mut book, &told("01", READ, MORNING, Billed::Yes));
    assert_eq!(until(&book, MORNING), (1, NEXT_DAY.to_owned()));
    tell(&mut book, &told("02", READ, NEXT_DAY, Billed::Yes));
    let january = "2026-12-31T16:00:00Z";
    assert_eq!(until(&book, NEXT_DAY), (0, january.to_owned()));
    assert_eq!(book.look(READ, at(january), &alone()), Ok(()));
}

#[test]
fn a_call_that_the_ledger_never_tells_of_counts_as_spent() {
    let mut book = book("[[budget]]\namount = 5");
    let ended = book.begin(READ, at(MORNING), &alone()).unwrap();
    book.end(ended, "0a", Billed::Yes);
    // Its job's future was dropped.
    let _lost = book.begin(READ, at(MORNING), &alone()).unwrap();
    book.give_up_waiting(at("2026-12-01T00:30:00Z"));
    assert_eq!(spent(&book, MORNING), ("0".into(), "2".into()));
    book.give_up_waiting(at("2026-12-01T00:30:01Z"));
    assert_eq!(spent(&book, MORNING), ("2".into(), "0".into()));
    tell(&mut book, &told("0a", READ, MORNING, Billed::Yes));
    assert_eq!(spent(&book, MORNING), ("2".into(), "0".into()));
}

#[test]
fn a_call_belongs_to_the_day_in_which_it_was_made_whenever_it_is_told() {
    let mut book = book("[[budget]]\namount = 5");
    let late = book.begin(READ, at(EVENING), &alone()).unwrap();
    book.end(late, "0a", Billed::Yes);
    assert_eq!(spent(&book, EVENING), ("0".into(), "1".into()));
    assert_eq!(spent(&book, NEXT_DAY), ("0".into(), "0".into()));
    tell(&mut book, &told("0a", READ, EVENING, Billed::Yes));
    assert_eq!(spent(&book, EVENING), ("1".into(), "0".into()));
    assert_eq!(spent(&book, NEXT_DAY), ("0".into(), "0".into()));
    // The worker's clock is behind that of another.
    tell(&mut book, &told("0b", READ, NEXT_DAY, Billed::Yes));
    assert_eq!(spent(&book, EVENING), ("1".into(), "0".into()));
    // Windows are not kept for ever.
    for month in 1..=6 {
        let time = format!("2027-0{month}-01T16:00:00Z");
        tell(
            &mut book,
            &told(&format!("{month}"), READ, &time, Billed::Yes),
        );
    }
    assert_eq!(book.budgets[0].spent.len(), 3);
}

/// Submitters can write to the stream: what they forge may use a budget up, and never enlarge it.
#[test]
fn no_forged_event_enlarges_a_budget() {
    let mut book = book("[[budget]]\namount = \"1 CNY\"");
    let currency: Currency = "CNY".parse().unwrap();
    tell(&mut book, &told("01", READ, MORNING, Billed::Yes));
    let negative = ToldCall {
        price: Some((Decimal::new(-100, 0), &currency)),
        ..told("02", READ, MORNING, Billed::Yes)
    };
    tell(&mut book, &negative);
    assert_eq!(spent(&book, MORNING).0, "0.50");
    for (number, year) in (10..90).zip(2027..) {
        let (id, time) = (number.to_string(), format!("{year}-01-01T00:00:00Z"));
        book.tell(&told(&id, READ, &time, Billed::Yes), at(MORNING));
    }
    assert_eq!(spent(&book, MORNING).0, "0.50");
    let endless = ToldCall {
        price: Some((Decimal::MAX, &currency)),
        ..told("03", READ, MORNING, Billed::Yes)
    };
    tell(&mut book, &endless);
    tell(
        &mut book,
        &ToldCall {
            id: "04",
            ..endless
        },
    );
    assert!(book.look(READ, at(MORNING), &alone()).is_err());
}

proptest! {
    /// Whatever is told, in whichever order and however often: what is spent is what the distinct
    /// calls cost, and a worker alone never has more in hand than the amount.
    #[test]
    fn nothing_is_counted_twice(
        amount in 1_u64..30,
        calls in proptest::collection::vec((0..40_u8, any::<bool>()), 0..200),
    ) {
        let mut book = book(&format!("[[budget]]\namount = {amount}"));
        let (mut open, mut made) = (Vec::new(), std::collections::BTreeSet::new());
        for (id, is_own) in calls {
            let name = format!("{id:02x}");
            if is_own {
                if let Ok(number) = book.begin(READ, at(MORNING), &alone()) {
                    book.end(number, &name, Billed::Yes);
                    open.push(name);
                }
            } else {
                tell(&mut book, &told(&name, READ, MORNING, Billed::Yes));
                made.insert(name);
            }
            let (_, _, standing) = book.standings(at(MORNING), &alone())[0];
            prop_assert_eq!(standing.spent, Decimal::from(made.len()));
        }
        for name in open {
            tell(&mut book, &told(&name, READ, MORNING, Billed::Yes));
            made.insert(name);
        }
        prop_assert_eq!(spent(&book, MORNING).0, made.len().to_string());
    }
}
