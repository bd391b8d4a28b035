//! Signals: the first asks for a drain, the second ends the process at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// 128 + the signal's number, as a shell expects.
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

/// A token that is cancelled by the first SIGINT or SIGTERM. The second one exits the process with 130 or 143.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let token = CancellationToken::new();
    let told = token.clone();
    tokio::spawn(async move {
        loop {
            let code = tokio::select! {
                _ = interrupt.recv() => INTERRUPTED,
                _ = terminate.recv() => TERMINATED,
            };
            if told.is_cancelled() {
                std::process::exit(code);
            }
            tracing::info!("asked to stop: finishing what is in flight; a second signal ends at once");
            told.cancel();
        }
    });
    Ok(token)
}
