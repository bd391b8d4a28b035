//! Messages that are sent once on a connection. A job gives its result up when the confirm does not
//! come, is parked, and returns to publish the result again. While the first confirm may still
//! come, the second publish waits for that one.

use crate::broker::error::PublishError;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// The unconfirmed publishes to one queue after which it is sent no more messages.
const MOST_GIVEN_UP: usize = 8;
/// A job whose reply queue hangs is back after two minutes. An outcome that no job has asked for in
/// this time belongs to a job that another worker answered.
const KEPT: Duration = Duration::from_mins(10);

/// The queue and the message's id.
type PublishKey = (String, String);
type PublishOutcome = watch::Receiver<Option<Result<(), PublishError>>>;

#[derive(Debug, Default)]
pub(super) struct SinglePublishes(Mutex<HashMap<PublishKey, SinglePublish>>);

#[derive(Debug)]
struct SinglePublish {
    outcome: PublishOutcome,
    given_up: bool,
    touched: Instant,
}

impl SinglePublishes {
    /// Publishes, or waits for the confirm if the same message is in flight. `publish` runs to its
    /// end even if the caller gives up.
    ///
    /// # Errors
    /// [`PublishError::TimedOut`] after `patience`: the confirm may still come, and the next call
    /// for the same message returns it.
    pub(super) async fn publish<P>(
        &self,
        queue: &str,
        id: &str,
        patience: Duration,
        publish: impl FnOnce() -> P,
    ) -> Result<(), PublishError>
    where
        P: Future<Output = Result<(), PublishError>> + Send + 'static,
    {
        let key = (queue.to_owned(), id.to_owned());
        let Some(mut outcome) = self.outcome(&key, publish) else {
            return Err(PublishError::TimedOut);
        };
        let waited = timeout(patience, outcome.wait_for(Option::is_some)).await;
        let waited = waited.map(|published| {
            published.map(|published| published.as_ref().map_or(Err(PublishError::Lost), copy))
        });
        let published = match waited {
            Ok(Ok(published)) => published,
            Ok(Err(_gone)) => Err(PublishError::Lost),
            Err(_) => {
                if let Some(publish) = self.publishes().get_mut(&key) {
                    (publish.given_up, publish.touched) = (true, Instant::now());
                }
                return Err(PublishError::TimedOut);
            }
        };
        self.forget(&key, &outcome);
        published
    }

    /// `None` while the queue confirms nothing.
    fn outcome<P>(&self, key: &PublishKey, publish: impl FnOnce() -> P) -> Option<PublishOutcome>
    where
        P: Future<Output = Result<(), PublishError>> + Send + 'static,
    {
        let mut publishes = self.publishes();
        if let Some(publish) = publishes.get_mut(key) {
            (publish.given_up, publish.touched) = (false, Instant::now());
            return Some(publish.outcome.clone());
        }
        publishes.retain(|_, publish| {
            publish.outcome.borrow().is_none() || publish.touched.elapsed() < KEPT
        });
        let hangs = |(other, publish): &(&PublishKey, &SinglePublish)| {
            other.0 == key.0 && publish.given_up && publish.outcome.borrow().is_none()
        };
        if publishes.iter().filter(hangs).count() >= MOST_GIVEN_UP {
            return None;
        }
        let (sender, outcome) = watch::channel(None);
        let publishing = publish();
        tokio::spawn(async move {
            sender.send_replace(Some(publishing.await));
        });
        publishes.insert(
            key.clone(),
            SinglePublish {
                outcome: outcome.clone(),
                given_up: false,
                touched: Instant::now(),
            },
        );
        Some(outcome)
    }

    /// Removes the publish, unless a newer one has taken its place: of several callers that waited
    /// for one outcome, the first may have published again.
    fn forget(&self, key: &PublishKey, outcome: &PublishOutcome) {
        let mut publishes = self.publishes();
        if publishes
            .get(key)
            .is_some_and(|publish| publish.outcome.same_channel(outcome))
        {
            publishes.remove(key);
        }
    }

    fn publishes(&self) -> MutexGuard<'_, HashMap<PublishKey, SinglePublish>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The errors hold causes that cannot be cloned.
fn copy(published: &Result<(), PublishError>) -> Result<(), PublishError> {
    match published {
        Ok(()) => Ok(()),
        Err(PublishError::Returned) => Err(PublishError::Returned),
        Err(PublishError::Nacked) => Err(PublishError::Nacked),
        Err(PublishError::TimedOut) => Err(PublishError::TimedOut),
        Err(PublishError::Lost) => Err(PublishError::Lost),
        Err(PublishError::Forbidden(missing)) => Err(PublishError::Forbidden(missing.clone())),
        Err(PublishError::Refused(cause)) => Err(PublishError::Refused(cause.to_string().into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::Notify;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Counts what is sent, and confirms it when it is let.
    #[derive(Clone, Default)]
    struct HangingQueue {
        sent: Arc<AtomicU32>,
        confirm: Arc<Notify>,
    }

    impl HangingQueue {
        async fn take(self) -> Result<(), PublishError> {
            self.sent.fetch_add(1, Ordering::Relaxed);
            self.confirm.notified().await;
            Ok(())
        }

        fn sent(&self) -> u32 {
            self.sent.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unconfirmed_message_is_not_sent_again_and_its_confirm_is_found() {
        let (publishes, queue) = (SinglePublishes::default(), HangingQueue::default());
        let publish = || publishes.publish("replies", "run", PATIENCE, || queue.clone().take());
        for _ in 0..3 {
            assert!(matches!(publish().await, Err(PublishError::TimedOut)));
        }
        queue.confirm.notify_one();
        assert!(publish().await.is_ok());
        assert_eq!(queue.sent(), 1);
        queue.confirm.notify_one();
        assert!(publish().await.is_ok(), "a later one is another");
        assert_eq!(queue.sent(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_confirms_nothing_is_sent_few_and_others_are_sent_theirs() {
        let (publishes, queue) = (SinglePublishes::default(), HangingQueue::default());
        for run in 0..20 {
            let outcome = publishes
                .publish("replies", &run.to_string(), PATIENCE, || {
                    queue.clone().take()
                })
                .await;
            assert!(matches!(outcome, Err(PublishError::TimedOut)));
        }
        assert_eq!(queue.sent() as usize, MOST_GIVEN_UP);
        assert!(
            publishes
                .publish("others", "run", PATIENCE, || async { Ok(()) })
                .await
                .is_ok()
        );
        queue.confirm.notify_one();
        tokio::task::yield_now().await;
        let _ = publishes
            .publish("replies", "19", PATIENCE, || queue.clone().take())
            .await;
        assert_eq!(
            queue.sent() as usize,
            MOST_GIVEN_UP + 1,
            "one was confirmed, so another may be sent"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_one_waiter_sends_again_and_the_other_waits_for_it() {
        let (publishes, queue) = (SinglePublishes::default(), HangingQueue::default());
        let refusing = Arc::new(Notify::new());
        let refused = async |refusing: Arc<Notify>| {
            refusing.notified().await;
            Err(PublishError::Nacked)
        };
        let again = || publishes.publish("replies", "run", PATIENCE, || queue.clone().take());
        let one = async {
            let first = publishes
                .publish("replies", "run", PATIENCE, || {
                    refused(Arc::clone(&refusing))
                })
                .await;
            (first, again().await)
        };
        let other = async {
            let first = again().await;
            (first, again().await)
        };
        let (one, other, ()) = tokio::join!(one, other, async {
            tokio::task::yield_now().await;
            refusing.notify_one();
            tokio::time::sleep(PATIENCE / 2).await;
            queue.confirm.notify_one();
        });
        assert!(
            matches!(
                (&one.0, &other.0),
                (Err(PublishError::Nacked), Err(PublishError::Nacked))
            ),
            "{one:?} {other:?}"
        );
        assert!(one.1.is_ok() && other.1.is_ok(), "{one:?} {other:?}");
        assert_eq!(queue.sent(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_message_is_reported_and_may_be_sent_again() {
        let publishes = SinglePublishes::default();
        let refused = publishes
            .publish("replies", "run", PATIENCE, || async {
                Err(PublishError::Nacked)
            })
            .await;
        assert!(matches!(refused, Err(PublishError::Nacked)));
        assert!(
            publishes
                .publish("replies", "run", PATIENCE, || async { Ok(()) })
                .await
                .is_ok()
        );
    }
}
