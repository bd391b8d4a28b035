//! Budgets: what may be spent in a day or a month, and whether one more call fits in.
//!
//! The ledger is the account of what was spent: each worker reads it from the beginning of the
//! period, and on as it grows. What is in the air is told over the heartbeats. Nothing here waits,
//! reads or parks: jobs do that (`retry::budget`), and the ledger tells (`ledger::spending`).
//!
//! | file | what it does |
//! | --- | --- |
//! | `config`, `amount` | the list `[[budget]]`, and an amount of calls or money as it is written |
//! | `period` | when a day or a month begins and ends (pure) |
//! | `terms`, `price` | which calls a budget is for, and what each costs of it (pure) |
//! | `admission` | whether one more call fits in, beside those of other workers (pure) |
//! | `book` | what was spent and is in the air, each call once (pure) |
//! | `budgets` | the budgets of all jobs of this worker |
//! | `notices` | what log, metrics and `/readyz` say |

mod admission;
mod amount;
mod book;
mod budgets;
mod config;
mod notices;
mod period;
mod price;
mod terms;

pub use amount::BudgetAmount;
pub use book::ToldCall;
pub use budgets::{BudgetRefusal, Budgets, PendingCall};
pub use config::{BudgetNeeds, Config};
pub use period::{BudgetWindow, Period};
pub use price::AccountPrice;

/// The rule by which a job waits that has a budget, and the code of its failure.
pub const BUDGET: &str = "budget";
