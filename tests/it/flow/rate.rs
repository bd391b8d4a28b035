//! Several workers, one account.

use crate::harness::picture::only_its_code;
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::domain::failure::Stage;
use invoice_worker::domain::result::Status;
use invoice_worker::telemetry::job_event::JobEvent;

promises![workers_that_share_an_account_are_hardly_ever_refused];

const JOBS: usize = 60;
const RATE: u32 = 20;
const WORKERS: u32 = 2;

async fn workers_that_share_an_account_are_hardly_ever_refused(on: On) {
    let mut setup = Setup::new(on).await;
    (
        setup.scenario.recognition.rate_per_second,
        setup.scenario.recognition.burst,
    ) = (RATE, WORKERS);
    (
        setup.scenario.verification.rate_per_second,
        setup.scenario.verification.burst,
    ) = (RATE, WORKERS);
    setup.config.recognition.rate_per_second = f64::from(RATE);
    setup.config.verification.rate_per_second = f64::from(RATE);
    let mut system = setup.start_with(WORKERS as usize).await;
    let picture = only_its_code("01-beijing-outpatient");
    for number in 0..JOBS {
        let key = copy(&system, &picture, number).await;
        system
            .submit(&system.job(&format!("job {number}"), &key))
            .await;
    }
    for _ in 0..JOBS {
        let JobEvent::Answered(answered) = system.event().await else {
            panic!("nobody is parked for want of the rate")
        };
        assert_eq!(answered.status, Status::Completed, "{answered:?}");
    }
    for (stage, refusal) in [
        (Stage::Recognition, "APIG.0308"),
        (Stage::Verification, "RATE_LIMIT_EXCEEDED"),
    ] {
        let refused = system
            .sandbox
            .calls()
            .of(stage)
            .iter()
            .filter(|call| call.answer == refusal)
            .count();
        // With the whole rate for each of them it would be every other call; on a busy machine a
        // few come in a bunch.
        assert!(refused <= JOBS / 4, "{refused} of {stage}");
    }
}

/// Bytes behind a picture's end change its SHA-256 and nothing else: it is paid for anew.
async fn copy(system: &System, picture: &[u8], number: usize) -> String {
    let key = format!("pictures/{number}");
    let bytes = [picture, format!("copy {number}").as_bytes()].concat();
    system.sandbox.put(BUCKET, &key, bytes).await.unwrap();
    key
}
