//! What the binary can be asked to do: one file per command.

pub mod policy;
