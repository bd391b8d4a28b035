//! Images by their address, through the real binary: nobody is told an address, and temporary
//! credentials make none that is short enough.

use crate::harness::program::{ConfigFile, output};
use crate::harness::system::{BUCKET, On, Setup, System};
use invoice_worker::dev::sandbox::{SandboxScenario, samples};
use invoice_worker::domain::failure::Stage;
use invoice_worker::policy::Transfer;
use invoice_worker::settings::secret::Secret;

const SAMPLE: &str = "01-beijing-outpatient";

async fn by_url() -> System {
    let mut setup = Setup::new(On::RabbitMq).await;
    setup.config.recognition.transfer = Transfer::Url;
    setup.config.verification.transfer = Transfer::Url;
    setup.prepare().await
}

/// Downloads of the sample: the worker's own, and the providers'.
fn downloads(system: &System, key: &str) -> (usize, usize) {
    let of = |operation: &str| {
        system
            .sandbox
            .calls()
            .about(Stage::Storage, &format!("{operation} {key}"))
            .len()
    };
    (of("get"), of("fetch"))
}

#[tokio::test]
async fn a_presigned_url_reaches_the_providers_and_no_log() {
    // The second download fails: what went wrong is told, too.
    let faults = "[[fault]]\nstage = 'storage'\noperation = 'fetch'\nanswer = 'AccessDenied'\ncalls = { from = 2 }\n";
    let mut setup = Setup::new(On::RabbitMq).await.faults(faults);
    (
        setup.config.recognition.transfer,
        setup.config.verification.transfer,
    ) = (Transfer::Url, Transfer::Url);
    let mut system = setup.prepare().await;
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[(
        "INVOICE_WORKER__TELEMETRY__LOG",
        "trace,hyper=trace,aws_sigv4=trace,reqwest=trace",
    )]);
    program.event("consuming").await;
    let key = system.sample(SAMPLE).await;
    let reply = system.ask(&system.job("CLM-1", &key)).await;
    assert_eq!(reply["verdict"], "genuine", "{reply}");
    let ended = program.stop().await;
    assert_eq!(
        (ended.code, downloads(&system, &key)),
        (Some(0), (2, 2)),
        "{}",
        ended.stderr
    );
    for told in [ended.stderr, reply.to_string()] {
        assert!(
            !told.contains("X-Amz") && !told.contains("AWS4-HMAC-SHA256"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn with_temporary_credentials_images_are_sent_inline_and_that_is_said_once() {
    let mut system = by_url().await;
    let credentials = system.sandbox.credentials();
    system.config.storage.access_key_id = Secret::default();
    system.config.storage.secret_access_key = Secret::default();
    let token = "t".repeat(900);
    let file = ConfigFile::of(&system);
    let mut program = file.run(&[
        ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
        ("AWS_SESSION_TOKEN", &token),
    ]);
    program.event("consuming").await;
    let sample = samples::named(SAMPLE).unwrap().bytes;
    for number in 0..3 {
        let image = format!("{number}.jpg");
        system
            .sandbox
            .put(BUCKET, &image, [sample, image.as_bytes()].concat())
            .await
            .unwrap();
        let reply = system.ask(&system.job(&image, &image)).await;
        assert_eq!(
            (&reply["verdict"], downloads(&system, &image)),
            (&"genuine".into(), (2, 0)),
            "{reply}"
        );
    }
    let ended = program.stop().await;
    let said = |line: &&str| line.contains("signed addresses are longer");
    assert_eq!(
        ended.stderr.lines().filter(said).count(),
        1,
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("ttttt"), "{}", ended.stderr);
}

#[tokio::test]
async fn check_says_that_the_providers_have_to_reach_the_store() {
    let system = by_url().await;
    let ended = output(&["check", "-c", &ConfigFile::of(&system).path()], &[]).await;
    let line = ended
        .stdout
        .lines()
        .find(|line| line.contains("transfer"))
        .unwrap_or_else(|| panic!("{}", ended.stdout));
    assert!(
        line.starts_with("warning") && line.contains("has to be reachable from there"),
        "{line}"
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
}

/// What `check` says about addresses and versions, and its exit status.
async fn told(
    change: impl FnOnce(&mut Setup),
    environment: &[(&str, &str)],
) -> (String, String, Option<i32>) {
    let mut setup = Setup::new(On::RabbitMq).await;
    (
        setup.config.recognition.transfer,
        setup.config.verification.transfer,
    ) = (Transfer::Url, Transfer::Url);
    change(&mut setup);
    let system = setup.prepare().await;
    let ended = output(
        &["check", "-c", &ConfigFile::of(&system).path()],
        environment,
    )
    .await;
    let line = |about: &str| {
        ended
            .stdout
            .lines()
            .find(|line| line[8..].starts_with(about))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        !ended.stdout.contains("X-Amz") && !ended.stdout.contains("ttttt"),
        "{}",
        ended.stdout
    );
    (line("addresses"), line("versions"), ended.code)
}

#[tokio::test]
async fn check_signs_an_address_and_reads_a_version_by_its_id() {
    let (addresses, versions, code) = told(|_| {}, &[]).await;
    assert!(
        addresses.starts_with("ok") && addresses.contains("providers take 1024"),
        "{addresses}"
    );
    assert!(
        versions.starts_with("ok") && versions.contains("could be read by its id"),
        "{versions}"
    );
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn check_warns_of_addresses_that_are_too_long_and_of_buckets_without_versions() {
    let temporary = |setup: &mut Setup| {
        setup.scenario.storage.versions = false;
        setup.scenario.storage.access_key_id = "AKIATEMPORARY".into();
    };
    let token = "t".repeat(900);
    let credentials = [
        ("AWS_ACCESS_KEY_ID", "AKIATEMPORARY"),
        ("AWS_SECRET_ACCESS_KEY", "sandbox-secret"),
        ("AWS_SESSION_TOKEN", &token),
        ("INVOICE_WORKER__STORAGE__ACCESS_KEY_ID", ""),
        ("INVOICE_WORKER__STORAGE__SECRET_ACCESS_KEY", ""),
    ];
    let (addresses, versions, code) = told(temporary, &credentials).await;
    assert!(
        addresses.starts_with("warning") && addresses.contains("images are sent inline"),
        "{addresses}"
    );
    assert!(
        versions.starts_with("warning") && versions.contains("turn versioning on"),
        "{versions}"
    );
    assert_eq!(code, Some(0), "the worker works");
}

#[tokio::test]
async fn check_says_that_versions_must_not_be_read() {
    let faults = "[[fault]]\nstage = 'storage'\nkey = 'checkpoints/probe.json'\nanswer = 'AccessDenied'\ncalls = [2]\n";
    let (_, versions, code) = told(
        |setup| setup.scenario.faults = SandboxScenario::parse(faults, "faults").unwrap().faults,
        &[],
    )
    .await;
    assert!(
        versions.starts_with("FAILED") && versions.contains("grant s3:GetObjectVersion"),
        "{versions}"
    );
    assert_eq!(code, Some(1));
}

#[tokio::test]
async fn check_says_that_nothing_can_be_signed() {
    let nobody = [
        ("INVOICE_WORKER__STORAGE__ACCESS_KEY_ID", ""),
        ("INVOICE_WORKER__STORAGE__SECRET_ACCESS_KEY", ""),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let (addresses, _, code) = told(|_| {}, &nobody).await;
    assert!(
        addresses.starts_with("FAILED") && addresses.contains("NoCredentials"),
        "{addresses}"
    );
    assert_eq!(code, Some(1));
}
