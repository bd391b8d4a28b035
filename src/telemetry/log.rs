//! Log events on stderr: text for a person at a terminal, JSON for everything else.

use super::instance::Instance;
use super::stamped::Stamped;
use super::trace::Traces;
use super::{Config, LogFormat, filter};
use std::io::IsTerminal;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Filter, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

const OURS: &str = "invoice_worker";

/// Libraries that never log, whatever `telemetry.log` says: `lapin` logs returned messages with
/// their whole body, and bodies are personal data; the sandbox's S3 server logs requests with their
/// signatures.
const SILENT: [&str; 3] = ["lapin", "s3s", "s3s_fs"];

/// Installs the process's subscriber and panic hook; a second call changes nothing.
pub fn install(config: &Config) {
    install_as(config, None, None);
}

/// Installs them for a worker. Each line says which one it is, except where a person reads them at
/// a terminal.
pub fn install_for(config: &Config, instance: &Instance, traces: Option<&Traces>) {
    install_as(config, Some(instance), traces);
}

fn install_as(config: &Config, instance: Option<&Instance>, traces: Option<&Traces>) {
    let filter = filter::parse(&config.log)
        .unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let terminal = std::io::stderr().is_terminal();
    let json = match config.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // An error means that a subscriber is installed already, which is as good.
    let instance = instance.filter(|_| json || !terminal);
    let mut layers = vec![lines(filter, json, colour, instance, std::io::stderr)];
    layers.extend(traces.map(Traces::layer));
    if tracing_subscriber::registry()
        .with(layers)
        .try_init()
        .is_ok()
    {
        std::panic::set_hook(Box::new(|panic| {
            // Only the place is logged: the message may contain the data that was processed.
            let place = panic.location().map(ToString::to_string);
            tracing::error!(
                place,
                "the program failed; this is a defect of it, please report the place"
            );
        }));
    }
}

/// The layer that writes the log.
fn lines<W>(
    filter: Targets,
    json: bool,
    colour: bool,
    instance: Option<&Instance>,
    writer: W,
) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = if json {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .map_event_format(|format| Stamped::json(format, instance))
            .boxed()
    } else {
        lines
            .with_ansi(colour)
            .map_event_format(|format| Stamped::text(format, instance))
            .boxed()
    };
    lines.with_filter(safe(filter)).boxed()
}

/// Restricts what the directives ask for: at lower levels than warnings, libraries log headers,
/// signed strings and bodies.
fn safe<S>(asked: impl Filter<S>) -> impl Filter<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    asked.and(filter_fn(|event: &Metadata<'_>| {
        let library = event.target().split("::").next().unwrap_or_default();
        // Spans are for traces.
        event.is_event()
            && (library == OURS || (*event.level() <= Level::WARN && !SILENT.contains(&library)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Returns what a subscriber with these directives writes about one event of each kind.
    fn logged(directives: &str) -> String {
        logged_by(directives, true, None)
    }

    fn logged_by(directives: &str, is_json: bool, instance: Option<&Instance>) -> String {
        let written = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&written);
        let filter = filter::parse(directives).unwrap();
        let lines = lines(filter, is_json, false, instance, move || {
            Shared(Arc::clone(&shared))
        });
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(target: "lapin::returned_messages", "a body");
            tracing::error!(target: "lapin", "a body");
            tracing::error!(target: "s3s::ops", "a request");
            tracing::trace!(target: "aws_sigv4::http_request::sign", "a signed string");
            tracing::debug!(target: "hyper::proto", "a header");
            tracing::warn!(target: "moka", "a library's warning");
            tracing::error!(target: "aws_config", "a library's error");
            tracing::info!(target: "invoice_worker::worker", "our news");
            tracing::debug!(target: "invoice_worker::worker", "our details");
        });
        String::from_utf8(Arc::try_unwrap(written).unwrap().into_inner().unwrap()).unwrap()
    }

    #[derive(Clone)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_directive_makes_libraries_log_bodies_headers_or_signatures() {
        let louder = "trace,lapin=trace,lapin::returned_messages=trace,s3s=trace,s3s::ops=trace,aws_sigv4=trace,hyper=trace";
        for directives in ["info", "debug", "trace", louder] {
            let logged = logged(directives);
            for private in ["a body", "a request", "a signed string", "a header"] {
                assert!(!logged.contains(private), "{directives}: {logged}");
            }
            for wanted in ["a library's warning", "a library's error", "our news"] {
                assert!(logged.contains(wanted), "{directives}: {logged}");
            }
            assert_eq!(
                logged.contains("our details"),
                directives != "info",
                "{directives}"
            );
        }
    }

    #[test]
    fn each_line_of_a_worker_says_which_one_wrote_it() {
        let instance = Instance {
            worker_id: "00ff".into(),
            host: "a \"host\"".into(),
        };
        let lines = logged_by("info", true, Some(&instance));
        assert!(lines.lines().count() > 2, "{lines}");
        for line in lines.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["worker.id"], "00ff", "{line}");
            assert_eq!(event["host"], "a \"host\"", "{line}");
            assert_eq!(event["version"], crate::build_info::VERSION, "{line}");
        }
        let lines = logged_by("info", false, Some(&instance));
        let stamp = r#" worker.id="00ff" host="a \"host\"" version=""#;
        assert!(lines.lines().all(|line| line.contains(stamp)), "{lines}");
        assert!(!logged("info").contains("worker.id"));
    }
}
