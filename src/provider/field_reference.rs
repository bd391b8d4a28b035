//! The reference of the fields, `config/fields.md`, written from the tables of the mapping.

use super::wire::reference::ReferenceTable;
use super::{deepfinch, huawei};
use crate::domain::payment::{NEVER_MONEY, OF_RECOGNITION, OF_VERIFICATION, PaymentKind};
use std::fmt::Write;

const HEAD: &str = "# Fields

Where each field of a result comes from. This page is written from the tables by which the answers are read; a test
compares it with them, and them with the names of the providers' documents. Write it anew with
`WRITE_FIELDS=1 cargo test --lib field_reference`.

Absent, `\"\"` and placeholders (`--`, `/`, `无`) are null. Money is a decimal string; an amount or a date that cannot be
read is `{\"text\": \"…\"}`. What is in no table is kept in `extra`: a field of the answer under its own name, a column of a
list as one entry, `LIST[].COLUMN`. `extra_truncated` says that not all of it could be kept. Of two bills in one answer
the first is read; the other stands in `extra`, and `left_out.bills` counts it.
";

/// The page as it has to be.
pub fn field_reference() -> String {
    let mut page = HEAD.to_owned();
    let parts = [
        ("Recognition", "recognition.invoice", huawei::reference()),
        ("Verification", "verification", deepfinch::reference()),
    ];
    for (name, place, tables) in parts {
        // Writing to a String cannot fail.
        let _ = write!(page, "\n## {name}\n\nThe fields are below `{place}`.\n");
        for ReferenceTable { heading, rows } in tables {
            let _ = write!(
                page,
                "\n### {heading}\n\n| sent | result | type |\n| --- | --- | --- |\n"
            );
            for row in rows {
                let _ = writeln!(
                    page,
                    "| `{}` | {} | {} |",
                    row.sent,
                    code(&row.ours),
                    row.kind
                );
            }
        }
    }
    page.push_str("\n## Payments\n\nEvery payment keeps its printed name. Names that are known here also have a `kind`:\n");
    for (heading, names) in [
        ("Names of recognition", &OF_RECOGNITION[..]),
        ("Names of verification", &OF_VERIFICATION[..]),
    ] {
        let _ = write!(page, "\n### {heading}\n\n| name | kind |\n| --- | --- |\n");
        for (name, kind) in names {
            let _ = writeln!(page, "| `{name}` | `{}` |", kind_name(*kind));
        }
    }
    let ends: Vec<String> = NEVER_MONEY.iter().map(|end| format!("`{end}`")).collect();
    let _ = write!(
        page,
        "\nWhat stands under a `text` is never read as money, and neither is a payment whose name ends in {}.\n",
        ends.join(", ")
    );
    page
}

fn code(name: &str) -> String {
    if name.is_empty() {
        "–".to_owned()
    } else {
        format!("`{name}`")
    }
}

fn kind_name(kind: PaymentKind) -> String {
    serde_json::to_value(kind)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/fields.md");

    #[test]
    fn the_page_is_what_the_mapping_says() {
        if std::env::var_os("WRITE_FIELDS").is_some() {
            fs::write(PAGE, field_reference()).unwrap();
        }
        assert!(
            fs::read_to_string(PAGE).unwrap() == field_reference(),
            "write config/fields.md anew: WRITE_FIELDS=1 cargo test --lib field_reference"
        );
    }

    #[test]
    fn every_documented_name_is_on_the_page() {
        let page = field_reference();
        let (_, of_verification) = page.split_once("\n## Verification").unwrap();
        let (of_recognition, _) = page.split_once("\n## Verification").unwrap();
        let payments = page.split_once("\n## Payments").unwrap().1;
        for (names, part) in [
            (
                include_str!("../../tests/data/providers/recognition-fields.txt"),
                of_recognition,
            ),
            (
                include_str!("../../tests/data/providers/verification-fields.txt"),
                of_verification,
            ),
        ] {
            for name in names.lines().filter(|line| !line.starts_with('#')) {
                let row = format!("| `{name}` |");
                assert!(part.contains(&row) || payments.contains(&row), "{name}");
            }
        }
    }
}
