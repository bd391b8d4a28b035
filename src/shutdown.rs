//! Signals: the first one asks the process to stop, and the second one ends it at once.
//!
//! Every command handles them. A process with the id 1, as in a container, ignores signals that it
//! does not handle.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// 128 + the signal's number, as a shell expects.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

/// Ends the process on the first SIGINT or SIGTERM, for a command that has nothing to finish.
pub fn end_on_signal() -> std::io::Result<()> {
    let mut signals = Signals::listen()?;
    tokio::spawn(async move { std::process::exit(signals.next().await.into()) });
    Ok(())
}

/// A stop that the first SIGINT or SIGTERM requests. The second signal exits the process with 130
/// or 143; so does the first one after `limit`, if the command has not finished by then.
pub fn on_signal(limit: Option<Duration>) -> std::io::Result<Stop> {
    let mut signals = Signals::listen()?;
    let stop = Stop {
        token: CancellationToken::new(),
        code: Arc::default(),
    };
    let told = stop.clone();
    tokio::spawn(async move {
        let first = signals.next().await;
        tracing::info!("asked to stop: finishing what is in flight; a second signal ends at once");
        told.code.store(first, Ordering::Relaxed);
        told.token.cancel();
        let out_of_time = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let code = tokio::select! {
            second = signals.next() => second,
            () = out_of_time => first,
        };
        std::process::exit(code.into());
    });
    Ok(stop)
}

/// Whether a command was asked to stop, and by which signal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop {
    token: CancellationToken,
    code: Arc<AtomicU8>,
}

impl Stop {
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    pub fn is_asked_for(&self) -> bool {
        self.token.is_cancelled()
    }

    pub async fn asked_for(&self) {
        self.token.cancelled().await;
    }

    /// The exit code of a command that a signal kept from finishing.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code.load(Ordering::Relaxed))
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The exit code for the next signal.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPTED,
            _ = self.terminate.recv() => TERMINATED,
        }
    }
}
