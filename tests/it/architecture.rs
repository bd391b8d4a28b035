//! Imports go one way; the libraries of the edges stay at the edges; pure files stay pure.

mod imports;
mod sources;

use imports::{Graph, circles, imported_paths};
use sources::{Source, sources};
use std::collections::BTreeSet;

/// A library and the only places that may name it.
const AT_THE_EDGE: [(&str, &[&str]); 12] = [
    ("async_rs", &["src/broker/"]),
    ("lapin", &["src/broker/", "src/telemetry/log.rs"]),
    ("aws_sdk_s3", &["src/store/"]),
    ("aws_config", &["src/store/", "src/telemetry/log.rs"]),
    (
        "reqwest",
        &[
            "src/command/check/management.rs",
            "src/dev/sandbox/",
            "src/provider/",
            "src/telemetry/trace/",
        ],
    ),
    ("governor", &["src/quota/limiter"]),
    ("backoff", &["src/waits.rs"]),
    ("moka", &["src/checkpoint/", "src/dev/sandbox/"]),
    ("metrics", &["src/telemetry/"]),
    ("opentelemetry", &["src/telemetry/trace/"]),
    ("tracing_opentelemetry", &["src/telemetry/trace/"]),
    ("clap", &["src/command/", "src/main.rs"]),
];

/// The files that decide and do nothing else. An entry that ends in `/` is every file below it.
/// Whoever moves a file moves its entry.
const PURE: &[&str] = &[
    "src/breaker/blocked.rs",
    "src/breaker/closure.rs",
    "src/breaker/closures.rs",
    "src/breaker/evidence.rs",
    "src/breaker/flow.rs",
    "src/breaker/merge.rs",
    "src/breaker/others.rs",
    "src/breaker/pauses.rs",
    "src/breaker/readiness.rs",
    "src/breaker/report.rs",
    "src/breaker/state.rs",
    "src/broker/address.rs",
    "src/broker/amqp/connect_error.rs",
    "src/broker/amqp/frames/body_clip.rs",
    "src/broker/amqp/difference.rs",
    "src/broker/amqp/frames/method.rs",
    "src/broker/amqp/frames/reader.rs",
    "src/broker/amqp/frames/table.rs",
    "src/broker/amqp/properties.rs",
    "src/broker/frame.rs",
    "src/broker/headers.rs",
    "src/broker/message_json.rs",
    "src/broker/delay_queues.rs",
    "src/broker/message.rs",
    "src/broker/copies.rs",
    "src/broker/parked.rs",
    "src/broker/stream.rs",
    "src/budget/admission.rs",
    "src/budget/amount.rs",
    "src/budget/book.rs",
    "src/budget/config.rs",
    "src/budget/period.rs",
    "src/budget/price.rs",
    "src/budget/terms.rs",
    "src/ledger/event.rs",
    "src/ledger/reading/decode.rs",
    "src/ledger/reading/lost_calls.rs",
    "src/ledger/reading/named_time.rs",
    "src/ledger/reading/sieve.rs",
    "src/ledger/replay/",
    "src/ledger/turn.rs",
    "src/settings/tariff.rs",
    "src/broker/permissions.rs",
    "src/broker/poison.rs",
    "src/broker/rights.rs",
    "src/broker/run_id.rs",
    "src/broker/topology.rs",
    "src/broker/topology/",
    "src/broker/url_parameters.rs",
    "src/certify/",
    "src/checkpoint/envelope.rs",
    "src/clock/skew.rs",
    "src/cluster/closure_report.rs",
    "src/cluster/demand.rs",
    "src/cluster/heartbeat.rs",
    "src/cluster/liveness.rs",
    "src/cluster/peer_register.rs",
    "src/cluster/peers.rs",
    "src/cluster/resume.rs",
    "src/cluster/share.rs",
    "src/command/schema/plain_text.rs",
    "src/command/top/accounts.rs",
    "src/command/top/budgets.rs",
    "src/command/top/closures.rs",
    "src/command/top/exposition.rs",
    "src/command/top/figures.rs",
    "src/command/top/fleet.rs",
    "src/command/top/growth.rs",
    "src/command/top/keyed_rows.rs",
    "src/command/top/tables.rs",
    "src/command/top/tone_lines.rs",
    "src/command/top/view.rs",
    "src/config/environment.rs",
    "src/domain/",
    "src/image/inspect/",
    "src/image/missing_rows.rs",
    "src/image/fit/draw.rs",
    "src/image/fit/encode.rs",
    "src/image/fit/pixels.rs",
    "src/image/fit/plan.rs",
    "src/image/fit/sides.rs",
    "src/image/fit/tiff_pixels.rs",
    "src/image/fit/trim.rs",
    "src/image/fit/turn.rs",
    "src/policy/",
    "src/provider/huawei/answer.rs",
    "src/provider/huawei/form.rs",
    "src/provider/huawei/invoice.rs",
    "src/provider/huawei/reference.rs",
    "src/provider/deepfinch/answer.rs",
    "src/provider/deepfinch/form.rs",
    "src/provider/deepfinch/invoice.rs",
    "src/provider/deepfinch/reference.rs",
    "src/provider/deepfinch/registry.rs",
    "src/provider/deepfinch/status.rs",
    "src/provider/wire/charset.rs",
    "src/provider/wire/encoding.rs",
    "src/provider/wire/extra.rs",
    "src/provider/wire/field.rs",
    "src/provider/wire/json.rs",
    "src/provider/wire/lenient.rs",
    "src/provider/wire/redaction.rs",
    "src/provider/wire/reference.rs",
    "src/quota/concurrency.rs",
    "src/quota/learned.rs",
    "src/quota/turns/order.rs",
    "src/result_builder.rs",
    "src/seal.rs",
    "src/seen_ids.rs",
    "src/settings/problem.rs",
    "src/settings/text.rs",
    "src/settings/units.rs",
    "src/telemetry/filter.rs",
    "src/waits.rs",
    "src/worker/intake.rs",
];

/// What would make a pure file impure.
const IMPURE: [&str; 14] = [
    "async fn",
    ".await",
    "tokio::",
    "tracing::",
    "std::fs",
    "TcpListener",
    "TcpStream",
    "ToSocketAddrs",
    "std::env",
    "std::time::Instant",
    "SystemTime",
    "Timestamp::now",
    "rand::",
    "println!",
];

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut graph = Graph::new();
    for source in sources() {
        let Some(here) = source.module.first() else {
            continue;
        };
        let used = imported_paths(&source)
            .into_iter()
            .filter_map(|import| import.path.first().cloned());
        graph.entry(here.clone()).or_default().extend(used);
    }
    let circles = circles(&graph);
    assert!(circles.is_empty(), "{circles:?}");
}

#[test]
fn no_files_of_a_module_import_each_other_in_a_circle() {
    let circles = circles(&imports::between_files(&sources()));
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn the_libraries_of_the_edges_stay_there() {
    let mut wrong = Vec::new();
    for Source { path, code, .. } in sources() {
        for (library, places) in AT_THE_EDGE {
            let named = code.lines().any(|line| names(line, library));
            if named && !places.iter().any(|place| path.starts_with(place)) {
                wrong.push(format!("{path} names {library}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_files_stay_pure() {
    let sources = sources();
    let mut wrong = Vec::new();
    for &entry in PURE {
        let mut files = sources
            .iter()
            .filter(|source| {
                source.path == entry || entry.ends_with('/') && source.path.starts_with(entry)
            })
            .peekable();
        if files.peek().is_none() {
            wrong.push(format!("{entry} does not exist"));
        }
        for Source { path, code, .. } in files {
            let found = IMPURE.iter().filter(|word| code.contains(*word));
            wrong.extend(found.map(|word| format!("{path}: {word}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rules_would_notice() {
    let graph = |modules: &[(&str, &[&str])]| -> Graph {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        modules
            .iter()
            .map(|(module, names)| ((*module).to_owned(), set(names)))
            .collect()
    };
    let straight = graph(&[("a", &["b", "c", "a"]), ("b", &["c"]), ("c", &[])]);
    assert!(circles(&straight).is_empty());
    let round = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]);
    assert_eq!(
        circles(&round),
        [["a", "b", "c"].map(str::to_owned).into()].into()
    );
    assert!(names(
        "    let x = lapin::Connection::connect(uri);",
        "lapin"
    ));
    assert!(!names("    let x = our_lapin::connect(uri);", "lapin"));
}

/// Each kind of path is followed to the file that defines what it names.
#[test]
fn a_circle_of_files_is_noticed_through_doors_and_groups() {
    let files = |b: &str| {
        vec![
            Source::new("src/lib.rs", "pub mod a;"),
            Source::new(
                "src/a/mod.rs",
                "mod b;\nmod c;\npub use b::B;\npub(super) use c::{C, D as E};",
            ),
            Source::new("src/a/b.rs", b),
            Source::new(
                "src/a/c.rs",
                "use crate::a::{\n    B,\n};\npub struct C;\npub struct D;",
            ),
        ]
    };
    let circle: BTreeSet<BTreeSet<String>> = [["a::b", "a::c"].map(str::to_owned).into()].into();
    for b in [
        "use super::c::C;",
        "use super::{\n    E,\n    std::{fmt, io},\n};",
        "use crate::a::{c::{self, D}};",
        "fn b() {\n    super::E::new(1)\n}",
        "use super::c;\nfn b() -> c::C {\n    c::C\n}",
        "fn b() {\n    let c = [crate::a::c::C; 1];\n}",
    ] {
        assert_eq!(circles(&imports::between_files(&files(b))), circle, "{b}");
    }
    for b in [
        "use std::fmt;",
        "// use super::c::C;",
        "use super::B;",
        "#[cfg(test)]\nmod tests {\n    use super::super::c::C;\n}",
    ] {
        let found = circles(&imports::between_files(&files(b)));
        assert_eq!(found, BTreeSet::new(), "{b}");
    }
}

/// Whether the line has a path that begins with this library.
fn names(line: &str, library: &str) -> bool {
    let word = format!("{library}::");
    line.match_indices(&word).any(|(at, _)| {
        !line[..at]
            .ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
    })
}
