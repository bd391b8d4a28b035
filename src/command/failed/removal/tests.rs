use super::super::filter::Filter;
use super::super::survey::Survey;
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
    let survey = Survey {
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
    survey.each(added).await.unwrap();
    plan
}

async fn carried_out(deed: &mut Deed, session: &Session, mut plan: Plan) -> (u32, Duration) {
    let (began, stop, mut progress) = (
        Instant::now(),
        CancellationToken::new(),
        Progress::default(),
    );
    deed.carry_out(session, QUEUE, &mut plan, &stop, &mut progress)
        .await
        .unwrap();
    (progress.done, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_replay_keeps_its_rate_however_many_rounds_it_takes() {
    let session = copies(901).await;
    let plan = plan(&session).await;
    let (done, took) = carried_out(&mut Deed::replay(&session, JOBS, 1), &session, plan).await;
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
async fn what_fails_again_meanwhile_is_left_alone_and_what_is_gone_is_not_waited_for() {
    let session = copies(3).await;
    let mut plan = plan(&session).await;
    session.publisher().publish(QUEUE, &copy(7)).await.unwrap();
    plan.add(&FailedJob::of(&copy(8)));
    let (done, _) = carried_out(&mut Deed::Drop { kept: None }, &session, plan).await;
    assert_eq!((done, session.queue_depth(QUEUE).await.unwrap()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_done_and_what_was_not_is_told_in_a_line() {
    let replay = Deed::replay(&copies(0).await, JOBS, 10);
    for (done, end, replayed, dropped) in [
        (
            7,
            End::OfTheQueue,
            "replayed 7 to invoice.jobs",
            "dropped 7",
        ),
        (
            7,
            End::Interrupted,
            "replayed 7 to invoice.jobs",
            "dropped 7",
        ),
        (
            5,
            End::Interrupted,
            "replayed 5 of 7 to invoice.jobs; interrupted, the others are still in invoice.failed",
            "dropped 5 of 7; interrupted, the others are still in invoice.failed",
        ),
        (
            5,
            End::OfTheQueue,
            "replayed 5 of 7 to invoice.jobs; the others did not come: they are gone from invoice.failed, or in somebody else's hands",
            "dropped 5 of 7; the others did not come: they are gone from invoice.failed, or in somebody else's hands",
        ),
        (
            0,
            End::Broken,
            "replayed 0 of 7 to invoice.jobs; the others are still in invoice.failed",
            "dropped 0 of 7; the others are still in invoice.failed",
        ),
    ] {
        let progress = Progress { done, end, late: 0 };
        assert_eq!(
            (
                replay.outcome(&progress, 7, QUEUE).as_str(),
                Deed::Drop { kept: None }
                    .outcome(&progress, 7, QUEUE)
                    .as_str()
            ),
            (replayed, dropped)
        );
    }
    assert!(
        replay
            .in_vain(2)
            .unwrap()
            .starts_with("2 past the job's own deadline")
    );
    assert_eq!(
        (replay.in_vain(0), Deed::Drop { kept: None }.in_vain(2)),
        (None, None)
    );
    assert_eq!(
        replay.intent(1_200),
        "replay 1200 to invoice.jobs, in about 2m"
    );
    assert_eq!(Deed::Drop { kept: None }.intent(2), "drop 2 for good");
}
