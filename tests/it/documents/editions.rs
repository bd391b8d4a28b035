//! A document's Chinese edition says what the English one says, where a machine can tell: the same
//! sections, the same commands and examples, and in each section the same names, links, figures
//! and rows of tables.

use super::{documents, read};

/// What the two editions of a section have in common.
#[derive(Debug, Default, PartialEq)]
struct Section {
    level: usize,
    /// By language, without comments and labels, which are translated.
    examples: Vec<(String, Vec<String>)>,
    /// The number of cells of each row.
    rows: Vec<usize>,
    /// Sorted, since each language has its own order of words.
    names: Vec<String>,
    links: Vec<String>,
    figures: Vec<String>,
}

/// The text of an example's line that is the same in both editions.
fn untranslated(language: &str, line: &str) -> Option<String> {
    match language {
        "mermaid" => None,
        "sh" | "toml" | "promql" => Some(line.split('#').next().unwrap().trim_end().to_owned()),
        _ => Some(line.to_owned()),
    }
}

/// The parts of a line in backquotes, and the line without them.
fn names(line: &str) -> (Vec<String>, String) {
    let parts = line.split('`');
    let (mut names, mut rest) = (Vec::new(), String::new());
    for (index, part) in parts.enumerate() {
        if index % 2 == 1 {
            names.push(part.to_owned());
        } else {
            rest.push_str(part);
        }
    }
    (names, rest)
}

/// The targets of links, and the line without them.
fn links(line: &str) -> (Vec<String>, String) {
    let mut parts = line.split("](");
    let mut rest = parts.next().unwrap_or_default().to_owned();
    let mut links = Vec::new();
    for part in parts {
        let (target, behind) = part.split_once(')').unwrap_or((part, ""));
        links.push(target.replace(".zh-CN.md", ".md"));
        rest.push_str(behind);
    }
    (links, rest)
}

fn figures(line: &str) -> Vec<String> {
    let figures = line.split(|character: char| !character.is_ascii_digit());
    let figures = figures.filter(|figure| !figure.is_empty());
    figures.map(str::to_owned).collect()
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut example: Option<(String, Vec<String>)> = None;
    for line in text.lines() {
        let section = sections.last_mut().unwrap();
        if let Some(language) = line.trim_start().strip_prefix("```") {
            match example.take() {
                Some(ended) => section.examples.push(ended),
                None => example = Some((language.to_owned(), Vec::new())),
            }
        } else if let Some((language, lines)) = &mut example {
            lines.extend(untranslated(language, line));
        } else if line.starts_with('#') {
            let level = line
                .chars()
                .take_while(|character| *character == '#')
                .count();
            sections.push(Section {
                level,
                ..Section::default()
            });
        } else if !line.starts_with("[English]") && !line.starts_with("[简体中文]") {
            if line.starts_with('|') {
                section.rows.push(line.split(" | ").count());
            }
            let (names, rest) = names(line);
            let (links, rest) = links(&rest);
            section.names.extend(names);
            section.links.extend(links);
            section.figures.extend(figures(&rest));
        }
    }
    for section in &mut sections {
        section.names.sort();
        section.links.sort();
        section.figures.sort();
    }
    sections
}

#[test]
fn both_editions_have_the_same_commands_tables_and_figures() {
    let translated: Vec<String> = documents()
        .into_iter()
        .filter(|document| document.ends_with(".zh-CN.md"))
        .collect();
    assert!(!translated.is_empty());
    for chinese in translated {
        let english = chinese.replace(".zh-CN.md", ".md");
        let (original, edition) = (sections(&read(&english)), sections(&read(&chinese)));
        for (number, pair) in original.iter().zip(&edition).enumerate() {
            assert_eq!(pair.0, pair.1, "{english} and {chinese}, section {number}");
        }
        assert_eq!(original.len(), edition.len(), "{english} and {chinese}");
    }
}

#[test]
fn a_difference_between_editions_is_found() {
    let english = "# A\n\nRun `x` for 3 s, see [b](b.md).\n\n```sh\nx --y  # why\n```\n| a | b |\n";
    let same = "# 甲\n\n见 [乙](b.md)，运行 `x` 3 秒。\n\n```sh\nx --y  # 原因\n```\n| 甲 | 乙 |\n";
    assert_eq!(sections(english), sections(same));
    for (from, to) in [
        ("3", "4"),
        ("`x`", "`z`"),
        ("b.md", "c.md"),
        ("--y", "--z"),
        ("| 乙 |", "|"),
        ("# 甲\n", "## 甲\n"),
    ] {
        assert_ne!(
            sections(english),
            sections(&same.replace(from, to)),
            "{from}"
        );
    }
}
