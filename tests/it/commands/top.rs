//! `top`: real workers, one that is not there, and what answers and is none.

use crate::harness::eventually::eventually;
use crate::harness::program::{ConfigFile, Ended, command, output};
use crate::harness::rabbitmq::free_port;
use crate::harness::system::{On, PATIENCE, Setup};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

async fn top(arguments: &[&str], columns: &str) -> Ended {
    let mut command = command(&["top", "--every", "1"], &[]);
    let ended = command.args(arguments).env("COLUMNS", columns).output();
    let ended = timeout(PATIENCE, ended)
        .await
        .expect("an end in time")
        .unwrap();
    Ended {
        code: ended.status.code(),
        stdout: String::from_utf8(ended.stdout).unwrap(),
        stderr: String::from_utf8(ended.stderr).unwrap(),
    }
}

#[tokio::test]
async fn several_workers_are_shown_and_one_that_does_not_answer_as_such() {
    let faults = "[[fault]]\nstage = \"verification\"\nanswer = \"316\"\nprovince = \"河南\"\n";
    let mut setup = Setup::new(On::RabbitMq).await.faults(faults);
    setup.config.recognition.price = "0.25".parse().unwrap();
    let entry = "account = \"recognition\"\namount = 1000";
    setup.config.budget = vec![toml::from_str(entry).unwrap()];
    let mut system = setup.prepare().await;
    let file = ConfigFile::of(&system);
    let mut programs = [file.run(&[]), file.run(&[])];
    let mut workers = Vec::new();
    for program in &mut programs {
        workers.push(program.telemetry().await);
        program.event("consuming").await;
    }
    let beijing = system.sample("01-beijing-outpatient").await;
    let henan = system.sample("02-henan-inpatient").await;
    let job = system.job("answered", &beijing);
    assert_eq!(system.ask(&job).await["verdict"], "genuine");
    system.submit(&system.job("parked", &henan)).await;
    let silent = format!("127.0.0.1:{}", free_port());
    let mut seen = None;
    eventually(
        "the workers tell that the province is closed, and what is spent",
        async || {
            let shown = top(&[&workers[0], &workers[1], &silent], "160").await;
            let is_told = ["province 河南", "recognition per day in calls"]
                .into_iter()
                .all(|told| shown.stdout.contains(told));
            seen = Some(shown);
            is_told
        },
    )
    .await;
    let shown = seen.unwrap();
    assert_eq!(shown.code, Some(1), "one does not answer: {shown:?}");
    for told in [
        "2 of 3 workers answer",
        "does not answer: Connection refused",
        "recognition",
        "verification",
        "genuine",
        "316",
        "waiting: parked now",
        "calls and cost since the first worker started",
        "0.50 CNY",
        "1,000",
    ] {
        assert!(shown.stdout.contains(told), "{told}: {}", shown.stdout);
    }
    let narrow = top(&[&workers[0], &workers[1]], "80").await;
    assert_eq!(narrow.code, Some(0), "{narrow:?}");
    for line in narrow.stdout.lines() {
        assert!(console::measure_text_width(line) <= 80, "{line}");
    }
    for program in programs {
        assert_eq!(program.stop().await.code, Some(0));
    }
}

/// A server that answers every connection with these bytes.
async fn answering(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // What is not read before the end would reset the connection.
            let _ = stream.read(&mut [0; 4_096]).await;
            // Err: the other side has read enough.
            let _ = stream.write_all(&bytes).await;
        }
    });
    address
}

#[tokio::test]
async fn what_is_no_worker_is_told_and_costs_nothing() {
    let body = |text: &str| format!("HTTP/1.0 200 OK\r\n\r\n{text}").into_bytes();
    let endless = body(&"x".repeat(6 << 20));
    let hostile = body("invoice_paused{stage=\"\u{1b}[2J\u{9b}\",reason=\"a\\nb\u{202e}\"} 1\n");
    for (bytes, code, told) in [
        (endless, 1, "the answer is longer than"),
        (
            body("process_cpu_seconds_total 1\n"),
            1,
            "is no invoice-worker",
        ),
        (b"HTTP/1.0 404 Not Found\r\n\r\n".to_vec(), 1, "status 404"),
        (b"AMQP\x00\x00\x09\x01".to_vec(), 1, "not HTTP"),
        (hostile, 0, "paused: a"),
    ] {
        let shown = top(&[&answering(bytes).await], "120").await;
        assert_eq!(shown.code, Some(code), "{shown:?}");
        // A table wraps what is long.
        let words: Vec<&str> = shown.stdout.split_whitespace().collect();
        assert!(words.join(" ").contains(told), "{told}: {}", shown.stdout);
        let is_harmless = |character: char| character == '\n' || !character.is_control();
        assert!(shown.stdout.chars().all(is_harmless), "{:?}", shown.stdout);
        assert!(!shown.stdout.contains('\u{202e}'), "{:?}", shown.stdout);
    }
    for wrong in ["https://127.0.0.1:1", "http://me:secret@127.0.0.1:1"] {
        let ended = output(&["top", wrong], &[]).await;
        assert_eq!(ended.code, Some(64), "{ended:?}");
    }
}
