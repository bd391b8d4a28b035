//! What all measurements share: a broker and a sandbox, a client that submits and counts, and
//! processes that are looked at from outside.

pub(crate) mod arguments;
pub(crate) mod client;
pub(crate) mod figures;
#[path = "../../it/harness/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the integration tests use the rest"
)]
mod harness;
pub(crate) mod pictures;
pub(crate) mod setup;
pub(crate) mod subject;
pub(crate) mod table;
