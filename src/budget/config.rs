//! The list `[[budget]]`.

use super::amount::BudgetAmount;
use super::period::Period;
use super::price::AccountPrice;
use crate::settings::problem::Problems;
use crate::settings::units::{Pattern, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Each call looks at each of them.
const MOST_BUDGETS: usize = 100;
const MOST_PATTERN_BYTES: usize = 200;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The account whose calls count: recognition or verification. Empty: those of all accounts.
    pub account: String,
    /// A regular expression that the whole of a job's submitter has to match. Empty: all jobs.
    pub submitter: Pattern,
    /// The amount is for each day or each month of policy.timezone.
    pub per: Period,
    /// A number of calls such as 200, or money such as "500 CNY".
    pub amount: BudgetAmount,
}

/// The facts about other sections that budgets depend on.
#[derive(Clone, Copy, Debug)]
pub struct BudgetNeeds<'a> {
    pub prices: &'a [AccountPrice],
    /// `ledger.max_age`; `None` where no ledger is written.
    pub ledger_age: Option<&'a Span>,
}

impl Config {
    /// A name that no other budget of a valid configuration has.
    pub fn name(&self) -> String {
        let (whose, unit) = (self.whose(), self.amount.unit());
        format!("{whose} per {} in {unit}", self.per)
    }

    /// The account and the submitter, for people.
    pub(super) fn whose(&self) -> String {
        let account = match self.account.as_str() {
            "" => "all accounts",
            account => account,
        };
        match self.submitter.to_string().as_str() {
            "" => account.to_owned(),
            submitter => format!("{account} for {submitter}"),
        }
    }

    /// Checks all entries, each by itself and against the others.
    pub fn validate(budgets: &[Self], needs: BudgetNeeds<'_>, problems: &mut Problems) {
        problems.require(
            budgets.len() <= MOST_BUDGETS,
            "budget",
            &format!("there may be {MOST_BUDGETS} at the most"),
        );
        for (index, budget) in budgets.iter().enumerate() {
            let mut add = |key: &str, problem: &str| {
                problems.add(&format!("budget[{index}].{key}"), problem);
            };
            budget.check(needs.prices, &mut add);
            budget.check_ledger(needs.ledger_age, &mut add);
            for (other, before) in budgets[..index].iter().enumerate() {
                budget.check_beside(other, before, &mut add);
            }
        }
    }

    fn check(&self, prices: &[AccountPrice], add: &mut impl FnMut(&str, &str)) {
        let concerned: Vec<_> = prices
            .iter()
            .filter(|price| self.account.is_empty() || price.account.as_str() == self.account)
            .collect();
        if concerned.is_empty() {
            let names: Vec<_> = prices.iter().map(|price| price.account.as_str()).collect();
            let names = names.join(", ");
            let problem = format!("there is no such account; there are {names}, and \"\" for all");
            add("account", &problem);
        }
        if self.submitter.to_string().len() > MOST_PATTERN_BYTES {
            let problem = format!("is longer than {MOST_PATTERN_BYTES} bytes");
            add("submitter", &problem);
        }
        if self.amount.number().is_zero() {
            let problem =
                "has to be above zero: a number of calls such as 200, or money such as \"500 CNY\"";
            add("amount", problem);
        }
        let Some(currency) = self.amount.currency() else {
            return;
        };
        for AccountPrice {
            account,
            tariff,
            currency: own,
        } in concerned
        {
            if tariff.is_empty() {
                let problem = format!(
                    "is money, and {account}.price is empty: what a call costs is not known; set the price, or give a number of calls"
                );
                add("amount", &problem);
            } else if own != currency {
                let problem = format!("is {currency}, and {account}.currency is {own}");
                add("amount", &problem);
            }
        }
    }

    /// The amount spent is read back from the ledger, which has to reach back for the whole period.
    fn check_ledger(&self, age: Option<&Span>, add: &mut impl FnMut(&str, &str)) {
        let Some(age) = age else {
            let problem = "needs the ledger, and ledger.store is \"none\": set ledger.store = \"stream\", or leave budgets out";
            return add("per", problem);
        };
        let least = match self.per {
            // A day may have 25 hours, and a month 31 days and an hour.
            Period::Day => Duration::from_hours(2 * 24),
            Period::Month => Duration::from_hours(32 * 24),
        };
        if age.duration() < least {
            let problem = format!(
                "is longer than the ledger reaches back: ledger.max_age is {age}; it has to be {}d or more",
                least.as_secs() / (24 * 3_600)
            );
            add("per", &problem);
        }
    }

    fn check_beside(&self, index: usize, other: &Self, add: &mut impl FnMut(&str, &str)) {
        let is_alike = self.account == other.account
            && self.submitter == other.submitter
            && self.amount.unit() == other.amount.unit();
        if !is_alike {
            return;
        }
        if self.per == other.per {
            let problem = format!(
                "is for the same calls, period and unit as budget[{index}]: leave one of them out"
            );
            return add("amount", &problem);
        }
        let (day, month) = match self.per {
            Period::Day => (self, other),
            Period::Month => (other, self),
        };
        if day.amount.number() >= month.amount.number() {
            let problem = format!(
                "allows {} a day and {} a month, with budget[{index}]: the day's would never be used up",
                day.amount, month.amount
            );
            add("amount", &problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::AccountName;
    use crate::settings::units::span;

    #[derive(Deserialize)]
    struct Whole {
        budget: Vec<Config>,
    }

    fn problems(toml: &str, ledger_age: Option<&str>) -> Vec<String> {
        let prices = [
            AccountPrice {
                account: AccountName::RECOGNITION,
                tariff: "0.35".parse().unwrap(),
                currency: "CNY".parse().unwrap(),
            },
            AccountPrice {
                account: AccountName::VERIFICATION,
                tariff: "".parse().unwrap(),
                currency: "EUR".parse().unwrap(),
            },
        ];
        let budgets = toml::from_str::<Whole>(toml).unwrap().budget;
        let age = ledger_age.map(span);
        let needs = BudgetNeeds {
            prices: &prices,
            ledger_age: age.as_ref(),
        };
        let mut problems = Problems::default();
        Config::validate(&budgets, needs, &mut problems);
        let told = |(key, problem): (&str, &str)| format!("{key}: {problem}");
        problems.iter().map(told).collect()
    }

    #[test]
    fn sound_budgets_are_taken() {
        let toml = r#"
            [[budget]]
            amount = 200
            [[budget]]
            account = "recognition"
            per = "month"
            amount = "500 CNY"
            [[budget]]
            account = "recognition"
            submitter = "hospital-.*"
            per = "day"
            amount = "20 CNY"
            [[budget]]
            account = "recognition"
            per = "day"
            amount = "20 CNY"
        "#;
        assert_eq!(problems(toml, Some("90d")), [""; 0]);
    }

    #[test]
    fn a_budget_that_cannot_be_meant_is_refused() {
        let alike =
            "account = \"recognition\"\namount = 5\n[[budget]]\naccount = \"recognition\"\n";
        for (entry, age, problem) in [
            ("", Some("90d"), "budget[0].amount: has to be above zero"),
            (
                "amount = \"0.00 CNY\"\naccount = \"recognition\"",
                Some("90d"),
                "budget[0].amount: has to be above zero",
            ),
            (
                "amount = 1\naccount = \"recogniton\"",
                Some("90d"),
                "budget[0].account: there is no such account; there are recognition, verification",
            ),
            (
                "amount = \"5 CNY\"\naccount = \"verification\"",
                Some("90d"),
                "verification.price is empty",
            ),
            (
                "amount = \"5 EUR\"\naccount = \"recognition\"",
                Some("90d"),
                "is EUR, and recognition.currency is CNY",
            ),
            ("amount = 1", None, "needs the ledger"),
            (
                "amount = 1\nper = \"month\"",
                Some("31d"),
                "ledger.max_age is 31d; it has to be 32d or more",
            ),
            ("amount = 1", Some("24h"), "it has to be 2d or more"),
            (
                &format!("{alike}amount = 7"),
                Some("90d"),
                "budget[1].amount: is for the same calls, period and unit as budget[0]",
            ),
            (
                &format!("{alike}amount = 5\nper = \"month\""),
                Some("90d"),
                "allows 5 calls a day and 5 calls a month",
            ),
        ] {
            let told = problems(&format!("[[budget]]\n{entry}"), age);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(problem), "{told:?}");
        }
        let long = format!(
            "[[budget]]\namount = 1\nsubmitter = \"{}\"",
            "x".repeat(201)
        );
        assert_eq!(
            problems(&long, Some("90d")),
            ["budget[0].submitter: is longer than 200 bytes"]
        );
        let many = "[[budget]]\namount = 1\n".repeat(101);
        assert!(
            problems(&many, Some("90d"))
                .contains(&"budget: there may be 100 at the most".to_owned())
        );
    }

    #[test]
    fn the_name_says_what_the_budget_is_for() {
        for (entry, name) in [
            ("amount = 1", "all accounts per day in calls"),
            (
                "amount = \"5 CNY\"\nper = \"month\"\naccount = \"recognition\"\nsubmitter = \"a|b\"",
                "recognition for a|b per month in CNY",
            ),
        ] {
            assert_eq!(toml::from_str::<Config>(entry).unwrap().name(), name);
        }
    }
}
