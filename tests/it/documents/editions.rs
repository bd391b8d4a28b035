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

/// What one edition has and the other has not, for the person who has to carry it over.
fn differences(english: &Section, chinese: &Section) -> String {
    let mut found = Vec::new();
    for (what, english, chinese) in [
        ("names", &english.names, &chinese.names),
        ("links", &english.links, &chinese.links),
        ("figures", &english.figures, &chinese.figures),
    ] {
        let (missing, extra) = (without(english, chinese), without(chinese, english));
        if !missing.is_empty() || !extra.is_empty() {
            found.push(format!(
                "{what}: Chinese lacks {missing:?}, and has {extra:?} more"
            ));
        }
    }
    if (english.level, &english.rows) != (chinese.level, &chinese.rows) {
        found.push(format!(
            "rows or level of the heading: {:?} and {:?}",
            (english.level, &english.rows),
            (chinese.level, &chinese.rows)
        ));
    }
    if english.examples != chinese.examples {
        found.push(format!(
            "examples: {:?} and {:?}",
            english.examples, chinese.examples
        ));
    }
    found.join("; ")
}

/// What is left of a list when each item of another is taken out once.
fn without(list: &[String], other: &[String]) -> Vec<String> {
    let mut left = list.to_vec();
    for item in other {
        if let Some(at) = left.iter().position(|one| one == item) {
            left.remove(at);
        }
    }
    left
}

/// The headings of an edition, whose sections begin with what stands before the first.
fn headings(text: &str) -> Vec<&str> {
    let mut in_example = false;
    let mut headings = vec!["the beginning"];
    for line in text.lines() {
        in_example ^= line.trim_start().starts_with("```");
        if !in_example && line.starts_with('#') {
            headings.push(line);
        }
    }
    headings
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
        let texts = (read(&english), read(&chinese));
        let (original, edition) = (sections(&texts.0), sections(&texts.1));
        let named = headings(&texts.0).into_iter().zip(headings(&texts.1));
        for ((original, edition), (heading, its)) in original.iter().zip(&edition).zip(named) {
            assert!(
                original == edition,
                "{english}, {heading}, and {chinese}, {its}: {}",
                differences(original, edition)
            );
        }
        assert_eq!(
            original.len(),
            edition.len(),
            "sections of {english} and {chinese}"
        );
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
