//! Which version of this program runs, and of which commit it was built.

/// The version in `Cargo.toml`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, as `src/build.rs` found it: `development` in builds for development, `unknown` where
/// neither git nor the packager knew it.
pub const COMMIT: &str = env!("INVOICE_WORKER_BUILT_FROM");

/// The version and the commit in one line, as `--version` prints them.
pub const VERSION_AND_COMMIT: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("INVOICE_WORKER_BUILT_FROM"),
    ")"
);
