use super::*;
use crate::broker::Config;
use crate::broker::topology::queues;
use Severity::{Essential, Harmless, Warning};

fn text(text: &str) -> Argument {
    Argument::Text(text.to_owned())
}

fn number(number: i64) -> Argument {
    Argument::Number(number)
}

/// The jobs queue, the first delay queue and the results queue of the default configuration.
fn queue(role: QueueRole) -> QueueDefinition {
    queues(&Config::default())
        .into_iter()
        .find(|queue| queue.role == role && queue.key != "broker.failed_queue")
        .unwrap()
}

/// Of the difference in this argument alone; `None` in the place of a value takes the argument
/// away.
fn severity_of(role: QueueRole, argument: &str, value: Option<Argument>) -> Severity {
    let queue = queue(role);
    let mut existing = ExistingQueue::as_declared(&queue);
    match value {
        Some(value) => drop(existing.arguments.insert(argument.to_owned(), value)),
        None => drop(existing.arguments.remove(argument)),
    }
    let flaws = existing.flaws(&queue);
    assert_eq!(flaws.len(), 1, "{role:?} {argument}: {flaws:?}");
    flaws[0].severity
}

#[test]
fn a_queue_as_we_declare_it_has_no_flaw() {
    for queue in queues(&Config::default()) {
        assert_eq!(
            ExistingQueue::as_declared(&queue).flaws(&queue),
            [],
            "{}",
            queue.name
        );
    }
}

#[test]
fn every_argument_is_judged_by_whether_it_could_lose_a_job() {
    use QueueRole::{Archive, Delay, Work};
    for (argument, value, work, delay, archive) in [
        ("x-queue-type", None, Essential, Essential, Essential),
        (
            "x-queue-type",
            Some(text("stream")),
            Essential,
            Essential,
            Essential,
        ),
        (
            "x-expires",
            Some(number(3_600_000)),
            Essential,
            Essential,
            Essential,
        ),
        (
            "x-dead-letter-exchange",
            Some(text("elsewhere")),
            Essential,
            Essential,
            Essential,
        ),
        (
            "x-dead-letter-routing-key",
            Some(text("elsewhere")),
            Essential,
            Essential,
            Essential,
        ),
        (
            "x-dead-letter-strategy",
            Some(text("at-most-once")),
            Essential,
            Essential,
            Essential,
        ),
        (
            "x-message-ttl",
            Some(number(1_000)),
            Essential,
            Essential,
            Warning,
        ),
        (
            "x-message-ttl",
            Some(number(5_000_000_000)),
            Essential,
            Essential,
            Harmless,
        ),
        (
            "x-overflow",
            Some(text("drop-head")),
            Essential,
            Essential,
            Harmless,
        ),
        (
            "x-max-length",
            Some(number(1_000)),
            Harmless,
            Harmless,
            Warning,
        ),
        (
            "x-max-length-bytes",
            Some(number(1_000)),
            Harmless,
            Harmless,
            Warning,
        ),
        (
            "x-delivery-limit",
            Some(number(19)),
            Essential,
            Harmless,
            Essential,
        ),
        (
            "x-delivery-limit",
            Some(number(0)),
            Essential,
            Harmless,
            Essential,
        ),
        (
            "x-delivery-limit",
            Some(number(-1)),
            Warning,
            Harmless,
            Essential,
        ),
        (
            "x-delivery-limit",
            Some(number(21)),
            Harmless,
            Harmless,
            Essential,
        ),
        (
            "x-delivery-limit",
            Some(number(2_000_000)),
            Harmless,
            Harmless,
            Harmless,
        ),
        (
            "x-single-active-consumer",
            Some(Argument::Flag(true)),
            Warning,
            Harmless,
            Harmless,
        ),
        (
            "x-single-active-consumer",
            Some(Argument::Flag(false)),
            Harmless,
            Harmless,
            Harmless,
        ),
        (
            "x-consumer-timeout",
            Some(number(60_000)),
            Warning,
            Harmless,
            Harmless,
        ),
        (
            "x-consumer-timeout",
            Some(number(3_600_000)),
            Harmless,
            Harmless,
            Harmless,
        ),
        (
            "x-max-priority",
            Some(number(5)),
            Harmless,
            Harmless,
            Harmless,
        ),
        (
            "x-max-in-memory-length",
            Some(number(5)),
            Harmless,
            Harmless,
            Harmless,
        ),
        (
            "x-max-in-memory-bytes",
            Some(number(5)),
            Harmless,
            Harmless,
            Harmless,
        ),
        (
            "x-queue-leader-locator",
            Some(text("balanced")),
            Harmless,
            Harmless,
            Harmless,
        ),
        (
            "x-quorum-initial-group-size",
            Some(number(1)),
            Harmless,
            Harmless,
            Harmless,
        ),
        (
            "x-what-comes-next",
            Some(text("anything")),
            Harmless,
            Harmless,
            Harmless,
        ),
    ] {
        let found = [Work, Delay, Archive].map(|role| severity_of(role, argument, value.clone()));
        assert_eq!(found, [work, delay, archive], "{argument} {value:?}");
    }
}

#[test]
fn what_is_missing_is_judged_as_well() {
    for (role, argument, expected) in [
        (QueueRole::Work, "x-dead-letter-exchange", Essential),
        (QueueRole::Work, "x-dead-letter-strategy", Essential),
        (QueueRole::Work, "x-overflow", Essential),
        (QueueRole::Work, "x-delivery-limit", Harmless),
        (QueueRole::Delay, "x-message-ttl", Essential),
        (QueueRole::Delay, "x-overflow", Essential),
        (QueueRole::Archive, "x-message-ttl", Harmless),
        (QueueRole::Archive, "x-delivery-limit", Warning),
    ] {
        assert_eq!(
            severity_of(role, argument, None),
            expected,
            "{role:?} {argument}"
        );
    }
}

#[test]
fn a_length_is_harmless_only_where_the_queue_refuses() {
    for (role, overflow, expected) in [
        (QueueRole::Work, None, Essential),
        (QueueRole::Delay, Some("drop-head"), Essential),
        (QueueRole::Archive, Some("drop-head"), Warning),
        (QueueRole::Archive, Some("reject-publish"), Harmless),
    ] {
        let queue = queue(role);
        let mut existing = ExistingQueue::as_declared(&queue);
        existing.arguments.remove("x-overflow");
        existing
            .arguments
            .extend(overflow.map(|overflow| ("x-overflow".to_owned(), text(overflow))));
        existing
            .arguments
            .insert("x-max-length".to_owned(), number(10));
        let flaws = existing.flaws(&queue);
        let flaw = flaws
            .iter()
            .find(|flaw| flaw.argument == "x-max-length")
            .unwrap();
        assert_eq!(flaw.severity, expected, "{role:?} {overflow:?}");
    }
}

#[test]
fn a_policy_counts_where_rabbitmq_would_apply_it() {
    let queue = queue(QueueRole::Work);
    let flaws = |key: &str, value: Argument| {
        let mut existing = ExistingQueue::as_declared(&queue);
        existing.policy.insert(key.to_owned(), value);
        existing.policy_names = "policy short".to_owned();
        existing
            .flaws(&queue)
            .iter()
            .map(|flaw| (flaw.severity, flaw.refusal()))
            .collect::<Vec<_>>()
    };
    let expires = flaws("expires", number(60_000));
    assert!(
        matches!(&expires[..], [(Essential, text)] if text.starts_with("has x-expires 60000 by policy short, and may have none: ")),
        "{expires:?}"
    );
    assert_eq!(flaws("message-ttl", number(60_000))[0].0, Essential);
    assert_eq!(flaws("delivery-limit", number(5))[0].0, Essential);
    assert_eq!(
        flaws("max-length", number(5))[0].0,
        Harmless,
        "the queue's own x-overflow is reject-publish"
    );
    for (key, value) in [
        ("delivery-limit", number(50)),
        ("overflow", text("drop-head")),
        ("dead-letter-exchange", text("elsewhere")),
    ] {
        assert_eq!(
            flaws(key, value),
            [],
            "{key}: the queue's own argument counts"
        );
    }
}

#[test]
fn all_flaws_are_reported_and_the_worst_come_first() {
    let queue = queue(QueueRole::Work);
    let mut existing = ExistingQueue::as_declared(&queue);
    existing.durable = false;
    existing.auto_delete = true;
    existing
        .arguments
        .insert("x-queue-type".to_owned(), text("classic"));
    existing
        .arguments
        .insert("x-delivery-limit".to_owned(), number(30));
    existing.arguments.insert("x-expires".to_owned(), number(5));
    let flaws = existing.flaws(&queue);
    let told: Vec<String> = flaws.iter().map(QueueFlaw::refusal).collect();
    assert_eq!(told.len(), 5);
    assert_eq!(told[0], "is not durable, and has to be");
    assert!(
        told.contains(&"is a classic queue and has to be a quorum queue".to_owned()),
        "{told:?}"
    );
    assert_eq!(
        flaws[4].to_string(),
        "has x-delivery-limit 30 instead of 20, and is used as it is"
    );
}
