//! The report of `where`: each turn of each run, and how the run stands.

use super::stories::{JobStories, RunStand, RunStory};
use crate::broker;
use crate::command::ledger_input::local;
use crate::command::ledger_words::{calls, how, why};
use crate::command::table::{Column, Table};
use crate::command::terminal::{hanging, length, plain};
use crate::ledger::{LedgerEvent, Wait};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::fmt::Write;

/// The digits of a run by which a person knows it.
const RUN_DIGITS: usize = 12;

/// The turns, and what else the report needs.
pub(super) struct StoryReport<'a> {
    pub(super) stories: &'a JobStories,
    pub(super) queues: &'a broker::Config,
    pub(super) now: Timestamp,
    pub(super) zone: &'a TimeZone,
}

impl StoryReport<'_> {
    pub(super) fn to_text(&self, columns: usize) -> String {
        let mut out = String::new();
        for story in &self.stories.runs {
            if !out.is_empty() {
                out.push('\n');
            }
            let _ = writeln!(out, "{}\n", hanging("", &self.heading(story), columns));
            let mut table = Table::new([
                Column::number("turn"),
                Column::number("ended"),
                Column::text("how"),
                Column::text("calls"),
                Column::number("until").detail(1),
                Column::text("queue").detail(1),
                Column::text("why").detail(2).at_least(20),
            ]);
            for (index, turn) in story.turns.iter().enumerate() {
                table.row(self.row(index + 1, turn));
            }
            out.push_str(&table.render(columns));
            let _ = writeln!(out, "\n{}", hanging("", &self.ending(story), columns));
        }
        if self.stories.left_out > 0 {
            let _ = writeln!(out, "\n{} more turns are left out", self.stories.left_out);
        }
        out
    }

    fn heading(&self, story: &RunStory) -> String {
        let id = story.said(|turn| turn.job_id.as_ref());
        let submitter = story.said(|turn| turn.submitter.as_ref());
        let province = story.said(|turn| turn.province.as_ref());
        let mut heading = id.map_or_else(|| "(a job without an id)".to_owned(), |id| plain(id));
        if let Some(submitter) = submitter {
            let _ = write!(heading, ", of {}", plain(submitter));
        }
        if let Some(province) = province {
            let _ = write!(heading, ", province {}", plain(province));
        }
        if let Some(seen) = story.first_seen() {
            let _ = write!(heading, ", first seen {}", self.at(seen));
        }
        let digits = story.run.chars().take(RUN_DIGITS).collect::<String>();
        let _ = write!(heading, ", run {}", plain(&digits));
        heading
    }

    fn row(&self, number: usize, turn: &LedgerEvent) -> [String; 7] {
        let (mut until, mut queue) = (String::new(), String::new());
        if let Some(wait) = &turn.parked {
            until = self.at(wait.until);
            let first = self.queues.waiting_place(turn.at, wait.until, turn.at);
            queue = first.map(|(queue, _)| queue).unwrap_or_default();
        }
        [
            number.to_string(),
            self.at(turn.at),
            how(turn),
            calls(turn),
            until,
            queue,
            why(turn),
        ]
    }

    /// How the run stands, and what it paid.
    fn ending(&self, story: &RunStory) -> String {
        let latest = story.latest();
        let stands = match story.stand() {
            Some(RunStand::Waits(wait)) => {
                let parked = latest.map_or(wait.until, |latest| latest.at);
                self.waits(parked, wait)
            }
            Some(RunStand::Answered) => {
                let answered = latest.map(|latest| self.at(latest.at)).unwrap_or_default();
                format!("It was answered at {answered}.")
            }
            Some(RunStand::Dropped) | None => {
                "The latest turn of it was another copy of a run that is answered.".to_owned()
            }
        };
        let costs = story.costs();
        let money = costs.money.to_text().replace('\n', " and ");
        let mut paid = match costs.paid {
            0 => "It paid for nothing".to_owned(),
            1 => "It paid for one call".to_owned(),
            many => format!("It paid for {many} calls"),
        };
        if !money.is_empty() {
            let _ = write!(paid, ", {money}");
        }
        if costs.unknown > 0 {
            let _ = write!(
                paid,
                "; whether {} more are billed is not known",
                costs.unknown
            );
        }
        format!("{stands} {paid}.")
    }

    fn waits(&self, parked: Timestamp, wait: &Wait) -> String {
        let (until, code) = (self.at(wait.until), plain(&wait.code));
        let mut waits = format!("It waits until {until}, for {} {code}", wait.stage);
        match self.queues.waiting_place(parked, wait.until, self.now) {
            Some((queue, back)) => {
                let left = wait.until.duration_since(self.now).as_secs().max(0);
                let _ = write!(waits, ": {} from now, ", length(left.unsigned_abs()));
                let _ = write!(waits, "in {queue} up to {}.", self.at(back));
            }
            None => {
                let _ = write!(
                    waits,
                    ": its time has come, so it is in {}, or a worker has it.",
                    self.queues.due_queue
                );
            }
        }
        if let Some(deadline) = wait.deadline {
            let _ = write!(waits, " Its deadline is {}.", self.at(deadline));
        }
        waits
    }

    fn at(&self, at: Timestamp) -> String {
        local(at, self.zone)
    }

    pub(super) fn to_json(&self) -> Value {
        let runs = self.stories.runs.iter().map(|story| {
            let costs = story.costs();
            json!({
                "run": story.run,
                "job_id": story.said(|turn| turn.job_id.as_ref()),
                "submitter": story.said(|turn| turn.submitter.as_ref()),
                "province": story.said(|turn| turn.province.as_ref()),
                "first_seen": story.first_seen(),
                "stands": self.stand_json(story),
                "paid": { "calls": costs.paid, "money": costs.money.to_json() },
                "unknown": { "calls": costs.unknown },
                "turns": story.turns,
            })
        });
        json!({ "runs": runs.collect::<Vec<_>>(), "left_out": self.stories.left_out })
    }

    fn stand_json(&self, story: &RunStory) -> Value {
        let latest = story.latest();
        let (status, verdict, error) = (
            story.said(|turn| turn.status.as_ref()),
            story.said(|turn| turn.verdict.as_ref()),
            latest.and_then(|latest| latest.error.as_ref()),
        );
        let at = latest.map(|latest| latest.at);
        match story.stand() {
            Some(RunStand::Waits(wait)) => {
                let parked = at.unwrap_or(wait.until);
                let place = self.queues.waiting_place(parked, wait.until, self.now);
                let (queue, back) = place.map_or_else(
                    || (self.queues.due_queue.clone(), None),
                    |(queue, back)| (queue, Some(back)),
                );
                json!({
                    "as": "waiting", "since": at, "until": wait.until, "for": wait,
                    "queue": queue, "queue_until": back,
                })
            }
            Some(RunStand::Answered) => json!({
                "as": "answered", "at": at, "status": status, "verdict": verdict, "error": error,
            }),
            Some(RunStand::Dropped) | None => json!({ "as": "dropped", "at": at }),
        }
    }
}
