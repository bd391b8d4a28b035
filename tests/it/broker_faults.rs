//! Faults between a worker and its broker: whatever breaks, no job is lost, none is paid
//! twice, and the worker comes back.

mod addresses;
mod confirms;
mod connection;
mod foreign_bytes;
mod large;
mod outage;
mod panics;
mod queues;
mod standstill;
mod stops;
mod submissions;
