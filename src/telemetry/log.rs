//! Log events on stderr: text for a person at a terminal, JSON for everything else.

use super::{Config, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Installs the process's subscriber; a second call changes nothing.
pub fn install(config: &Config) {
    let filter = filter(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let json = match config.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Err: somebody installed one before us, which is as good.
    let _ = if json {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    } else {
        builder.with_ansi(terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())).try_init()
    };
}

/// Libraries speak up only where they are asked: their errors come back to us and are logged once, where they are handled.
pub(super) fn filter(directives: &str) -> Result<EnvFilter, String> {
    let quiet = "lapin=off,aws_config=error,aws_smithy_runtime=error,hyper=error,s3s=error,s3s_fs=error,h2=error,rustls=error";
    EnvFilter::builder().parse(format!("{quiet},{directives}")).map_err(|error| format!("not a tracing filter: {error}"))
}
