//! The ledger: what each turn of each job did and cost, as a stream in the broker that is there.
//!
//! | file | what it does |
//! | --- | --- |
//! | `event` | one event as it is written and read (pure) |
//! | `turn` | the event of a turn that ends |
//! | `metadata` | what of a job's metadata is told (pure) |
//! | `record` | what log and metrics say about the same turn |
//! | `writer` | publishes events, and lets jobs go on where the stream takes none |
//! | `spending` | tells the budgets what the stream says, for as long as a session lives |
//! | `reading/` | reads events back, each once |
//! | `replay/` | what another policy would have made of them |
//! | `config` | the section `[ledger]` |

mod config;
mod event;
mod metadata;
pub mod reading;
mod record;
pub mod replay;
mod spending;
mod turn;
mod writer;

pub use config::{Config, LedgerStore};
pub use event::{CallPrice, Ending, Hit, LOST, LedgerCall, LedgerEvent, StageCode, Wait, call_id};
pub use record::{answered, parked};
pub use turn::{PricedAccount, TurnEnd};
pub use writer::{Ledger, LedgerSettings};
