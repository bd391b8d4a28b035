//! The list `[[budget]]`: in the file, and as a variable.

use super::*;

#[test]
fn budgets_are_a_list_in_the_file_and_a_variable_replaces_it_whole() {
    let text = "[[budget]]\namount = 200\n[[budget]]\naccount = \"recognition\"\nper = \"month\"\namount = \"500 CNY\"\n";
    let names = |environment: &[(&str, &str)]| -> Vec<String> {
        let budgets = load(text, environment).unwrap().budget;
        budgets.iter().map(crate::budget::Config::name).collect()
    };
    assert_eq!(
        names(&[]),
        [
            "all accounts per day in calls",
            "recognition per month in CNY"
        ]
    );
    let variable = "INVOICE_WORKER__BUDGET";
    assert_eq!(
        names(&[(
            variable,
            r#"[{ account = "verification", amount = "5 calls" }]"#
        )]),
        ["verification per day in calls"]
    );
    assert_eq!(names(&[(variable, "[]")]), [""; 0]);
}

#[test]
fn a_mistake_in_a_budget_names_its_entry_and_line() {
    for (text, says) in [
        (
            "[[budget]]\namount = 1\n[[budget]]\namuont = 2",
            "line 4: budget[1].amuont: unknown field `amuont`, expected one of `account`",
        ),
        (
            "[[budget]]\namount = -1",
            "line 2: budget[0].amount: is below zero",
        ),
        (
            "[[budget]]\namount = \"much\"",
            "line 2: budget[0].amount: \"much\" is not an amount; write for instance 200",
        ),
        (
            "[[budget]]\nper = \"year\"",
            "line 2: budget[0].per: unknown variant `year`",
        ),
        (
            "[[budget]]\nsubmitter = \"(\"",
            "line 2: budget[0].submitter: \"(\" is not a regular expression",
        ),
        (
            "[[budget]]\naccount = \"recognition\\n\"",
            "line 2: budget[0].account: ends with a line break",
        ),
        (
            "[budget]\namount = 1",
            "line 2: budget.amount: is a list; write [[budget]]",
        ),
        (
            "[[budgets]]\namount = 1",
            "budgets[0]: no such section; did you mean budget? there are broker",
        ),
        (
            "[[broker]]\nurls = []",
            "line 1: broker[0]: is no list; write [broker]",
        ),
    ] {
        let error = load(text, &[]).unwrap_err().to_string();
        assert!(error.contains(says), "{text:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    for (value, says) in [
        ("200", "expected a list"),
        ("[1]", "its entry 0 is no table"),
        (
            "[{ amount = 1 }, { amount = 0.5 }]",
            "its entry 1: invalid type",
        ),
    ] {
        let variable = "INVOICE_WORKER__BUDGET";
        let error = load("", &[(variable, value)]).unwrap_err().to_string();
        let says = format!("environment variable {variable}: budget: {says}");
        assert!(error.contains(&says), "{error}");
    }
}

#[test]
fn a_budget_that_cannot_be_meant_is_refused_where_it_stands() {
    let told = |more: &str, environment: &[(&str, &str)]| {
        let config = load(&format!("{USABLE}{more}"), environment).unwrap();
        config.validate().unwrap_err().to_string()
    };
    // What is usable has ten lines.
    for (more, says) in [
        (
            "[[budget]]\naccount = \"both\"\namount = 1",
            "line 12: budget[0].account: there is no such account",
        ),
        (
            "[[budget]]\naccount = \"recognition\"",
            "line 11: budget[0].amount: has to be above zero",
        ),
        (
            "[[budget]]\nper = \"day\"\namount = 1\n[ledger]\nstore = \"none\"",
            "line 12: budget[0].per: needs the ledger",
        ),
    ] {
        let error = told(more, &[]);
        assert!(error.contains(says), "{error}");
    }
    let variable = ("INVOICE_WORKER__BUDGET", "[{ amount = 0 }]");
    let error = told("[[budget]]\namount = 0", &[variable]);
    let says = "environment variable INVOICE_WORKER__BUDGET: budget[0].amount: has to be above";
    assert!(error.contains(says), "{error}");
}

#[test]
fn a_price_is_a_text_or_a_list_in_the_file_and_as_a_variable() {
    let list = r#"[{ from = "2026-01-01", price = "0.40" }]"#;
    let in_the_file = load(&format!("[recognition]\nprice = {list}"), &[]).unwrap();
    let as_a_variable = load("", &[("INVOICE_WORKER__RECOGNITION__PRICE", list)]).unwrap();
    assert_eq!(
        in_the_file.recognition.price,
        as_a_variable.recognition.price
    );
    assert!(!in_the_file.recognition.price.is_empty());
    let number = load("[recognition]\nprice = 0.4", &[]).unwrap_err();
    let says = "line 2: recognition.price: expected text, found a number";
    assert!(number.to_string().contains(says), "{number}");
}
