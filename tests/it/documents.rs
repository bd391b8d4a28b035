//! The documents are true where a machine can tell: their links and paths exist, every key of the
//! configuration is in its reference with its default, and the README stays an introduction.

mod editions;

use std::fs;
use std::path::{Path, PathBuf};

const README_WORDS: usize = 1_300;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Every document outside of `target`, by its path from the root.
fn documents() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let inside = path.strip_prefix(root()).unwrap();
                found.push(inside.to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// The text between pairs of marks.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    let parts = text.split(open).skip(1);
    parts.filter_map(|part| part.split(close).next()).collect()
}

/// The anchor of a heading, as forges make it. The Chinese editions state those of the English
/// headings, so that a link is the same in both.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter_map(|character| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        _ => character.is_alphanumeric().then_some(character),
    });
    kept.collect()
}

#[test]
fn every_link_leads_somewhere() {
    for document in documents() {
        let folder = root().join(&document).parent().unwrap().to_owned();
        for link in between(&read(&document), "](", ")") {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => root().join(&document),
                file => folder.join(file),
            };
            assert!(target.exists(), "{document}: {link}");
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                let is_there = headings.any(|line| anchor(line) == heading)
                    || between(&text, "<a id=\"", "\">").contains(&heading);
                assert!(is_there, "{document}: {link}");
            }
        }
    }
}

/// A path in backquotes, with or without a pattern at its end.
#[test]
fn every_path_that_is_named_exists() {
    for document in documents() {
        for line in read(&document).lines() {
            for code in between(line, "`", "`") {
                let named = ["src/", "tests/", "config/", "deploy/", ".ci/"]
                    .iter()
                    .any(|folder| code.starts_with(folder));
                let is_path = code.chars().all(|character| {
                    character.is_ascii_alphanumeric() || "/._-*".contains(character)
                });
                if named && is_path {
                    let path = root().join(code.split('*').next().unwrap());
                    let exists = path.exists()
                        || code.contains('*') && path.parent().is_some_and(Path::exists);
                    assert!(exists, "{document}: `{code}`");
                }
            }
        }
    }
}

#[test]
fn every_key_is_in_the_reference_with_its_default() {
    let reference = read("config/README.md");
    let mut section = "";
    for line in include_str!("../../config/invoice-worker.toml").lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, default)) =
            line.split_once(" = ").filter(|_| !line.starts_with('#'))
        {
            let heading = format!("## `[{section}]`\n");
            let keys = between(&reference, &heading, "\n## ");
            let keys = keys
                .first()
                .unwrap_or_else(|| panic!("no section {section}"));
            let row = keys
                .lines()
                .find(|row| row.starts_with(&format!("| `{key}` |")))
                .unwrap_or_else(|| panic!("{section}.{key} is not in the reference"));
            let stated = row.split(" | ").nth(2).unwrap();
            assert_eq!(stated, format!("`{default}`"), "{section}.{key}");
        }
    }
}

#[test]
fn the_readme_is_an_introduction() {
    let words = read("README.md").split_whitespace().count();
    assert!(words <= README_WORDS, "{words} words");
}
