//! The table: what was measured of each, and worker over floor.

use super::rig::figures::{median, millis, percentile};
use super::rig::table::table;
use super::round::{Measured, Who};

pub(crate) struct Comparison {
    size: &'static str,
    way: &'static str,
    worker: Side,
    floor: Side,
}

/// Every round of one of the two.
#[derive(Default)]
struct Side {
    cpu_seconds: Vec<f64>,
    jobs_per_second: Vec<f64>,
    peak_mib: Vec<f64>,
    added_ms: Vec<f64>,
}

impl Comparison {
    pub(crate) fn new(size: &'static str, way: &'static str) -> Self {
        Self {
            size,
            way,
            worker: Side::default(),
            floor: Side::default(),
        }
    }

    pub(crate) fn add(&mut self, who: Who, measured: Measured) {
        let side = match who {
            Who::Worker => &mut self.worker,
            Who::Floor => &mut self.floor,
        };
        side.cpu_seconds.push(measured.cpu_seconds);
        side.jobs_per_second.push(measured.jobs_per_second);
        side.peak_mib.push(measured.peak_mib);
        side.added_ms.extend(measured.added.into_iter().map(millis));
    }

    /// Medians of the rounds; the latency of all jobs that were alone.
    pub(crate) fn told(mut self) -> String {
        let head = [
            "picture",
            "",
            "CPU s / 1,000 jobs",
            "jobs / s",
            "peak MiB",
            "added ms p50",
            "added ms p99",
            "CPU over floor",
            "jobs / s over floor",
        ];
        let (worker, floor) = (self.worker.told(), self.floor.told());
        let over = |column: usize| format!("{:.2}", worker[column] / floor[column]);
        let rows = [
            (
                self.size,
                format!("worker, {}", self.way),
                worker,
                [over(0), over(1)],
            ),
            (
                "",
                "floor".to_owned(),
                floor,
                [String::new(), String::new()],
            ),
        ];
        let rows = rows.map(|(size, who, told, over)| {
            let [cpu, rate, peak, half, most] = told;
            let told = [
                format!("{cpu:.2}"),
                format!("{rate:.0}"),
                format!("{peak:.0}"),
                format!("{half:.1}"),
                format!("{most:.1}"),
            ];
            [size.to_owned(), who]
                .into_iter()
                .chain(told)
                .chain(over)
                .collect()
        });
        table(&head, &rows)
    }
}

impl Side {
    fn told(&mut self) -> [f64; 5] {
        [
            median(&mut self.cpu_seconds),
            median(&mut self.jobs_per_second),
            median(&mut self.peak_mib),
            percentile(&mut self.added_ms, 50),
            percentile(&mut self.added_ms, 99),
        ]
    }
}
