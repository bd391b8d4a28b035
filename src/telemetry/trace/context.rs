//! The context of a trace as messages carry it: W3C's `traceparent` and `tracestate`.

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";
/// Both headers, in the order in which they are written.
const HEADERS: [&str; 2] = [PARENT, STATE];
/// W3C asks everyone to carry so much of `tracestate`; a longer one is a stranger's mistake.
const LONGEST: usize = 512;

/// The context that a message carries.
#[derive(Debug, Default)]
struct Carrier([Option<String>; 2]);

impl Carrier {
    fn read(header: impl Fn(&str) -> Option<String>) -> Self {
        Self(HEADERS.map(|name| header(name).filter(|text| text.len() <= LONGEST)))
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        let index = HEADERS.iter().position(|name| *name == key)?;
        self.0[index].as_deref()
    }

    fn keys(&self) -> Vec<&str> {
        HEADERS.to_vec()
    }
}

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        if let Some(index) = HEADERS.iter().position(|name| *name == key) {
            self.0[index] = Some(value).filter(|text| !text.is_empty());
        }
    }
}

/// The context that a message carries; an empty one where it carries none that is valid.
pub(super) fn of_headers(header: impl Fn(&str) -> Option<String>) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Carrier::read(header))
}

/// The headers with which a message carries a context on: that of the span, or, where there are no
/// traces, what `submitted` had.
pub fn carried(
    span: &Span,
    submitted: impl Fn(&str) -> Option<String>,
) -> Vec<(&'static str, String)> {
    let context = span.context();
    let carrier = if context.span().span_context().is_valid() {
        let mut carrier = Carrier::default();
        TraceContextPropagator::new().inject_context(&context, &mut carrier);
        carrier
    } else {
        Carrier::read(submitted)
    };
    let headers = HEADERS.into_iter().zip(carrier.0);
    headers
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// The current span as text, for a link to it; `None` without traces.
pub fn current() -> Option<String> {
    let headers = carried(&Span::current(), |_| None);
    headers
        .into_iter()
        .find_map(|(name, value)| (name == PARENT).then_some(value))
}

/// Links the current span to an earlier one, as [`current`] wrote it. What is no such text is
/// ignored.
pub fn follows(earlier: &str) {
    let context = of_headers(|name| (name == PARENT).then(|| earlier.to_owned()));
    Span::current().add_link(context.span().span_context().clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn trace_id(parent: &str, state: &str) -> Option<String> {
        let context = of_headers(|name| match name {
            PARENT => Some(parent.to_owned()),
            _ => Some(state.to_owned()),
        });
        let span = context.span().span_context().clone();
        span.is_valid().then(|| span.trace_id().to_string())
    }

    #[test]
    fn a_context_is_taken_from_valid_headers_alone() {
        let known = Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned());
        assert_eq!(trace_id(VALID, ""), known);
        assert_eq!(trace_id(VALID, "vendor=1"), known);
        assert_eq!(trace_id(VALID, &"x=1,".repeat(1_000)), known);
        for parent in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473z-00f067aa0ba902b7-01",
            &"0".repeat(100_000),
        ] {
            assert_eq!(trace_id(parent, ""), None, "{parent:.40}");
        }
    }

    #[test]
    fn without_traces_the_submitters_context_is_carried_on() {
        let submitted = |name: &str| match name {
            PARENT => Some(VALID.to_owned()),
            STATE => Some("vendor=1".to_owned()),
            _ => None,
        };
        let headers = carried(&Span::none(), submitted);
        assert_eq!(
            headers,
            [(PARENT, VALID.to_owned()), (STATE, "vendor=1".to_owned())]
        );
        assert_eq!(carried(&Span::none(), |_| None), []);
        assert_eq!(current(), None);
    }
}
