//! The workers of one fleet: which of them are alive, which share of each account's rate each has,
//! and the heartbeats that they exchange.

pub mod closure_report;
mod demand;
pub mod exchange;
pub mod heartbeat;
pub mod liveness;
pub mod membership;
pub mod peer_register;
pub mod peers;
pub mod resume;
pub mod share;

pub use demand::WaitingCall;
pub use membership::Membership;
