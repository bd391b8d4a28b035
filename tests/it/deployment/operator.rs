//! The commands of the operator's user, with each part of its rights taken away in turn.

use super::{channel, patterns, set_permissions, url};
use crate::harness::program::{ConfigFile, output};
use crate::harness::rabbitmq::Node;
use crate::harness::system::System;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;

pub(super) async fn each_right_that_is_missing_is_named(
    system: &System,
    node: &Node,
    management: u16,
) {
    let file = ConfigFile::of(system);
    let path = file.path();
    let user = "invoice-operator";
    let all = patterns(user);
    let urls = format!("[\"{}\"]", url(node, user));
    let environment = [("INVOICE_WORKER__BROKER__URLS", urls.as_str())];
    // An empty queue is not read: there has to be a result.
    let submitter = channel(&url(node, "invoice-submitter")).await;
    let published = submitter.basic_publish(
        "".into(),
        "invoice.results".into(),
        BasicPublishOptions::default(),
        b"{}",
        BasicProperties::default(),
    );
    published.await.unwrap();
    system.holds("invoice.results", 1).await;
    // Each part of its patterns, what is done without it, and what is said.
    for (index, part, arguments, told) in [
        (
            0,
            r"amq\.gen-.*",
            &["resume", "all"][..],
            "no configure permission on the queues that the broker names",
        ),
        (
            1,
            r"amq\.default",
            &["failed", "replay", "--yes"],
            "no write permission on the default exchange",
        ),
        (
            1,
            r"invoice\.control",
            &["resume", "all"],
            "no write permission on exchange invoice.control",
        ),
        (
            1,
            r"amq\.gen-.*",
            &["resume", "all"],
            "no write permission on the queues that the broker names",
        ),
        (
            2,
            "failed",
            &["failed", "list"],
            "no read permission on queue invoice.failed",
        ),
        (
            2,
            "results",
            &["results", "list"],
            "no read permission on queue invoice.results",
        ),
        (
            2,
            "ledger",
            &["cost"],
            "no read permission on queue invoice.ledger",
        ),
        (
            2,
            "control",
            &["resume", "all"],
            "no read permission on exchange invoice.control",
        ),
        (
            2,
            r"amq\.gen-.*",
            &["resume", "all"],
            "no read permission on the queues that the broker names",
        ),
    ] {
        let mut fewer = all.clone();
        fewer[index] = fewer[index].replacen(part, "nothing", 1);
        assert_ne!(fewer, all, "{part}");
        set_permissions(management, user, &fewer).await;
        let arguments = [arguments, &["-c", &path]].concat();
        let ended = output(&arguments, &environment).await;
        assert!(
            ended.code == Some(1) && ended.stderr.contains(told),
            "{told}: {ended:?}"
        );
    }
    set_permissions(management, user, &all).await;
}
