//! Expected against seen, as a small diff.

use super::outcome::SimulationOutcome;
use super::scenario::{ByJob, Downloads, ExpectedCall, PolicyScenario};
use super::script::SimulatedCall;
use crate::dev::scenario::duration::shown;
use std::fmt::{self, Display};
use std::time::Duration;

/// The number of lines shown around one that differs.
const CONTEXT: usize = 2;
/// A crowd may differ in thousands of lines, of which these are enough.
const MAX_LINES: usize = 60;
/// Beyond so many comparisons the lines are not matched with each other any more.
const MAX_CELLS: usize = 4_000_000;
const STILL_WAITING: &str = "waiting";

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioDifference {
    /// `calls`, `paid`, `ends` …
    pub what: &'static str,
    lines: Vec<DiffLine>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum DiffLine {
    Expected(String),
    Seen(String),
    Both(String),
}

/// The scenario's expectations that did not come true.
pub fn compare(scenario: &PolicyScenario, outcome: &SimulationOutcome) -> Vec<ScenarioDifference> {
    let expect = &scenario.expect;
    let several = scenario.jobs.len() > 1;
    let with_job = |text: String, job: usize| {
        if several {
            format!("{text} {}", scenario.jobs[job].id)
        } else {
            text
        }
    };
    let expected_call = |call: &ExpectedCall| {
        with_job(
            format!("{} {} {}", shown(call.at), call.stage, call.code),
            call.job,
        )
    };
    let call = |call: &SimulatedCall| {
        with_job(
            format!("{} {} {}", shown(call.at), call.stage, call.code),
            call.job,
        )
    };
    let list = |calls: &[SimulatedCall]| calls.iter().map(call).collect();
    // Of the jobs of which something is expected: what, and what was seen.
    let by_job = |what, wanted: Vec<Option<String>>, seen: Vec<String>| {
        let of_job = |(place, (wanted, seen)): (usize, (Option<String>, String))| {
            Some((with_job(wanted?, place), with_job(seen, place)))
        };
        let (wanted, seen) = wanted
            .into_iter()
            .zip(seen)
            .enumerate()
            .filter_map(of_job)
            .unzip();
        difference(what, wanted, seen)
    };
    let ends = |seen: &Option<super::Answered>| {
        seen.as_ref()
            .map_or_else(|| STILL_WAITING.to_owned(), |seen| seen.ends.clone())
    };
    let times = |seen: &Option<super::Answered>| {
        seen.as_ref()
            .map_or_else(|| STILL_WAITING.to_owned(), |seen| shown(seen.at))
    };

    let differences = [
        outcome.cut_short.then(|| given_up(outcome)),
        expect.calls.as_ref().and_then(|calls| {
            difference(
                "calls",
                calls.iter().map(expected_call).collect(),
                list(&outcome.calls),
            )
        }),
        expect
            .downloads
            .as_ref()
            .and_then(|downloads| match downloads {
                Downloads::Number(number) => difference(
                    "downloads",
                    vec![number.to_string()],
                    vec![outcome.downloads.len().to_string()],
                ),
                Downloads::Each(each) => difference(
                    "downloads",
                    each.iter().map(expected_call).collect(),
                    list(&outcome.downloads),
                ),
            }),
        expect.paid.and_then(|paid| {
            difference(
                "paid",
                vec![paid.to_string()],
                vec![outcome.paid.to_string()],
            )
        }),
        expect.ends.as_ref().and_then(|wanted| {
            by_job(
                "ends",
                wanted_of(wanted, scenario, Clone::clone),
                outcome.answered.iter().map(ends).collect(),
            )
        }),
        expect.answered_at.as_ref().and_then(|wanted| {
            let shown = |at: &Duration| shown(*at);
            by_job(
                "answered_at",
                wanted_of(wanted, scenario, shown),
                outcome.answered.iter().map(times).collect(),
            )
        }),
    ];
    differences.into_iter().flatten().collect()
}

fn given_up(outcome: &SimulationOutcome) -> ScenarioDifference {
    let calls = outcome.calls.len() + outcome.downloads.len();
    ScenarioDifference {
        what: "end",
        lines: vec![DiffLine::Seen(format!("given up after {calls} calls"))],
    }
}

fn wanted_of<T>(
    wanted: &ByJob<T>,
    scenario: &PolicyScenario,
    show: impl Fn(&T) -> String,
) -> Vec<Option<String>> {
    scenario
        .jobs
        .iter()
        .map(|job| wanted.of(&job.id).map(&show))
        .collect()
}

fn difference(
    what: &'static str,
    expected: Vec<String>,
    seen: Vec<String>,
) -> Option<ScenarioDifference> {
    (expected != seen).then(|| ScenarioDifference {
        what,
        lines: lines(expected, seen),
    })
}

fn lines(expected: Vec<String>, seen: Vec<String>) -> Vec<DiffLine> {
    let same_before = expected
        .iter()
        .zip(&seen)
        .take_while(|(expected, seen)| expected == seen)
        .count();
    let (mut expected, mut seen) = (expected.into_iter(), seen.into_iter());
    let mut lines: Vec<DiffLine> = expected
        .by_ref()
        .take(same_before)
        .map(DiffLine::Both)
        .collect();
    seen.by_ref().take(same_before).for_each(drop);
    let (mut expected, mut seen): (Vec<String>, Vec<String>) = (expected.collect(), seen.collect());
    let same_after = expected
        .iter()
        .rev()
        .zip(seen.iter().rev())
        .take_while(|(expected, seen)| expected == seen)
        .count();
    let after = expected.split_off(expected.len() - same_after);
    seen.truncate(seen.len() - same_after);
    if expected.len().saturating_mul(seen.len()) > MAX_CELLS {
        lines.extend(
            expected
                .into_iter()
                .map(DiffLine::Expected)
                .chain(seen.into_iter().map(DiffLine::Seen)),
        );
    } else {
        merge(expected, seen, &mut lines);
    }
    lines.extend(after.into_iter().map(DiffLine::Both));
    lines
}

/// The longest common subsequence stays; what is expected and missing comes before what was seen in
/// its place.
fn merge(expected: Vec<String>, seen: Vec<String>, lines: &mut Vec<DiffLine>) {
    let mut longest = vec![vec![0_usize; seen.len() + 1]; expected.len() + 1];
    for row in (0..expected.len()).rev() {
        for column in (0..seen.len()).rev() {
            longest[row][column] = if expected[row] == seen[column] {
                longest[row + 1][column + 1] + 1
            } else {
                longest[row + 1][column].max(longest[row][column + 1])
            };
        }
    }
    let (mut expected, mut seen) = (
        expected.into_iter().enumerate().peekable(),
        seen.into_iter().enumerate().peekable(),
    );
    while let (Some((row, wanted)), Some((column, got))) = (expected.peek(), seen.peek()) {
        if wanted == got {
            seen.next();
            lines.extend(expected.next().map(|(_, line)| DiffLine::Both(line)));
        } else if longest[row + 1][*column] >= longest[*row][column + 1] {
            lines.extend(expected.next().map(|(_, line)| DiffLine::Expected(line)));
        } else {
            lines.extend(seen.next().map(|(_, line)| DiffLine::Seen(line)));
        }
    }
    lines.extend(expected.map(|(_, line)| DiffLine::Expected(line)));
    lines.extend(seen.map(|(_, line)| DiffLine::Seen(line)));
}

/// `-` is expected, `+` was seen.
impl Display for ScenarioDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "  {}", self.what)?;
        let differs = |line: &DiffLine| !matches!(line, DiffLine::Both(_));
        let near = |place: usize| {
            self.lines[place.saturating_sub(CONTEXT)..self.lines.len().min(place + CONTEXT + 1)]
                .iter()
                .any(differs)
        };
        let places: Vec<usize> = (0..self.lines.len()).filter(|place| near(*place)).collect();
        let mut next = 0;
        for place in places.iter().take(MAX_LINES).copied() {
            if place > next {
                writeln!(formatter, "      …")?;
            }
            next = place + 1;
            match &self.lines[place] {
                DiffLine::Expected(line) => writeln!(formatter, "    - {line}")?,
                DiffLine::Seen(line) => writeln!(formatter, "    + {line}")?,
                DiffLine::Both(line) => writeln!(formatter, "      {line}")?,
            }
        }
        let left = places.len().saturating_sub(MAX_LINES);
        if left > 0 {
            writeln!(formatter, "      … {left} more lines")?;
        } else if next < self.lines.len() {
            writeln!(formatter, "      …")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expected: &str, seen: &str) -> String {
        let lines = |text: &str| text.chars().map(String::from).collect();
        let told = difference("x", lines(expected), lines(seen))
            .map(|difference| difference.to_string())
            .unwrap_or_default();
        told.lines()
            .skip(1)
            .map(str::trim_start)
            .collect::<Vec<_>>()
            .join("|")
    }

    #[test]
    fn a_difference_shows_its_surroundings_and_no_more() {
        for (expected, seen, told) in [
            ("abc", "abc", ""),
            ("", "a", "+ a"),
            ("a", "", "- a"),
            ("a", "b", "- a|+ b"),
            ("abcdefg", "abcdxefg", "…|c|d|+ x|e|f|…"),
            ("abcdefgh", "xbcdefgy", "- a|+ x|b|c|…|f|g|- h|+ y"),
            ("abcabba", "cbabac", "- a|- b|c|- a|b|+ a|b|a|+ c"),
        ] {
            assert_eq!(shown(expected, seen), told, "{expected} {seen}");
        }
    }

    #[test]
    fn a_crowd_of_differences_is_cut() {
        let (expected, seen) = ("a".repeat(5_000), "b".repeat(5_000));
        let told = shown(&expected, &seen);
        assert_eq!(told.matches('|').count(), MAX_LINES, "{told}");
        assert!(told.ends_with("… 9940 more lines"), "{told}");
    }
}
