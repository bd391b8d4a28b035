//! The header `invoice-progress`: sealed, but perhaps by another version.

use invoice_worker::checkpoint::CarriedAnswers;
use invoice_worker::domain::progress::{
    MAX_CALLS_LISTED, MAX_HEADER_BYTES, MAX_PARCEL_BYTES, Progress,
};
use serde_json::Value;

/// Behind its seal a header belongs to this run, is within its bounds, and is written again as one
/// that says the same.
pub fn progress(data: &[u8]) {
    let header = String::from_utf8_lossy(data);
    // A stranger can compute the run of a message of his own; so the header's own run is asked for.
    let parsed: Option<Value> = serde_json::from_str(&header).ok();
    let run = parsed
        .as_ref()
        .and_then(|header| header.get("run")?.as_str())
        .unwrap_or("run");
    let Some(progress) = Progress::from_header(&header, run) else {
        return;
    };
    assert!(
        header.len() <= MAX_HEADER_BYTES + MAX_PARCEL_BYTES
            && progress.run == run
            && progress.calls().len() <= MAX_CALLS_LISTED
    );
    let _ = progress.about.parcel.as_deref().map(CarriedAnswers::decode);
    assert_eq!(Progress::from_header(&header, "another run"), None);

    let written = progress.to_header();
    let again = Progress::from_header(&written, run);
    let Some(again) = again else {
        panic!("not read again: {written}")
    };
    // The oldest calls may have given way.
    assert!(progress.calls().ends_with(again.calls()), "{written}");
    assert_eq!(again.to_header(), written);
    if again.calls().len() == progress.calls().len() {
        assert_eq!(again, progress);
    }
}
