//! Scenarios for the error-code policy: answers call by call, and what is expected to come of them.
//!
//! Nothing is modelled. The real worker, pipeline, provider clients and checkpoints run over the
//! broker of this process, on a clock that jumps from one wait to the next; only the two providers
//! and the store are scripts. Randomness always draws the middle, so that every wait is known
//! beforehand. What HTTP makes of an answer is not asked here.

mod compare;
mod decisions;
mod outcome;
mod provider;
mod run;
mod scenario;
mod script;
mod store;
mod worker;

pub use compare::{ScenarioDifference, compare};
pub use outcome::{Answered, SimulationOutcome};
pub use run::simulate;
pub use scenario::PolicyScenario;
pub use script::SimulatedCall;
