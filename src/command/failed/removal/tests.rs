use super::super::browse::Selection;
use super::super::drop::DropForGood;
use super::super::filter::Filter;
use super::super::replay::Replay;
use super::*;
use crate::broker::{Broker, Config, FAILURE, Properties};
use jiff::Timestamp;

const QUEUE: &str = "invoice.failed";
const JOBS: &str = "invoice.jobs";

/// Copies in a broker of this process, where hours pass at once.
async fn copies(number: u32) -> Session {
    let session = Broker::memory(&Config::default()).connect().await.unwrap();
    session.topology().await.unwrap();
    for index in 0..number {
        session
            .publisher()
            .publish(QUEUE, &copy(index))
            .await
            .unwrap();
    }
    session
}

fn copy(index: u32) -> Message {
    let mut properties = Properties {
        correlation_id: Some(index.to_string()),
        ..Properties::default()
    };
    properties.headers.set_text(
        FAILURE,
        r#"{"status":"undetermined","at":"2026-01-01T00:00:00Z"}"#,
    );
    Message {
        body: "{}".into(),
        properties,
    }
}

async fn plan(session: &Session) -> Plan {
    let (filter, stop) = (Filter::default(), CancellationToken::new());
    let mut plan = Plan::at(Timestamp::UNIX_EPOCH);
    let selection = Selection {
        session,
        queue: QUEUE,
        filter: &filter,
        now: Timestamp::UNIX_EPOCH,
        stop: &stop,
    };
    let added = |job: &FailedJob, _: &Message| {
        plan.add(job);
        Ok(())
    };
    selection.each(added).await.unwrap();
    plan
}

async fn carried_out(
    mut removal: impl Removal,
    session: &Session,
    mut plan: Plan,
) -> (u32, Duration) {
    let (began, stop, mut progress) = (
        Instant::now(),
        CancellationToken::new(),
        RemovalProgress::default(),
    );
    progress
        .carry_out(&mut removal, session, QUEUE, &mut plan, &stop)
        .await
        .unwrap();
    (progress.done, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_replay_keeps_its_rate_however_many_rounds_it_takes() {
    let session = copies(901).await;
    let plan = plan(&session).await;
    let (done, took) =
        carried_out(Replay::new(&session, &Config::default(), 1), &session, plan).await;
    assert_eq!(done, 901);
    assert!(took.as_secs() >= 900 && took.as_secs() < 910, "{took:?}");
    assert!(took > ROUND, "more than one round");
    assert_eq!(
        (
            session.queue_depth(QUEUE).await.unwrap(),
            session.queue_depth(JOBS).await.unwrap()
        ),
        (0, 901)
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_again_meanwhile_stays_and_a_removed_one_is_not_waited_for() {
    let session = copies(3).await;
    let mut plan = plan(&session).await;
    session.publisher().publish(QUEUE, &copy(7)).await.unwrap();
    plan.add(&FailedJob::of(&copy(8)));
    let (done, _) = carried_out(DropForGood::default(), &session, plan).await;
    assert_eq!((done, session.queue_depth(QUEUE).await.unwrap()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn the_summary_is_one_line() {
    let replay = Replay::new(&copies(0).await, &Config::default(), 10);
    for (done, end, replayed, dropped) in [
        (
            7,
            RemovalEnd::EndOfQueue,
            "replayed 7 to invoice.jobs",
            "dropped 7",
        ),
        (
            7,
            RemovalEnd::Interrupted,
            "replayed 7 to invoice.jobs",
            "dropped 7",
        ),
        (
            5,
            RemovalEnd::Interrupted,
            "replayed 5 of 7 to invoice.jobs; interrupted, the others are still in invoice.failed",
            "dropped 5 of 7; interrupted, the others are still in invoice.failed",
        ),
        (
            5,
            RemovalEnd::EndOfQueue,
            "replayed 5 of 7 to invoice.jobs; the others did not come: they are gone from invoice.failed, or another consumer holds them",
            "dropped 5 of 7; the others did not come: they are gone from invoice.failed, or another consumer holds them",
        ),
        (
            0,
            RemovalEnd::Broken,
            "replayed 0 of 7 to invoice.jobs; the others are still in invoice.failed",
            "dropped 0 of 7; the others are still in invoice.failed",
        ),
    ] {
        let progress = RemovalProgress { done, end, late: 0 };
        assert_eq!(progress.summary(&replay, 7, QUEUE), replayed);
        assert_eq!(progress.summary(&DropForGood::default(), 7, QUEUE), dropped);
    }
    let late = RemovalProgress::late_line::<Replay>;
    assert!(
        late(2)
            .unwrap()
            .starts_with("2 past the job's own deadline")
    );
    assert_eq!(late(0), None);
    assert_eq!(RemovalProgress::late_line::<DropForGood>(2), None);
    assert_eq!(
        replay.intent(1_200),
        "replay 1200 to invoice.jobs, in about 2m"
    );
    assert_eq!(DropForGood::default().intent(2), "drop 2 for good");
}
