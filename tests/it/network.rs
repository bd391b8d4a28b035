//! Networks as they are: proxies, authorities of one's own, and what is told where a connection
//! cannot be made.

use crate::harness::forward_proxy::{Behind, ForwardProxy, Mood};
use crate::harness::program::{ConfigFile, Ended, output};
use crate::harness::rabbitmq::free_port;
use crate::harness::system::{BUCKET, On, Setup, System};
use crate::harness::tls::Tls;
use std::net::SocketAddr;

/// A sandbox, and the same behind TLS, in a folder with the authority's certificate.
struct Peers {
    system: System,
    tls: Tls,
    behind: Behind,
    folder: tempfile::TempDir,
}

impl Peers {
    async fn start() -> Self {
        let system = Setup::new(On::Memory).await.prepare().await;
        let folder = tempfile::tempdir().unwrap();
        let tls = Tls::new(folder.path());
        let plain: SocketAddr = system
            .sandbox
            .s3_url()
            .trim_start_matches("http://")
            .parse()
            .unwrap();
        let behind = Behind {
            tls: tls.in_front_of(plain).await,
            plain,
        };
        Self {
            system,
            tls,
            behind,
            folder,
        }
    }

    /// A configuration whose store and providers are at these places.
    fn at(&self, store: &str, gateway: &str) -> ConfigFile {
        let mut config = self.system.config.clone();
        let path = |url: &str| url::Url::parse(url).unwrap().path().to_owned();
        config.recognition.url = format!("{gateway}{}", path(&config.recognition.url));
        config.verification.url = format!("{gateway}{}", path(&config.verification.url));
        (
            config.recognition.allow_plaintext,
            config.verification.allow_plaintext,
        ) = (true, true);
        store.clone_into(&mut config.storage.endpoint_url);
        config.tls.ca_file = self.tls.file("ca.pem");
        ConfigFile::of_config(&config)
    }

    /// Once for each sample: what was answered before is found again.
    async fn process(
        &self,
        sample: &str,
        file: &ConfigFile,
        environment: &[(&str, &str)],
    ) -> Ended {
        let key = self.system.sample(sample).await;
        output(
            &[
                "process",
                "--json",
                "-c",
                &file.path(),
                &format!("s3://{BUCKET}/{key}"),
            ],
            environment,
        )
        .await
    }
}

#[tokio::test]
async fn a_job_is_done_over_tls_with_an_authority_of_ones_own() {
    let peers = Peers::start().await;
    let place = format!("https://localhost:{}", peers.behind.tls.port());
    let file = peers.at(&place, &place);
    let ended = peers.process("01-beijing-outpatient", &file, &[]).await;
    assert!(
        ended.code == Some(0) && ended.stdout.contains(r#""verdict":"genuine""#),
        "{ended:?}"
    );
    let checked = output(&["check", "-c", &file.path()], &[]).await;
    // The certificates of a test are not valid for long.
    assert!(
        checked
            .stdout
            .contains("localhost answers, and its certificate expires on "),
        "{checked:?}"
    );
}

#[tokio::test]
async fn store_and_providers_take_the_same_proxy_for_tls_and_for_plain_http() {
    let peers = Peers::start().await;
    for (scheme, port, variable, sample) in [
        ("https", "", "HTTPS_PROXY", "01-beijing-outpatient"),
        ("http", ":80", "http_proxy", "02-henan-inpatient"),
    ] {
        let proxy = ForwardProxy::start(peers.behind, Mood::Locked).await;
        let file = peers.at(
            &format!("{scheme}://store.example{port}"),
            &format!("{scheme}://gateway.example{port}"),
        );
        let given = proxy.url_with_password();
        let ended = peers.process(sample, &file, &[(variable, &given)]).await;
        assert!(
            ended.code == Some(0) && ended.stdout.contains(r#""verdict":"genuine""#),
            "{scheme}: {ended:?}"
        );
        assert!(!ended.stderr.contains("pass"), "{}", ended.stderr);
        for host in ["store.example", "gateway.example"] {
            assert!(
                proxy.asked().iter().any(|asked| asked.contains(host)),
                "{scheme} {host}: {:?}",
                proxy.asked()
            );
        }
        // The configuration's word is before the environment's.
        let elsewhere = ForwardProxy::start(peers.behind, Mood::Open).await;
        let own = [
            ("INVOICE_WORKER__HTTP__PROXY", elsewhere.url()),
            (variable, "http://127.0.0.1:1".to_owned()),
        ];
        let own = own.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(peers.process(sample, &file, &own).await.code, Some(0));
        assert!(!elsewhere.asked().is_empty());
    }
}

#[tokio::test]
async fn this_machine_is_never_reached_through_a_proxy_and_none_means_none() {
    let peers = Peers::start().await;
    let proxy = ForwardProxy::start(peers.behind, Mood::Open).await;
    let place = format!("http://{}", peers.behind.plain);
    for variable in ["HTTP_PROXY", "INVOICE_WORKER__HTTP__PROXY"] {
        let ended = peers
            .process(
                "01-beijing-outpatient",
                &peers.at(&place, &place),
                &[(variable, &proxy.url())],
            )
            .await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let store = peers.at("http://store.invalid", &place);
    for (name, value) in [
        ("INVOICE_WORKER__HTTP__PROXY", "none"),
        ("NO_PROXY", ".invalid"),
    ] {
        let checked = output(
            &["check", "-c", &store.path()],
            &[("HTTP_PROXY", &proxy.url()), (name, value)],
        )
        .await;
        assert!(
            checked.stdout.contains("its name cannot be resolved"),
            "{checked:?}"
        );
    }
    assert_eq!(proxy.asked(), [""; 0]);
}

#[tokio::test]
async fn the_cause_of_a_failed_connection_is_named() {
    let peers = Peers::start().await;
    let (tls, plain) = (peers.behind.tls, peers.behind.plain);
    let nobody = free_port();
    let unknown = [("INVOICE_WORKER__TLS__CA_FILE", "")];
    let proxied = |proxy: &ForwardProxy| [("INVOICE_WORKER__HTTP__PROXY", proxy.url())];
    let locked = proxied(&ForwardProxy::start(peers.behind, Mood::Locked).await);
    let refusing = proxied(&ForwardProxy::start(peers.behind, Mood::Refusing).await);
    let gone = [(
        "INVOICE_WORKER__HTTP__PROXY",
        format!("http://127.0.0.1:{nobody}"),
    )];
    let plain_words = |pairs: &[(&'static str, String); 1]| vec![(pairs[0].0, pairs[0].1.clone())];
    let none: Vec<(&str, String)> = Vec::new();
    for (place, environment, says) in [
        (
            format!("https://localhost:{}", tls.port()),
            vec![(unknown[0].0, unknown[0].1.to_owned())],
            "(UnknownIssuer): set [tls] ca_file",
        ),
        (
            format!("https://[::1]:{nobody}"),
            none.clone(),
            "connection refused",
        ),
        (
            format!("https://127.0.0.1:{}", plain.port()),
            none.clone(),
            "does not speak TLS there",
        ),
        (
            "https://nowhere.invalid".to_owned(),
            none.clone(),
            "its name cannot be resolved",
        ),
        (
            format!("https://127.0.0.1:{nobody}"),
            none.clone(),
            "nothing listens there (connection refused)",
        ),
        (
            "https://store.example".to_owned(),
            plain_words(&locked),
            "the proxy asks for a user and a password",
        ),
        (
            "https://store.example".to_owned(),
            plain_words(&refusing),
            "the proxy refuses to connect to it",
        ),
        (
            "https://store.example".to_owned(),
            plain_words(&gone),
            "through the proxy: nothing listens there",
        ),
        (
            "https://other.example".to_owned(),
            plain_words(&proxied(
                &ForwardProxy::start(peers.behind, Mood::Open).await,
            )),
            "NotValidForName",
        ),
    ] {
        let file = peers.at(&place, &place);
        let environment: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let checked = output(&["check", "-c", &file.path()], &environment).await;
        assert_eq!(checked.code, Some(1), "{checked:?}");
        for about in ["storage.bucket", "recognition.url", "verification.url"] {
            let line = checked
                .stdout
                .lines()
                .find(|line| line.starts_with("FAILED") && line.contains(about));
            assert!(
                line.is_some_and(|line| line.contains(says)),
                "{place}: {about}: {says}: {}",
                checked.stdout
            );
        }
    }
    drop(peers.folder);
}

#[tokio::test]
async fn http_to_a_port_of_tls_is_named() {
    let peers = Peers::start().await;
    let place = format!("http://{}", peers.behind.tls);
    let checked = output(&["check", "-c", &peers.at(&place, &place).path()], &[]).await;
    for about in ["storage.bucket", "recognition.url", "verification.url"] {
        let line = checked
            .stdout
            .lines()
            .find(|line| line.starts_with("FAILED") && line.contains(about))
            .unwrap_or_default();
        assert!(
            line.contains("does not speak HTTP there") || line.contains("closed the connection"),
            "{about}: {}",
            checked.stdout
        );
    }
}

#[tokio::test]
async fn a_file_of_authorities_that_cannot_be_used_is_refused_with_its_name() {
    let peers = Peers::start().await;
    let place = format!("http://{}", peers.behind.plain);
    let file = peers.at(&place, &place);
    for ca_file in [
        "/nowhere/ca.pem",
        &file.path(),
        peers.tls.file("server.key").to_str().unwrap(),
    ] {
        let ended = output(
            &["check", "--offline", "-c", &file.path()],
            &[("INVOICE_WORKER__TLS__CA_FILE", ca_file)],
        )
        .await;
        assert_eq!(ended.code, Some(64), "{ended:?}");
        assert!(
            ended.stderr.contains("tls.ca_file: ") && ended.stderr.contains(ca_file),
            "{}",
            ended.stderr
        );
    }
}
