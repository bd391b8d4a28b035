//! The one owner of in-place retry: the policy decides what a failure means, and it is waited out
//! here or handed up.

mod attempt;
mod context;
mod ending;
mod recall_time;
mod retrier;
mod single_flight;
mod stage_stopped;

pub use attempt::{Attempted, Suspect};
pub use context::{CallContext, ImageOrigin, JobContext};
pub use ending::{JobEnd, ParkRequest};
pub use recall_time::RecallTime;
pub use retrier::{DecisionLog, DecisionObserver, Retrier};
pub use single_flight::{Follower, Leader, Role, SingleFlight};
pub use stage_stopped::StageStopped;
