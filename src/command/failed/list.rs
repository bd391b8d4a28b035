//! `failed list`: groups as a table, or as JSON.

use super::ages::Ages;
use super::groups::{Group, Groups};
use super::survey::Seen;
use super::words::{age, plain};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use jiff::Timestamp;
use serde_json::json;
use std::io::{self, Write};

/// Two windows side by side, or a runbook.
const COLUMNS: u16 = 100;

pub(super) fn write(out: &mut impl Write, groups: &Groups) -> io::Result<()> {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(COLUMNS);
    table.set_header(
        ["stage", "code", "status", "how many"]
            .into_iter()
            .chain(Ages::NAMES)
            .chain(["oldest"]),
    );
    let (largest_first, all) = (groups.largest_first(), groups.ages());
    for group in &largest_first {
        table.add_row(row(group, groups.now));
    }
    if largest_first.len() > 1 {
        let total = [
            Cell::new("total"),
            Cell::new(""),
            Cell::new(""),
            number(groups.total()),
        ];
        table.add_row(total.into_iter().chain(all.known().map(number_or_blank)));
    }
    writeln!(out, "{table}")?;
    if all.unknown > 0 {
        writeln!(
            out,
            "{} without an age: nobody wrote down when they failed",
            all.unknown
        )?;
    }
    Ok(())
}

pub(super) fn write_json(
    out: &mut impl Write,
    queue: &str,
    groups: &Groups,
    seen: Seen,
) -> io::Result<()> {
    let told = json!({
        "queue": queue,
        "total": groups.total(),
        "looked_at": seen.looked_at,
        "not_looked_at": seen.not_looked_at,
        "groups": groups.largest_first(),
    });
    writeln!(out, "{told}")
}

fn row(group: &Group, now: Timestamp) -> impl Iterator<Item = Cell> {
    let kind = [
        Cell::new(plain(&group.stage)),
        Cell::new(plain(&group.code)),
        Cell::new(group.status.as_str()),
        number(group.count),
    ];
    let oldest = group
        .oldest
        .map_or_else(|| "unknown".to_owned(), |at| age(at, now));
    let oldest = Cell::new(oldest).set_alignment(CellAlignment::Right);
    kind.into_iter()
        .chain(group.ages.known().map(number_or_blank))
        .chain([oldest])
}

fn number(value: u32) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

/// What is there shall be seen among what is not.
fn number_or_blank(value: u32) -> Cell {
    if value == 0 {
        Cell::new("")
    } else {
        number(value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::reason::{Reason, Status};
    use super::*;
    use serde_json::Value;

    fn groups() -> Groups {
        let mut groups = Groups::at("2026-11-22T12:00:00Z".parse().unwrap());
        for (stage, code, status, at) in [
            (
                "job",
                "job.malformed",
                Status::InvalidJob,
                Some("2026-11-20T10:00:00Z"),
            ),
            (
                "verification",
                "316",
                Status::Undetermined,
                Some("2026-11-22T11:00:00Z"),
            ),
            (
                "verification",
                "316",
                Status::Undetermined,
                Some("2026-11-12T11:00:00Z"),
            ),
            (
                "verification",
                "316",
                Status::Undetermined,
                Some("2026-11-22T11:59:48Z"),
            ),
            ("broker", "delivery_limit", Status::Unknown, None),
        ] {
            let at = at.map(|at| at.parse().unwrap());
            let (stage, code) = (stage.to_owned(), code.to_owned());
            groups.add(&Reason {
                status,
                stage,
                code,
                message: String::new(),
                effort: None,
                at,
            });
        }
        groups
    }

    fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_table_shows_each_group_by_age_and_the_total() {
        insta::assert_snapshot!(written(|out| super::write(out, &groups())), @r"
        ┌──────────────┬────────────────┬──────────────┬──────────┬──────┬──────┬──────┬───────┬─────────┐
        │ stage        ┆ code           ┆ status       ┆ how many ┆ < 1h ┆ < 1d ┆ < 7d ┆ older ┆ oldest  │
        ╞══════════════╪════════════════╪══════════════╪══════════╪══════╪══════╪══════╪═══════╪═════════╡
        │ verification ┆ 316            ┆ undetermined ┆        3 ┆    1 ┆    1 ┆      ┆     1 ┆  10d 1h │
        │ broker       ┆ delivery_limit ┆ unknown      ┆        1 ┆      ┆      ┆      ┆       ┆ unknown │
        │ job          ┆ job.malformed  ┆ invalid_job  ┆        1 ┆      ┆      ┆    1 ┆       ┆   2d 2h │
        │ total        ┆                ┆              ┆        5 ┆    1 ┆    1 ┆    1 ┆     1 ┆         │
        └──────────────┴────────────────┴──────────────┴──────────┴──────┴──────┴──────┴───────┴─────────┘
        1 without an age: nobody wrote down when they failed
        ");
    }

    #[test]
    fn the_json_is_for_programs() {
        let seen = Seen {
            looked_at: 9,
            matching: 5,
            not_looked_at: 2,
            missing: 0,
        };
        let told: Value = serde_json::from_str(&written(|out| {
            write_json(out, "invoice.failed", &groups(), seen)
        }))
        .unwrap();
        assert_eq!(
            (&told["queue"], &told["total"]),
            (&json!("invoice.failed"), &json!(5))
        );
        assert_eq!(
            (&told["looked_at"], &told["not_looked_at"]),
            (&json!(9), &json!(2))
        );
        let largest = json!({
            "stage": "verification", "code": "316", "status": "undetermined", "count": 3,
            "oldest": "2026-11-12T11:00:00Z", "newest": "2026-11-22T11:59:48Z",
            "ages": { "under_1h": 1, "under_1d": 1, "under_7d": 0, "older": 1, "unknown": 0 },
        });
        assert_eq!(
            (&told["groups"][0], &told["groups"][1]["oldest"]),
            (&largest, &Value::Null)
        );
    }
}
