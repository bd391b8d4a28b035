//! A worker killed, or cut off from its broker, at every step of a job's way. The real program,
//! stopped at a byte on one of its wires: there is no hook in it, and no luck in the moment.
//!
//! Whatever happened, the job is answered, with the same bytes where it is answered twice, and no
//! paid answer that was kept is paid for again.

mod case;
mod endings;
mod line;
mod parking;
mod replays;
mod row;
mod row_run;
mod severed;
mod stop;
mod twice;

use futures_util::{FutureExt, StreamExt, stream};
use std::any::Any;
use std::panic::AssertUnwindSafe;

/// Each has processes and queues of its own, and mostly waits.
const AT_ONCE: usize = 8;

/// Plays every row, several at a time; fails with the names of those that failed.
async fn play<R>(rows: &[R], name: impl Fn(&R) -> &str, run: impl AsyncFn(&R)) {
    let played = stream::iter(rows).map(async |row| {
        // Boxed: a whole system is a future of many kilobytes.
        let failure = AssertUnwindSafe(Box::pin(run(row)))
            .catch_unwind()
            .await
            .err()?;
        Some(format!("{}: {}", name(row), words(failure.as_ref())))
    });
    let failed: Vec<String> = played
        .buffer_unordered(AT_ONCE)
        .filter_map(async |failure| failure)
        .collect()
        .await;
    assert!(
        failed.is_empty(),
        "{} of {} rows failed:\n{}",
        failed.len(),
        rows.len(),
        failed.join("\n")
    );
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words")
}
