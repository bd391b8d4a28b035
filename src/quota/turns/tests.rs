use super::*;
use futures_util::FutureExt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

fn turns(weights: [u32; 2]) -> Turns {
    let names = ["a".to_owned(), "b".to_owned()];
    Turns::new(QueueWeights::new(names.into_iter().zip(weights)))
}

#[tokio::test(start_paused = true)]
async fn callers_of_two_queues_get_turns_by_weight_in_virtual_time() {
    let turns = Arc::new(turns([3, 1]));
    let (sender, mut served) = tokio::sync::mpsc::unbounded_channel();
    // Each caller comes again at once: both queues have a backlog.
    for queue in ["a", "b"] {
        for _ in 0..8 {
            let (turns, sender) = (Arc::clone(&turns), sender.clone());
            tokio::spawn(async move {
                loop {
                    let turn = turns.wait(Some(queue)).await;
                    sleep(Duration::from_millis(100)).await;
                    turn.use_up();
                    if sender.send(queue).is_err() {
                        return;
                    }
                }
            });
        }
    }
    let mut of_a = 0_i32;
    for _ in 0..500 {
        of_a += i32::from(served.recv().await.unwrap() == "a");
    }
    assert!((356..=394).contains(&of_a), "375 within 5 %: {of_a}");
}

#[tokio::test(start_paused = true)]
async fn one_queue_gets_every_turn_while_the_other_has_no_work() {
    let turns = turns([1, 1_000]);
    for _ in 0..50 {
        turns.wait(Some("a")).now_or_never().unwrap().use_up();
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_passes_its_turn_on() {
    let turns = turns([1, 1]);
    let first = turns.wait(Some("a")).await;
    let mut gone = Box::pin(turns.wait(Some("b")));
    let mut waiting = Box::pin(turns.wait(Some("b")));
    let mut last = pin!(turns.wait(Some("a")));
    for future in [&mut gone, &mut waiting] {
        assert!(future.as_mut().now_or_never().is_none());
    }
    assert!(last.as_mut().now_or_never().is_none());
    drop(waiting);
    // The turn is given to one that was not polled since, and is dropped with it.
    drop(first);
    drop(gone);
    last.await.use_up();
    assert!(
        turns.wait(None).now_or_never().is_some(),
        "nothing is left over"
    );
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_queue_are_served_in_the_order_in_which_they_came() {
    let turns = Arc::new(Turns::new(QueueWeights::default()));
    let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..20 {
        let (turns, sender) = (Arc::clone(&turns), sender.clone());
        tokio::spawn(async move {
            let turn = turns.wait(Some("any")).await;
            sleep(Duration::from_millis(100)).await;
            turn.use_up();
            let _ = sender.send(number);
        });
        tokio::task::yield_now().await;
    }
    drop(sender);
    let mut served = Vec::new();
    while let Some(number) = order.recv().await {
        served.push(number);
    }
    assert_eq!(served, (0..20).collect::<Vec<_>>());
}
