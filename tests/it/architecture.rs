//! Imports go one way; the libraries of the edges stay at the edges; the domain stays pure.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// For each module, what it may import from this crate. What is not listed may import nothing.
const MAY_IMPORT: [(&str, &[&str]); 22] = [
    ("domain", &[]),
    ("clock", &[]),
    ("chance", &[]),
    ("network", &[]),
    ("seal", &[]),
    (
        "config",
        &[
            "domain",
            "broker",
            "checkpoint",
            "provider",
            "seal",
            "store",
            "telemetry",
        ],
    ),
    ("telemetry", &["config", "domain", "seal"]),
    ("gate", &["clock", "domain", "telemetry"]),
    ("retry", &["chance", "clock", "domain", "gate"]),
    ("store", &["config", "domain", "network"]),
    ("image", &["domain", "store", "telemetry"]),
    (
        "checkpoint",
        &["config", "domain", "seal", "store", "telemetry"],
    ),
    (
        "provider",
        &["config", "domain", "gate", "network", "retry", "telemetry"],
    ),
    ("broker", &["config", "domain", "network", "seal"]),
    (
        "pipeline",
        &[
            "checkpoint",
            "domain",
            "image",
            "provider",
            "retry",
            "store",
        ],
    ),
    (
        "worker",
        &[
            "broker",
            "chance",
            "checkpoint",
            "clock",
            "domain",
            "gate",
            "pipeline",
            "retry",
            "seal",
            "telemetry",
        ],
    ),
    ("sandbox", &["config", "domain"]),
    (
        "assemble",
        &[
            "chance",
            "checkpoint",
            "clock",
            "config",
            "domain",
            "gate",
            "image",
            "pipeline",
            "provider",
            "retry",
            "store",
        ],
    ),
    (
        "simulation",
        &[
            "broker",
            "chance",
            "checkpoint",
            "clock",
            "config",
            "domain",
            "gate",
            "image",
            "pipeline",
            "provider",
            "retry",
            "store",
            "telemetry",
            "worker",
        ],
    ),
    ("shutdown", &[]),
    (
        "command",
        &[
            "assemble",
            "broker",
            "chance",
            "checkpoint",
            "clock",
            "config",
            "domain",
            "pipeline",
            "provider",
            "sandbox",
            "shutdown",
            "simulation",
            "store",
            "telemetry",
            "worker",
        ],
    ),
    ("main", &["command"]),
];

/// A library and the only places that may name it.
const AT_THE_EDGE: [(&str, &[&str]); 10] = [
    ("async_rs", &["src/broker/"]),
    ("lapin", &["src/broker/", "src/telemetry/log.rs"]),
    ("aws_sdk_s3", &["src/store/"]),
    ("aws_config", &["src/store/", "src/telemetry/log.rs"]),
    (
        "reqwest",
        &[
            "src/command/check/management.rs",
            "src/provider/",
            "src/sandbox/",
        ],
    ),
    ("governor", &["src/provider/limiter"]),
    ("backoff", &["src/retry/schedule.rs"]),
    ("moka", &["src/checkpoint/", "src/sandbox/"]),
    ("metrics", &["src/telemetry/"]),
    ("clap", &["src/command/", "src/main.rs"]),
];

/// What would make the domain impure.
const IMPURE: [&str; 12] = [
    "async fn",
    ".await",
    "tokio::",
    "tracing::",
    "std::fs",
    "std::net",
    "std::env",
    "std::time::Instant",
    "SystemTime",
    "Timestamp::now",
    "rand::",
    "println!",
];

#[test]
fn imports_go_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.into_iter().collect();
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        let Some(may) = allowed.get(module.as_str()) else {
            wrong.push(format!("{path}: the module {module} is not in the table"));
            continue;
        };
        for imported in imports(&code) {
            if imported != module && !may.contains(&imported.as_str()) {
                wrong.push(format!("{path}: {module} imports {imported}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_libraries_of_the_edges_stay_there() {
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        for (library, places) in AT_THE_EDGE {
            let named = code
                .lines()
                .any(|line| !line.trim_start().starts_with("//") && names(line, library));
            if named && !places.iter().any(|place| path.starts_with(place)) {
                wrong.push(format!("{path} names {library}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_domain_is_pure() {
    let mut wrong = Vec::new();
    for (path, code) in sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with("src/domain/"))
    {
        for word in IMPURE {
            if code
                .lines()
                .any(|line| !line.trim_start().starts_with("//") && line.contains(word))
            {
                wrong.push(format!("{path}: {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rules_would_notice() {
    assert_eq!(
        imports(
            "use crate::broker::Session;\nuse crate::{chance, clock::Clock};\ncrate::store::too_large()"
        ),
        ["broker", "chance", "clock", "store"]
    );
    assert!(names(
        "    let x = lapin::Connection::connect(uri);",
        "lapin"
    ));
    assert!(!names("    let x = our_lapin::connect(uri);", "lapin"));
}

/// Every source file, by its path from the repository's top, without its unit tests.
fn sources() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(&top.join("src"), &mut found);
    let read = |path: PathBuf| {
        let code = fs::read_to_string(&path).unwrap();
        let code = code
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default()
            .to_owned();
        (path.strip_prefix(top).unwrap().display().to_string(), code)
    };
    let is_test = |path: &PathBuf| {
        path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests")
    };
    let sources: Vec<_> = found
        .into_iter()
        .filter(|path| !is_test(&path.strip_prefix(top).unwrap().to_path_buf()))
        .map(read)
        .collect();
    assert!(sources.len() > 50, "the sources were not found");
    sources
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `src/provider/wire/mod.rs` is of `provider`.
fn module_of(path: &str) -> String {
    let inside = path.trim_start_matches("src/");
    inside
        .split('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".rs")
        .to_owned()
}

/// The top-level modules named in `crate::…` paths, sorted, each once.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let group = rest
                .strip_prefix('{')
                .map_or(rest, |group| group.split('}').next().unwrap_or_default());
            let parts: Vec<&str> = if rest.starts_with('{') {
                group.split(',').collect()
            } else {
                vec![rest]
            };
            for part in parts {
                let name: String = part
                    .trim()
                    .chars()
                    .take_while(|letter| letter.is_ascii_lowercase() || *letter == '_')
                    .collect();
                if !name.is_empty() {
                    found.push(name);
                }
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Whether the line has a path that begins with this library.
fn names(line: &str, library: &str) -> bool {
    let word = format!("{library}::");
    line.match_indices(&word).any(|(at, _)| {
        !line[..at]
            .ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
    })
}
