//! `results list`: results by status, outcome and the reply queue that did not take them.

use super::kept::KeptResult;
use crate::command::ages::{Ages, age};
use crate::command::table::{Column, Table};
use crate::command::terminal::plain;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write};

#[derive(Debug)]
pub(super) struct ResultGroups {
    now: Timestamp,
    by_kind: BTreeMap<(String, String, Option<String>), ResultGroup>,
}

#[derive(Clone, Debug, Serialize)]
struct ResultGroup {
    status: String,
    outcome: String,
    reply_to: Option<String>,
    count: u32,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    ages: Ages,
}

impl ResultGroups {
    pub(super) fn at(now: Timestamp) -> Self {
        Self {
            now,
            by_kind: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, result: &KeptResult) {
        let KeptResult {
            status,
            outcome,
            reply_to,
            finished,
            ..
        } = result;
        let key = (status.clone(), outcome.clone(), reply_to.clone());
        let group = self.by_kind.entry(key).or_insert_with(|| ResultGroup {
            status: status.clone(),
            outcome: outcome.clone(),
            reply_to: reply_to.clone(),
            count: 0,
            oldest: None,
            newest: None,
            ages: Ages::default(),
        });
        group.count = group.count.saturating_add(1);
        group.oldest = group.oldest.into_iter().chain(*finished).min();
        group.newest = group.newest.max(*finished);
        group.ages.add(*finished, self.now);
    }

    pub(super) fn total(&self) -> u32 {
        let counts = self.by_kind.values().map(|group| group.count);
        counts.fold(0, u32::saturating_add)
    }

    fn largest_first(&self) -> Vec<&ResultGroup> {
        let mut groups: Vec<&ResultGroup> = self.by_kind.values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }

    pub(super) fn write(&self, out: &mut impl Write, columns: usize) -> io::Result<()> {
        let classes = Ages::NAMES.map(|name| Column::number(name).detail(1));
        let texts = ["status", "verdict or error", "reply queue"].map(Column::text);
        let mut table = Table::new(
            texts
                .into_iter()
                .chain([Column::number("how many")])
                .chain(classes)
                .chain([Column::number("oldest")]),
        );
        for group in self.largest_first() {
            let reply_to = group.reply_to.as_deref().unwrap_or("not known");
            let kind = [&group.status, &group.outcome, reply_to].map(plain);
            // Classes without a result stay blank, so that the others are seen.
            let ages = group.ages.known().map(|count| match count {
                0 => String::new(),
                count => count.to_string(),
            });
            let oldest = group
                .oldest
                .map_or_else(|| "unknown".to_owned(), |at| age(at, self.now));
            let count = [group.count.to_string()];
            table.row(kind.into_iter().chain(count).chain(ages).chain([oldest]));
        }
        write!(out, "{}", table.render(columns))
    }

    pub(super) fn write_json(
        &self,
        out: &mut impl Write,
        queue: &str,
        looked_at: u32,
        not_looked_at: u32,
    ) -> io::Result<()> {
        let list = json!({
            "queue": queue,
            "total": self.total(),
            "looked_at": looked_at,
            "not_looked_at": not_looked_at,
            "groups": self.largest_first(),
        });
        writeln!(out, "{list}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> ResultGroups {
        let mut groups = ResultGroups::at("2026-11-22T12:00:00Z".parse().unwrap());
        for (status, outcome, reply_to, finished) in [
            (
                "completed",
                "genuine",
                Some("claims.replies"),
                Some("2026-11-22T11:30:00Z"),
            ),
            (
                "completed",
                "genuine",
                Some("claims.replies"),
                Some("2026-11-20T12:00:00Z"),
            ),
            (
                "undetermined",
                "verification 316",
                None,
                Some("2026-11-22T10:00:00Z"),
            ),
            ("unknown", "unknown", None, None),
        ] {
            groups.add(&KeptResult {
                job_id: None,
                status: status.into(),
                outcome: outcome.into(),
                verdict: None,
                submitter: None,
                reply_to: reply_to.map(str::to_owned),
                finished: finished.map(|at| at.parse().unwrap()),
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
    fn the_table_shows_what_lies_there_and_where_it_should_have_gone() {
        insta::assert_snapshot!(written(|out| groups().write(out, 80)), @r"
        status        verdict or    reply queue       how  <1h  <1d  <7d  older   oldest
                      error                          many
        ────────────  ────────────  ──────────────  ─────  ───  ───  ───  ─────  ───────
        completed     genuine       claims.replies      2    1         1              2d
        undetermined  verification  not known           1         1                   2h
                      316
        unknown       unknown       not known           1                        unknown
        ");
        insta::assert_snapshot!(written(|out| groups().write(out, 160)), @r"
        status        verdict or error  reply queue     how many  <1h  <1d  <7d  older   oldest
        ────────────  ────────────────  ──────────────  ────────  ───  ───  ───  ─────  ───────
        completed     genuine           claims.replies         2    1         1              2d
        undetermined  verification 316  not known              1         1                   2h
        unknown       unknown           not known              1                        unknown
        ");
    }

    #[test]
    fn the_json_is_for_programs() {
        let text = written(|out| groups().write_json(out, "invoice.results", 6, 1));
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&told["total"], &told["looked_at"]), (&json!(4), &json!(6)));
        let first = &told["groups"][0];
        assert_eq!(
            (&first["count"], &first["reply_to"], &first["oldest"]),
            (
                &json!(2),
                &json!("claims.replies"),
                &json!("2026-11-20T12:00:00Z")
            )
        );
    }
}
