//! One integration binary: what it starts is started once per run.

mod sandbox;
