//! Strangers' input, as far as a few seconds go: what `tests/fuzz` says must hold, over its corpus
//! and what becomes of that under small changes. The fuzz targets ask the same functions for as
//! long as one likes; see tests/README.md.

mod input;
#[path = "../fuzz/properties/mod.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets use it as a library")]
mod properties;

use input::{Input, anything, files};
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;

/// Cheap inputs, most of them: so many take half a second.
const CASES: u32 = 600;
const MAX_CORPUS_BYTES: usize = 1 << 20;

#[test]
fn every_property_holds_for_the_corpus() {
    for (name, property) in properties::ALL {
        for (file, bytes) in files(&corpus(name)) {
            assert!(catch_unwind(|| property(&bytes)).is_ok(), "{name}/{file}");
        }
    }
}

#[test]
fn every_property_holds_for_small_changes_of_the_corpus() {
    for (name, property) in properties::ALL {
        let seeds = files(&corpus(name))
            .into_iter()
            .map(|(_, bytes)| bytes)
            .collect();
        let mut runner = TestRunner::new(Config {
            cases: CASES,
            failure_persistence: None,
            ..Config::default()
        });
        let outcome = runner.run(&anything(seeds), |Input(bytes)| {
            property(&bytes);
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_property_has_its_target_and_a_corpus() {
    let names: BTreeSet<String> = properties::ALL
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let stems = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        entries
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    assert_eq!(stems("fuzz_targets"), names);
    assert_eq!(stems("corpus"), names);
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for name in &names {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
        let target = fs::read_to_string(root().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(
            target.contains(&format!("invoice_worker_fuzz::{name}(data)")),
            "{name}"
        );
    }
    let kept: usize = names
        .iter()
        .flat_map(|name| files(&corpus(name)))
        .map(|(_, bytes)| bytes.len())
        .sum();
    assert!(kept <= MAX_CORPUS_BYTES, "{kept} bytes");
}

fn corpus(name: &str) -> PathBuf {
    root().join("corpus").join(name)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}
