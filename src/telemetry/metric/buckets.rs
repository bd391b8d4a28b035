//! The buckets of the histograms, in seconds. The last ones are beyond every timeout that can be
//! configured, so that a quantile near a timeout is not cut off.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

/// From a quick answer to a job that was parked for days and paused meanwhile.
const JOB: [f64; 16] = [
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    1_800.0,
    7_200.0,
    43_200.0,
    86_400.0,
    345_600.0,
    1_209_600.0,
];
/// A call may take ten minutes where `timeout` says so.
const CALL: [f64; 16] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 120.0, 660.0,
];
/// No delivery is held for much more than ten minutes, and so none waits for longer.
const WAIT: [f64; 15] = [
    0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 660.0,
];
/// A request to the store may take ten minutes where `storage.timeout` says so, and a late confirm
/// is waited for while its delivery may be held.
const REQUEST: [f64; 14] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 660.0,
];

pub(super) fn set(builder: PrometheusBuilder) -> Result<PrometheusBuilder, BuildError> {
    let histograms: [(&str, &[f64]); 5] = [
        ("invoice_job_duration_seconds", &JOB),
        ("invoice_provider_call_duration_seconds", &CALL),
        ("invoice_provider_wait_seconds", &WAIT),
        ("invoice_store_request_duration_seconds", &REQUEST),
        ("invoice_publish_confirm_seconds", &REQUEST),
    ];
    histograms
        .into_iter()
        .try_fold(builder, |builder, (name, buckets)| {
            builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
        })
}
