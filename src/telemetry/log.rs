//! Log events on stderr: text for a person at a terminal, JSON for everything else.

use super::{Config, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries speak up only where they are asked: their errors come back to us and are logged once, where they are handled.
const QUIET: [&str; 8] =
    ["aws_config", "aws_runtime", "aws_sdk_s3", "aws_smithy_runtime", "aws_smithy_runtime_api", "h2", "hyper", "rustls"];
/// Never, whatever is asked: `lapin` logs a returned message with its whole body, `s3s` whole requests with their signatures.
const SILENT: [&str; 3] = ["lapin", "s3s", "s3s_fs"];

/// Installs the process's subscriber; a second call changes nothing.
pub fn install(config: &Config) {
    let filter = filter(&config.log).unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let terminal = std::io::stderr().is_terminal();
    let json = match config.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = if json {
        layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    } else {
        layer.with_ansi(terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())).boxed()
    };
    // The default hook prints what panicked, and that may quote a bill.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(place, "the worker panicked; please report it");
    }));
    // Err: somebody installed one before us, which is as good.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
}

/// `info`, or levels by target: `invoice_worker=debug,info`.
pub(super) fn filter(directives: &str) -> Result<Targets, String> {
    let asked: Targets = directives.parse().map_err(|error| format!("not a list of levels by target: {error}"))?;
    let quiet = QUIET.map(|target| (target, LevelFilter::ERROR));
    let silent = SILENT.map(|target| (target, LevelFilter::OFF));
    let default = asked.default_level().unwrap_or(LevelFilter::OFF);
    Ok(Targets::new().with_default(default).with_targets(quiet).with_targets(asked).with_targets(silent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn what_carries_bodies_stays_silent_whatever_is_asked() {
        let filter = filter("debug,lapin=trace,hyper=debug").unwrap();
        assert!(filter.would_enable("invoice_worker::worker", &Level::DEBUG));
        assert!(filter.would_enable("hyper::client", &Level::DEBUG));
        assert!(!filter.would_enable("h2::codec", &Level::WARN));
        for target in ["lapin::channel", "lapin::returned_messages", "s3s::service", "s3s_fs"] {
            assert!(!filter.would_enable(target, &Level::ERROR), "{target}");
        }
    }

    #[test]
    fn a_level_that_does_not_exist_is_refused() {
        assert!(filter("info,invoice_worker=loud").is_err());
    }
}
