//! `sandbox`: what it prints is the worker's configuration.

use crate::harness::program::{ConfigFile, NONE, Program, command, output};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::test]
async fn its_configuration_is_taken_as_it_is() {
    let mut sandbox = command(&["sandbox", "--listen", "127.0.0.1:0"], &NONE)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(sandbox.stdout.take().unwrap()).lines();
    let mut told = String::new();
    while !told.contains("api_secret") {
        told.push_str(
            &lines
                .next_line()
                .await
                .unwrap()
                .expect("the whole introduction"),
        );
        told.push('\n');
    }
    let file = ConfigFile::with(&told);

    let environment = [
        ("INVOICE_WORKER__BROKER__URLS", "[\"memory://\"]"),
        ("INVOICE_WORKER__TELEMETRY__LISTEN", "127.0.0.1:0"),
    ];
    let mut worker: Program = file.run(&environment);
    worker.event("consuming").await;
    let ended = worker.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("\"ERROR\""), "{}", ended.stderr);

    let processed = output(
        &[
            "process",
            "-c",
            &file.path(),
            "s3://claims/samples/01-beijing-outpatient.jpg",
        ],
        &NONE,
    )
    .await;
    assert_eq!(processed.code, Some(0), "{processed:?}");
}
