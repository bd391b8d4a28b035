//! The source files as the rules read them: without comments and unit tests.

use std::fs;
use std::path::{Path, PathBuf};

pub(super) struct Source {
    /// The path from the repository's top.
    pub(super) path: String,
    /// The path of the module: empty for `lib.rs` and `main.rs`.
    pub(super) module: Vec<String>,
    pub(super) code: String,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
        let module = inside
            .split('/')
            .filter(|part| !matches!(*part, "lib" | "main" | "mod"))
            .map(str::to_owned)
            .collect();
        let code = [
            "mod tests {",
            "pub(crate) mod tests {",
            "pub(super) mod tests {",
        ]
        .iter()
        .filter_map(|tests| text.find(&format!("#[cfg(test)]\n{tests}")))
        .min()
        .map_or(text, |end| &text[..end]);
        let code: Vec<&str> = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        Self {
            path: path.to_owned(),
            module,
            code: code.join("\n"),
        }
    }
}

/// Every source file of the library and the program.
pub(super) fn sources() -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(&top.join("src"), &mut found);
    let sources: Vec<Source> = found
        .iter()
        .map(|path| (path.strip_prefix(top).unwrap(), path))
        .filter(|(inside, _)| !is_test(inside))
        .map(|(inside, path)| {
            Source::new(
                &inside.display().to_string(),
                &fs::read_to_string(path).unwrap(),
            )
        })
        .collect();
    assert!(sources.len() > 50, "the sources were not found");
    sources
}

fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests")
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
