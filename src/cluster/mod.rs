//! What the workers of one fleet know of each other: who is alive, and what their heartbeats say.

pub mod closure_report;
pub mod exchange;
pub mod heartbeat;
pub mod peer_register;
pub mod peers;
