//! Bad weather between a worker and its broker: whatever breaks, no job is lost, none is paid twice, and the worker comes back.

mod connection;
mod storm;
