//! `failed list`: groups as a table, or as JSON.

use super::browse::BrowseTally;
use super::groups::Groups;
use crate::command::ages::{Ages, age};
use crate::command::table::{Column, Table};
use crate::command::terminal::plain;
use serde_json::json;
use std::io::{self, Write};

pub(super) fn write(out: &mut impl Write, groups: &Groups, columns: usize) -> io::Result<()> {
    let classes = Ages::NAMES.map(|name| Column::number(name).detail(1));
    let texts = ["stage", "code", "status"].map(Column::text);
    let mut table = Table::new(
        texts
            .into_iter()
            .chain([Column::number("how many")])
            .chain(classes)
            .chain([Column::number("oldest")]),
    );
    let (largest_first, all) = (groups.largest_first(), groups.ages());
    for group in &largest_first {
        let kind = [&group.stage, &group.code, group.status.as_str()].map(plain);
        let oldest = group
            .oldest
            .map_or_else(|| "unknown".to_owned(), |at| age(at, groups.now));
        table.row(row(kind, group.count, group.ages, oldest));
    }
    if largest_first.len() > 1 {
        let kind = ["total", "", ""].map(str::to_owned);
        table.row(row(kind, groups.total(), all, String::new()));
    }
    write!(out, "{}", table.render(columns))?;
    if all.unknown > 0 {
        writeln!(
            out,
            "{} without an age: the time of the failure is not known",
            all.unknown
        )?;
    }
    Ok(())
}

/// Classes of age without a copy stay blank, so that the others are seen.
fn row(kind: [String; 3], count: u32, ages: Ages, oldest: String) -> impl Iterator<Item = String> {
    let ages = ages.known().map(|count| match count {
        0 => String::new(),
        count => count.to_string(),
    });
    let count = [count.to_string()];
    kind.into_iter().chain(count).chain(ages).chain([oldest])
}

pub(super) fn write_json(
    out: &mut impl Write,
    queue: &str,
    groups: &Groups,
    tally: BrowseTally,
) -> io::Result<()> {
    let list = json!({
        "queue": queue,
        "total": groups.total(),
        "looked_at": tally.looked_at,
        "not_looked_at": tally.not_looked_at,
        "groups": groups.largest_first(),
    });
    writeln!(out, "{list}")
}

#[cfg(test)]
mod tests {
    use super::super::reason::{FailedStatus, Reason};
    use super::*;
    use serde_json::Value;

    fn groups() -> Groups {
        let mut groups = Groups::at("2026-11-22T12:00:00Z".parse().unwrap());
        for (stage, code, status, at) in [
            (
                "job",
                "job.malformed",
                FailedStatus::InvalidJob,
                Some("2026-11-20T10:00:00Z"),
            ),
            (
                "verification",
                "316",
                FailedStatus::Undetermined,
                Some("2026-11-22T11:00:00Z"),
            ),
            (
                "verification",
                "316",
                FailedStatus::Undetermined,
                Some("2026-11-12T11:00:00Z"),
            ),
            (
                "verification",
                "316",
                FailedStatus::Undetermined,
                Some("2026-11-22T11:59:48Z"),
            ),
            ("broker", "delivery_limit", FailedStatus::Unknown, None),
            (
                "image",
                "image.unsupported_format",
                FailedStatus::InvalidJob,
                Some("2026-11-22T11:10:00Z"),
            ),
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
        let shown = |columns| written(|out| super::write(out, &groups(), columns));
        insta::assert_snapshot!(shown(60), @r"
        stage         code               status         how   oldest
                                                       many
        ────────────  ─────────────────  ────────────  ────  ───────
        verification  316                undetermined     3   10d 1h
          <1h: 1; <1d: 1; older: 1
        broker        delivery_limit     unknown          1  unknown
        image         image.             invalid_job      1      50m
                      unsupported_
                      format
          <1h: 1
        job           job.malformed      invalid_job      1    2d 2h
          <7d: 1
        total                                             6
          <1h: 2; <1d: 1; <7d: 1; older: 1
        1 without an age: the time of the failure is not known
        ");
        insta::assert_snapshot!(shown(80), @r"
        stage         code                      status        how many   oldest
        ────────────  ────────────────────────  ────────────  ────────  ───────
        verification  316                       undetermined         3   10d 1h
          <1h: 1; <1d: 1; older: 1
        broker        delivery_limit            unknown              1  unknown
        image         image.unsupported_format  invalid_job          1      50m
          <1h: 1
        job           job.malformed             invalid_job          1    2d 2h
          <7d: 1
        total                                                        6
          <1h: 2; <1d: 1; <7d: 1; older: 1
        1 without an age: the time of the failure is not known
        ");
        insta::assert_snapshot!(shown(120), @r"
        stage         code                      status        how many  <1h  <1d  <7d  older   oldest
        ────────────  ────────────────────────  ────────────  ────────  ───  ───  ───  ─────  ───────
        verification  316                       undetermined         3    1    1           1   10d 1h
        broker        delivery_limit            unknown              1                        unknown
        image         image.unsupported_format  invalid_job          1    1                       50m
        job           job.malformed             invalid_job          1              1           2d 2h
        total                                                        6    2    1    1      1
        1 without an age: the time of the failure is not known
        ");
    }

    #[test]
    fn the_json_is_for_programs() {
        let tally = BrowseTally {
            looked_at: 9,
            matching: 5,
            not_looked_at: 2,
            missing: 0,
            others: 0,
        };
        let told: Value = serde_json::from_str(&written(|out| {
            write_json(out, "invoice.failed", &groups(), tally)
        }))
        .unwrap();
        assert_eq!(
            (&told["queue"], &told["total"]),
            (&json!("invoice.failed"), &json!(6))
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
