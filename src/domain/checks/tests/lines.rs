//! Categories and details.

use super::*;

fn named(name: Option<&str>, text: &str) -> NamedAmount {
    NamedAmount {
        name: name.map(str::to_owned),
        amount: amount::from_text(text),
    }
}

#[test]
fn a_row_that_repeats_the_sum_is_not_added() {
    let id = "total_equals_categories";
    for rows in [
        vec![
            named(Some("西药费"), "837.73"),
            named(Some("检查费"), "101.75"),
            named(Some("合计"), "939.48"),
        ],
        vec![
            named(Some("西药费"), "837.73"),
            named(Some("检查费"), "101.75"),
            named(Some("合 计："), "939.48"),
        ],
        vec![
            named(Some("西药费"), "837.73"),
            named(Some("检查费"), "101.75"),
            named(None, "939.48"),
        ],
        vec![
            named(Some("西药费"), "939.48"),
            named(Some("小计"), "939.48"),
            named(Some("总计"), "939.48"),
        ],
    ] {
        let bill = Invoice {
            cost_categories: rows,
            ..invoice("939.48")
        };
        assert_eq!(alone(&bill, id), "passed 939.48 / 939.48");
    }
}

fn detail(fields: [&str; 4], category: Option<&str>) -> CostDetail {
    let [name, price, quantity, cost] = fields;
    CostDetail {
        name: Some(name.to_owned()),
        unit_price: amount::from_text(price),
        quantity: amount::from_text(quantity),
        amount: amount::from_text(cost),
        category: category.map(str::to_owned),
        ..CostDetail::default()
    }
}

#[test]
fn details_cost_no_more_than_their_category() {
    let bill = |details: Vec<CostDetail>| Invoice {
        cost_categories: vec![
            named(Some("西药费"), "100.00"),
            named(Some("检查费"), "50.00"),
        ],
        cost_details: details,
        ..invoice("150.00")
    };
    let id = "details_within_categories";
    let outcome = |details| {
        alone(&bill(details), id)
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    let drug = |cost, category| detail(["药", "", "", cost], category);
    assert_eq!(
        outcome(vec![
            drug("60.00", Some("西药费")),
            drug("40.01", Some("西药费"))
        ]),
        "passed"
    );
    assert_eq!(
        outcome(vec![
            drug("60.00", Some("西药费")),
            drug("41.00", Some("西药费"))
        ]),
        "failed"
    );
    assert_eq!(
        outcome(vec![
            drug("100.00", None),
            drug("49.00", None),
            drug("149.00", None)
        ]),
        "failed"
    );
    assert_eq!(
        outcome(vec![drug("100.00", None), drug("49.00", None)]),
        "passed"
    );
    assert_eq!(outcome(vec![drug("?", None)]), "skipped");
    assert_eq!(outcome(vec![]), "skipped");
}

#[test]
fn a_price_times_its_quantity_is_the_amount_as_printers_round_it() {
    let id = "unit_price_times_quantity";
    let bill = |lines: &[[&str; 4]]| Invoice {
        cost_details: lines.iter().map(|line| detail(*line, None)).collect(),
        ..invoice("1")
    };
    for (line, is_fitting) in [
        (["药", "29.3200", "10", "293.20"], true),
        (["药", "0.33", "3", "1.00"], true),
        (["药", "29.32", "10", "295.00"], false),
        (["药", "29.32", "-1", "-29.32"], true),
        (["药", "29.32", "1", "-29.32"], true),
        (["药", "12.5", "2", "125"], false),
    ] {
        let read = alone(&bill(&[line]), id);
        assert_eq!(read.starts_with("passed"), is_fitting, "{line:?}: {read}");
    }
    let herbs = CostDetail {
        unit: Some("g".to_owned()),
        ..detail(["黄芪", "0.10", "30", "21.00"], None)
    };
    let bill_of_herbs = Invoice {
        cost_details: vec![herbs],
        ..invoice("1")
    };
    assert!(
        alone(&bill_of_herbs, id).starts_with("passed"),
        "seven doses"
    );
    assert_eq!(alone(&bill(&[["药", "", "1", "1"]]), id), "skipped - / -");
    assert_eq!(
        alone(
            &bill(&[["药", "1", "1", "1"], ["药", "2.00", "3", "7.00"]]),
            id
        ),
        "failed line 2: 2.00 * 3 = 6 / 7.00"
    );
}
