//! In-place retry. The policy decides what a failure means; a short wait happens here, and every
//! other decision is returned to the caller.

mod attempt;
mod beside;
mod budget;
mod context;
mod ending;
mod recall_time;
mod retrier;
mod single_flight;
mod stage_stopped;

pub use attempt::{Attempted, FOLLOWED_BY_MANY};
pub(crate) use beside::{PATIENCE, beside};
pub use context::{Arrival, CallContext, ImageOrigin, JobContext};
pub use ending::{HELD_UP, JobEnd, ParkRequest};
pub use recall_time::RecallTime;
pub use retrier::{DecisionLog, DecisionObserver, NOT_ASKED, Retrier};
pub use single_flight::{Follower, Leader, Role, SingleFlight};
pub use stage_stopped::StageStopped;
