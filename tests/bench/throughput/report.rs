//! The tables: what was measured, and worker over floor.

use super::rig::figures::{median, millis, percentile};
use super::rig::table::table;
use super::round::{Measured, Who};
use comfy_table::Table;

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
        Self { size, way, worker: Side::default(), floor: Side::default() }
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
}

/// Medians of the rounds; the latency of all jobs that were alone.
pub(crate) fn measured(comparisons: &mut [Comparison]) -> Table {
    let head = ["picture", "", "CPU s / 1,000 jobs", "jobs / s", "peak MiB", "added ms p50", "added ms p99"];
    let mut rows = Vec::new();
    for Comparison { size, way, worker, floor } in comparisons {
        for (who, side) in [(format!("worker, {way}"), worker), ("floor".to_owned(), floor)] {
            rows.push(vec![
                (*size).to_owned(),
                who,
                format!("{:.2}", median(&mut side.cpu_seconds)),
                format!("{:.0}", median(&mut side.jobs_per_second)),
                format!("{:.0}", median(&mut side.peak_mib)),
                format!("{:.1}", percentile(&mut side.added_ms, 50)),
                format!("{:.1}", percentile(&mut side.added_ms, 99)),
            ]);
        }
    }
    table(&head, &rows)
}

pub(crate) fn ratios(comparisons: &mut [Comparison]) -> Table {
    let mut rows = Vec::new();
    for Comparison { size, way, worker, floor } in comparisons {
        let cpu = median(&mut worker.cpu_seconds) / median(&mut floor.cpu_seconds);
        let rate = median(&mut worker.jobs_per_second) / median(&mut floor.jobs_per_second);
        rows.push(vec![format!("{size}, {way}"), format!("{cpu:.2}"), format!("{rate:.2}")]);
    }
    table(&["worker over floor", "CPU / job", "jobs / s"], &rows)
}
