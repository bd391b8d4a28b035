//! Log lines that end with fields of the process: which worker wrote them, where, and its version.

use super::instance::Instance;
use std::fmt;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// A format whose lines get one more part at their end.
pub(super) struct Stamped<F> {
    format: F,
    /// A line ends so; `stamp` is put before it.
    end: &'static str,
    stamp: String,
}

impl<F> Stamped<F> {
    /// The lines are JSON objects.
    pub(super) fn json(format: F, instance: Option<&Instance>) -> Self {
        let stamp = instance.map(|instance| format!(",{}", instance.json_members()));
        Self {
            format,
            end: "}\n",
            stamp: stamp.unwrap_or_default(),
        }
    }

    pub(super) fn text(format: F, instance: Option<&Instance>) -> Self {
        let stamp = instance.map(|instance| format!(" {}", instance.text_fields()));
        Self {
            format,
            end: "\n",
            stamp: stamp.unwrap_or_default(),
        }
    }
}

impl<S, N, F> FormatEvent<S, N> for Stamped<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.stamp.is_empty() {
            return self.format.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.format
            .format_event(context, Writer::new(&mut line), event)?;
        match line.strip_suffix(self.end) {
            Some(line) => write!(writer, "{line}{}{}", self.stamp, self.end),
            None => writer.write_str(&line),
        }
    }
}
