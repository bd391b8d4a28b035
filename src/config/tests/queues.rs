//! The list `[[broker.jobs]]`: in the file, and as a variable.

use super::*;

const TWO: &str = "[broker]\nretry_delays = [\"5s\"]\n\n[[broker.jobs]]\nqueue = \"a.jobs\"\nweight = 3\nsubmitter = \"claims\"\n\n[[broker.jobs]]\nqueue = \"b.jobs\"\n";

/// Name, weight and submitter of each job queue.
fn queues(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let queues = load(text, environment).unwrap().broker.job_queues();
    let told = queues
        .iter()
        .map(|jobs| format!("{} {} {}", jobs.queue, jobs.weight, jobs.submitter));
    told.collect()
}

#[test]
fn job_queues_are_a_list_and_without_one_there_is_the_queue_of_before() {
    assert_eq!(queues("", &[]), ["invoice.jobs 1 "]);
    let one = "[broker]\njobs_queue = \"claims.jobs\"";
    assert_eq!(queues(one, &[]), ["claims.jobs 1 "]);
    assert_eq!(queues(TWO, &[]), ["a.jobs 3 claims", "b.jobs 1 "]);
    let variable = r#"[{ queue = "c.jobs", weight = 2 }]"#;
    let variable = [("INVOICE_WORKER__BROKER__JOBS", variable)];
    for text in ["", TWO] {
        assert_eq!(queues(text, &variable), ["c.jobs 2 "], "{text}");
    }
    let config = load(TWO, &[]).unwrap().broker;
    assert_eq!(config.first_jobs_queue(), "a.jobs");
    assert_eq!(config.submitter_of("a.jobs"), Some("claims"));
    assert_eq!(config.submitter_of("b.jobs"), None);
    assert!(!config.allows_reply_to("b.jobs") && config.allows_reply_to("invoice.jobs"));
}

#[test]
fn a_list_of_job_queues_is_read_again_as_it_is_written() {
    let config = load(TWO, &[]).unwrap();
    let written = toml::to_string(&config.broker).unwrap();
    let mut table = toml::Table::new();
    table.insert(
        "broker".to_owned(),
        written.parse::<toml::Table>().unwrap().into(),
    );
    table["broker"].as_table_mut().unwrap().remove("jobs_queue");
    table["broker"].as_table_mut().unwrap().remove("urls");
    let again = load(&table.to_string(), &[]).unwrap();
    assert_eq!(again.broker.jobs, config.broker.jobs);
}

#[test]
fn a_mistake_in_a_job_queue_names_its_entry_and_line() {
    for (text, says) in [
        (
            "[[broker.jobs]]\nqueue = \"a\"\nwieght = 2",
            "line 1: broker.jobs: its entry 0: unknown field `wieght`, expected one of `queue`",
        ),
        (
            "[[broker.jobs]]\nqueue = \"a\"\nweight = -1",
            "line 1: broker.jobs: its entry 0: invalid value: integer `-1`",
        ),
        (
            "[[broker.jobs]]\nqueue = \"a\\n\"",
            "line 1: broker.jobs: its entry 0: ends with a line break",
        ),
        ("[broker]\njobs = []", "line 2: broker.jobs: names no queue"),
        (
            "[broker]\njobs = \"a\"",
            "line 2: broker.jobs: expected a list",
        ),
        (
            "[broker]\njobs = [\"a\"]",
            "line 2: broker.jobs: its entry 0 is no table",
        ),
        (
            "[broker]\njobs_queue = \"a\"\n[[broker.jobs]]\nqueue = \"b\"",
            "line 2: broker.jobs_queue: is set beside [[broker.jobs]]",
        ),
        (
            "[broker]\njobs_queue = \"a\"\njobs = [{ queue = \"a\" }]",
            "line 2: broker.jobs_queue: is set beside [[broker.jobs]]",
        ),
    ] {
        let error = load(text, &[]).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    let variable = [("INVOICE_WORKER__BROKER__JOBS_QUEUE", "a")];
    let error = load(TWO, &variable).unwrap_err().to_string();
    let says = "environment variable INVOICE_WORKER__BROKER__JOBS_QUEUE: broker.jobs_queue: is set";
    assert!(error.contains(says), "{error}");
}

#[test]
fn a_job_queue_that_cannot_be_meant_is_refused_where_it_stands() {
    let entry = |keys: &str| format!("[[broker.jobs]]\n{keys}\n");
    let first = entry("queue = \"a\"");
    for (keys, says) in [
        ("weight = 2", "line 14: broker.jobs[1].queue: is empty"),
        (
            "queue = \"a\"",
            "line 14: broker.jobs[1].queue: is the name of something else, too",
        ),
        (
            "queue = \"b\"\nweight = 0",
            "line 14: broker.jobs[1].weight: must be between 1 and 1000",
        ),
        (
            "queue = \"b\"\nweight = 1001",
            "line 14: broker.jobs[1].weight: must be between 1 and 1000",
        ),
        (
            "queue = \"amq.b\"",
            "line 14: broker.jobs[1].queue: begins with amq.",
        ),
        (
            "queue = \"invoice.due\"",
            "line 14: broker.jobs[1].queue: is the name of",
        ),
        (
            "queue = \"invoice.failed\"",
            "line 14: broker.jobs[1].queue: is the name of",
        ),
        (
            "queue = \"invoice.results\"",
            "line 14: broker.jobs[1].queue: is the name of",
        ),
        (
            "queue = \"invoice.ledger\"",
            "line 14: broker.jobs[1].queue: is the name of",
        ),
        (
            "queue = \"invoice.retry.5s\"",
            "line 14: broker.jobs[1].queue: is the name of",
        ),
    ] {
        let text = format!("{USABLE}\n{first}{}", entry(keys));
        let error = load(&text, &[]).unwrap().validate().unwrap_err();
        assert!(error.to_string().contains(says), "{keys}: {error}");
    }
    let long = format!(
        "{USABLE}\n[[broker.jobs]]\nqueue = \"a\"\nsubmitter = \"{}\"",
        "x".repeat(65)
    );
    let error = load(&long, &[]).unwrap().validate().unwrap_err();
    let says = "line 12: broker.jobs[0].submitter: is longer than 64 bytes";
    assert!(error.to_string().contains(says), "{error}");
    let many: String = (0..17)
        .map(|number| entry(&format!("queue = \"jobs.{number}\"")))
        .collect();
    let error = load(&format!("{USABLE}\n{many}"), &[]).unwrap().validate();
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("broker.jobs: has more than 16 queues"),
        "{error}"
    );
}

#[test]
fn all_job_queues_together_take_no_more_bodies_than_the_memory_has_room_for() {
    let config = load(TWO, &[]).unwrap();
    assert_eq!(config.most_in_flight(), 64);
    let tight = [("INVOICE_WORKER__WORKER__MAX_JOB_BYTES", "4MiB")];
    let config = load(TWO, &tight).unwrap();
    assert_eq!(
        config.most_in_flight(),
        32,
        "half of 512 MiB has room for 64 bodies"
    );
    let warnings = config.warnings();
    let told = warnings
        .iter()
        .find(|(key, _)| *key == "worker.max_in_flight");
    assert!(told.unwrap().1.contains("for each job queue"), "{told:?}");
}
