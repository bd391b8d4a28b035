//! What the workers of one fleet know of each other: who is alive, which share of each account's
//! rate is whose, and what their heartbeats say.

pub mod closure_report;
mod demand;
pub mod exchange;
pub mod heartbeat;
pub mod liveness;
pub mod membership;
pub mod peer_register;
pub mod peers;
pub mod share;

pub use demand::WaitingCall;
pub use membership::Membership;
