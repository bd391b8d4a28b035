//! Imports go one way; the libraries of the edges stay at the edges; the domain stays pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

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
            "src/dev/sandbox/",
            "src/provider/",
        ],
    ),
    ("governor", &["src/quota/limiter"]),
    ("backoff", &["src/retry/schedule.rs"]),
    ("moka", &["src/checkpoint/", "src/dev/sandbox/"]),
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
fn no_modules_import_each_other_in_a_circle() {
    let mut imported = BTreeMap::<String, BTreeSet<String>>::new();
    for (path, code) in sources() {
        let module = module_of(&path);
        if module != "lib" && module != "main" {
            imported.entry(module).or_default().extend(imports(&code));
        }
    }
    let circles = circles(&imported);
    assert!(circles.is_empty(), "{circles:?}");
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
    let of = |modules: &[(&str, &[&str])]| -> BTreeMap<String, BTreeSet<String>> {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        modules
            .iter()
            .map(|(module, names)| ((*module).to_owned(), set(names)))
            .collect()
    };
    let straight = of(&[("a", &["b", "c", "a"]), ("b", &["c"]), ("c", &[])]);
    assert!(circles(&straight).is_empty());
    let round = of(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]);
    assert_eq!(circles(&round), [["a", "b", "c"].into()].into());
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

/// The strongly connected components of more than one module.
fn circles(imported: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<BTreeSet<&str>> {
    let reached = |from: &str| {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = vec![from];
        while let Some(module) = open.pop() {
            for next in imported.get(module).into_iter().flatten() {
                if next != module && reached.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        reached
    };
    let all: BTreeMap<&str, BTreeSet<&str>> = imported
        .keys()
        .map(|module| (module.as_str(), reached(module)))
        .collect();
    let component = |module: &str| -> BTreeSet<&str> {
        let within = &all[module];
        within
            .iter()
            .copied()
            .filter(|other| all.get(other).is_some_and(|back| back.contains(module)))
            .collect()
    };
    all.keys()
        .map(|module| component(module))
        .filter(|component| component.len() > 1)
        .collect()
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
