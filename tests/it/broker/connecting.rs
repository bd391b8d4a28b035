//! How a broker is found and entered, and how a refusal is told.

use super::{config, within};
use crate::harness::rabbitmq;
use invoice_worker::broker::{Broker, BrokerError};
use invoice_worker::settings::secret::Secret;
use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_port_is_named_without_the_password() {
    let port = rabbitmq::free_port();
    let error = refusal(&format!("amqp://user:secret@127.0.0.1:{port}/claims")).await;
    assert!(
        matches!(error, BrokerError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains(&format!("amqp://127.0.0.1:{port}/claims")),
        "{error}"
    );
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_a_refusal_that_does_not_name_it() {
    let error = refusal(&rabbitmq::url_of("guest", "secret", "%2f").await).await;
    assert!(matches!(error, BrokerError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("ACCESS_REFUSED"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_virtual_host_is_a_refusal_that_names_it() {
    let error = refusal(&rabbitmq::url_of("guest", "guest", "nowhere").await).await;
    assert!(matches!(error, BrokerError::Refused { .. }), "{error:?}");
    assert!(
        error.to_string().contains("vhost nowhere not found"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brokers_of_the_list_are_tried_in_turn() {
    let closed = format!("amqp://127.0.0.1:{}", rabbitmq::free_port());
    let mut config = config(&closed, "unused");
    config.urls.push(Secret::new(&rabbitmq::url().await));
    let broker = Broker::new(&config).unwrap();
    for _ in 0..2 {
        assert!(within(broker.connect()).await.is_err());
        within(broker.connect()).await.unwrap().close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mutual_tls_admits_a_client_that_has_a_certificate_and_trusts_the_servers() {
    let tls = rabbitmq::tls().await;
    let mut config = config(
        &format!("amqps://guest:guest@localhost:{}", tls.port),
        &rabbitmq::unique_name(),
    );
    let stranger = within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap_err();
    assert!(
        matches!(stranger, BrokerError::Unreachable { .. }),
        "{stranger:?}"
    );
    assert!(
        stranger
            .to_string()
            .contains("UnknownIssuer): set broker.ca_file or tls.ca_file"),
        "{stranger}"
    );

    config.ca_file = tls.file("ca.pem");
    let nameless = within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap_err();
    assert!(
        matches!(nameless, BrokerError::Unreachable { .. }),
        "{nameless:?}"
    );

    config.client_cert_file = tls.file("client.pem");
    config.client_key_file = tls.file("client.key");
    within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap()
        .close()
        .await;

    config.shared_ca_file = std::mem::take(&mut config.ca_file);
    within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap()
        .close()
        .await;
    config.client_key_file = tls.file("client.pem");
    let keyless = within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap_err();
    assert!(
        keyless.is_final() && keyless.to_string().starts_with("broker.client_key_file"),
        "{keyless}"
    );

    config.ca_file = tls.file("nowhere.pem");
    let missing = within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap_err();
    assert!(missing.is_final());
    assert!(
        missing.to_string().starts_with("broker.ca_file"),
        "{missing}"
    );
}

/// As the user that the certificate names, not as guest.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_client_certificate_and_no_user_the_certificate_is_the_login() {
    let tls = rabbitmq::tls().await;
    let mut config = config(
        &format!("amqps://localhost:{}", tls.port),
        &rabbitmq::unique_name(),
    );
    config.ca_file = tls.file("ca.pem");
    config.client_cert_file = tls.file("client.pem");
    config.client_key_file = tls.file("client.key");
    let unknown = within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap_err();
    assert!(
        matches!(unknown, BrokerError::Refused { .. }),
        "{unknown:?}"
    );
    assert!(unknown.to_string().contains("EXTERNAL"), "{unknown}");
    rabbitmq::add_the_user_of_the_client_certificate().await;
    within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap()
        .close()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_port_and_the_wrong_name_are_reported_with_the_mend() {
    let (plain, tls) = (rabbitmq::port().await, rabbitmq::tls().await.port);
    for (url, says) in [
        (
            format!("amqps://user:secret@localhost:{plain}"),
            "it does not speak TLS: is it the plain port?",
        ),
        (
            format!("amqp://user:secret@localhost:{tls}"),
            "write amqps://",
        ),
        (
            "amqp://user:secret@no-such-host.invalid".to_owned(),
            "the name no-such-host.invalid cannot be resolved",
        ),
    ] {
        let error = refusal(&url).await;
        assert!(
            matches!(error, BrokerError::Unreachable { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(says), "{error}");
    }
}

/// The library takes such an address for localhost.
#[tokio::test(flavor = "multi_thread")]
async fn an_ipv6_address_is_where_the_connection_goes() {
    let door = TcpListener::bind("[::1]:0")
        .await
        .expect("this machine has IPv6 on loopback");
    let (port, server) = (door.local_addr().unwrap().port(), rabbitmq::port().await);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = door.accept().await {
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                // Over when either side has closed.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let config = config(&format!("amqp://guest:guest@[::1]:{port}"), "unused");
    within(Broker::new(&config).unwrap().connect())
        .await
        .unwrap()
        .close()
        .await;
    let nowhere = refusal("amqp://user:secret@[100::7]:1?connection_timeout=100").await;
    assert!(
        nowhere.to_string().contains("amqp://[100::7]:1/%2f"),
        "{nowhere}"
    );
}

/// It accepts and says nothing: a firewall, a stopped process, a wrong port.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_never_answers_is_given_up() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!(
        "amqp://user:secret@127.0.0.1:{}",
        silent.local_addr().unwrap().port()
    );
    let error = refusal(&url).await;
    assert!(
        matches!(error, BrokerError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("no answer within 10s"),
        "{error}"
    );
    // And nothing is left behind: both connections greeted, and were hung up.
    for _ in 0..2 {
        let (mut accepted, _) = within(silent.accept()).await.unwrap();
        let mut greeting = Vec::new();
        within(accepted.read_to_end(&mut greeting)).await.unwrap();
        assert_eq!(greeting, b"AMQP\x00\x00\x09\x01");
    }
}

/// The error of a connection that must not come about, free of the password in text and debug text.
async fn refusal(url: &str) -> BrokerError {
    let broker = Broker::new(&config(url, "unused")).unwrap();
    let error = within(broker.connect()).await.unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
    assert!(!error.is_final());
    error
}
