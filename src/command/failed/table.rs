//! `failed list`: groups as a table, or as JSON.

use super::groups::{Group, Groups};
use super::survey::Seen;
use super::words::{age, plain};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use jiff::Timestamp;
use serde_json::json;
use std::io::{self, Write};

/// Two windows side by side, or a runbook.
const COLUMNS: u16 = 120;

pub(super) fn write(out: &mut impl Write, groups: &Groups, now: Timestamp) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic).set_width(COLUMNS);
    table.set_header(["stage", "code", "status", "how many", "oldest", "newest"]);
    let largest_first = groups.largest_first();
    for group in &largest_first {
        table.add_row(row(group, now));
    }
    if largest_first.len() > 1 {
        table.add_row([Cell::new("total"), Cell::new(""), Cell::new(""), number(groups.total())]);
    }
    writeln!(out, "{table}")
}

pub(super) fn write_json(out: &mut impl Write, queue: &str, groups: &Groups, seen: Seen) -> io::Result<()> {
    let told = json!({
        "queue": queue,
        "total": groups.total(),
        "looked_at": seen.looked_at,
        "not_looked_at": seen.not_looked_at,
        "groups": groups.largest_first(),
    });
    writeln!(out, "{told}")
}

fn row(group: &Group, now: Timestamp) -> [Cell; 6] {
    let when = |at: Option<Timestamp>| {
        let told = at.map_or_else(|| "unknown".to_owned(), |at| age(at, now));
        Cell::new(told).set_alignment(CellAlignment::Right)
    };
    [
        Cell::new(plain(&group.stage)),
        Cell::new(plain(&group.code)),
        Cell::new(group.status.as_str()),
        number(group.count),
        when(group.oldest),
        when(group.newest),
    ]
}

fn number(value: u32) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

#[cfg(test)]
mod tests {
    use super::super::reason::{Reason, Status};
    use super::*;
    use serde_json::Value;

    fn groups() -> Groups {
        let mut groups = Groups::default();
        for (stage, code, status, at) in [
            ("job", "job.malformed", Status::InvalidJob, Some("2026-11-20T10:00:00Z")),
            ("verification", "316", Status::Undetermined, Some("2026-11-22T11:00:00Z")),
            ("verification", "316", Status::Undetermined, Some("2026-11-22T11:59:48Z")),
            ("broker", "delivery_limit", Status::Unknown, None),
        ] {
            let at = at.map(|at| at.parse().unwrap());
            let (stage, code) = (stage.to_owned(), code.to_owned());
            groups.add(&Reason { status, stage, code, message: String::new(), effort: None, at });
        }
        groups
    }

    fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_table_shows_each_group_with_its_ages_and_the_total() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        insta::assert_snapshot!(written(|out| super::write(out, &groups(), now)), @r"
        ┌──────────────┬────────────────┬──────────────┬──────────┬─────────┬─────────┐
        │ stage        ┆ code           ┆ status       ┆ how many ┆ oldest  ┆ newest  │
        ╞══════════════╪════════════════╪══════════════╪══════════╪═════════╪═════════╡
        │ verification ┆ 316            ┆ undetermined ┆        2 ┆      1h ┆     12s │
        │ broker       ┆ delivery_limit ┆ unknown      ┆        1 ┆ unknown ┆ unknown │
        │ job          ┆ job.malformed  ┆ invalid_job  ┆        1 ┆   2d 2h ┆   2d 2h │
        │ total        ┆                ┆              ┆        4 ┆         ┆         │
        └──────────────┴────────────────┴──────────────┴──────────┴─────────┴─────────┘
        ");
    }

    #[test]
    fn the_json_is_for_programs() {
        let seen = Seen { looked_at: 9, matching: 4, not_looked_at: 2, missing: 0 };
        let told: Value = serde_json::from_str(&written(|out| write_json(out, "invoice.failed", &groups(), seen))).unwrap();
        assert_eq!((&told["queue"], &told["total"]), (&json!("invoice.failed"), &json!(4)));
        assert_eq!((&told["looked_at"], &told["not_looked_at"]), (&json!(9), &json!(2)));
        let largest = json!({
            "stage": "verification", "code": "316", "status": "undetermined", "count": 2,
            "oldest": "2026-11-22T11:00:00Z", "newest": "2026-11-22T11:59:48Z",
        });
        assert_eq!((&told["groups"][0], &told["groups"][1]["oldest"]), (&largest, &Value::Null));
    }
}
