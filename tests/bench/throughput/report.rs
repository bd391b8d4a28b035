//! The table: what was measured of each contender, and its ratio to both floors.

use super::contender::Contender;
use super::rig::figures::{median, millis, percentile};
use super::rig::table::table;
use super::round::Measured;

const HEAD: [&str; 11] = [
    "picture",
    "",
    "CPU s / 1,000 jobs",
    "jobs / s",
    "peak MiB",
    "alone ms p50",
    "added ms p50",
    "added ms p99",
    "CPU over floor",
    "CPU over durable floor",
    "jobs / s over floor",
];

pub(crate) struct Comparison {
    size: &'static str,
    sides: Vec<(Contender, Side)>,
}

/// Every round of one contender.
#[derive(Default)]
struct Side {
    cpu_seconds: Vec<f64>,
    jobs_per_second: Vec<f64>,
    peak_mib: Vec<f64>,
    alone_ms: Vec<f64>,
    added_ms: Vec<f64>,
}

/// Medians of the rounds; the latency of all jobs that were alone.
struct Figures {
    cpu_seconds: f64,
    jobs_per_second: f64,
    peak_mib: f64,
    alone_ms_p50: f64,
    added_ms_p50: f64,
    added_ms_p99: f64,
}

impl Comparison {
    pub(crate) fn new(size: &'static str) -> Self {
        Self {
            size,
            sides: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, contender: Contender, measured: Measured) {
        let known = self.sides.iter().position(|(known, _)| *known == contender);
        let index = known.unwrap_or_else(|| {
            self.sides.push((contender, Side::default()));
            self.sides.len() - 1
        });
        let side = &mut self.sides[index].1;
        side.cpu_seconds.push(measured.cpu_seconds);
        side.jobs_per_second.push(measured.jobs_per_second);
        side.peak_mib.push(measured.peak_mib);
        side.alone_ms.extend(measured.alone.into_iter().map(millis));
        side.added_ms.extend(measured.added.into_iter().map(millis));
    }

    pub(crate) fn into_table(self) -> String {
        let figures: Vec<_> = self
            .sides
            .into_iter()
            .map(|(contender, side)| (contender, side.figures()))
            .collect();
        let of = |floor: Contender| {
            let found = figures.iter().find(|(contender, _)| *contender == floor);
            &found.expect("every round has both floors").1
        };
        let (floor, durable) = (of(Contender::Floor), of(Contender::DurableFloor));
        let rows: Vec<_> = figures
            .iter()
            .map(|(contender, figures)| {
                vec![
                    self.size.to_owned(),
                    contender.name(),
                    format!("{:.2}", figures.cpu_seconds),
                    format!("{:.0}", figures.jobs_per_second),
                    format!("{:.0}", figures.peak_mib),
                    format!("{:.1}", figures.alone_ms_p50),
                    format!("{:.1}", figures.added_ms_p50),
                    format!("{:.1}", figures.added_ms_p99),
                    format!("{:.2}", figures.cpu_seconds / floor.cpu_seconds),
                    format!("{:.2}", figures.cpu_seconds / durable.cpu_seconds),
                    format!("{:.2}", figures.jobs_per_second / floor.jobs_per_second),
                ]
            })
            .collect();
        table(&HEAD, &rows)
    }
}

impl Side {
    fn figures(mut self) -> Figures {
        Figures {
            cpu_seconds: median(&mut self.cpu_seconds),
            jobs_per_second: median(&mut self.jobs_per_second),
            peak_mib: median(&mut self.peak_mib),
            alone_ms_p50: percentile(&mut self.alone_ms, 50),
            added_ms_p50: percentile(&mut self.added_ms, 50),
            added_ms_p99: percentile(&mut self.added_ms, 99),
        }
    }
}
