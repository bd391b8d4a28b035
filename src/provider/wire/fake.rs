//! A server for tests: it takes one request, and answers with exactly the given bytes or not at
//! all.

use crate::domain::failure::Failure;
use crate::provider::{Provider, Reply, Request};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    received: oneshot::Receiver<Received>,
}

pub(crate) struct Received {
    head: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) enum Behaviour {
    Answer(Vec<u8>),
    AnswerAndHang(Vec<u8>),
    Hang,
}

impl Fake {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = oneshot::channel();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = sender.send(Received::read(&mut stream).await);
            match behaviour {
                // A client that has read enough may close the connection.
                Behaviour::Answer(bytes) => drop(stream.write_all(&bytes).await),
                Behaviour::AnswerAndHang(bytes) => {
                    drop(stream.write_all(&bytes).await);
                    std::future::pending::<()>().await;
                }
                Behaviour::Hang => std::future::pending().await,
            }
        });
        Self { address, received }
    }

    /// Starts a server whose answer has the length that the body has.
    pub(crate) async fn answering(status: &str, headers: &str, body: &[u8]) -> Self {
        let mut bytes = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        Self::start(Behaviour::Answer(bytes)).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/ocr", self.address)
    }

    pub(crate) async fn received(self) -> Received {
        self.received.await.unwrap()
    }
}

impl Received {
    async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let head_end = loop {
            assert_ne!(
                stream.read_buf(&mut bytes).await.unwrap(),
                0,
                "no whole request"
            );
            if let Some(at) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
                break at;
            }
        };
        let mut request = Self {
            head: String::from_utf8(bytes[..head_end].to_vec()).unwrap(),
            body: bytes.split_off(head_end + 4),
        };
        let length: usize = request.header("content-length").unwrap().parse().unwrap();
        while request.body.len() < length {
            assert_ne!(
                stream.read_buf(&mut request.body).await.unwrap(),
                0,
                "no whole body"
            );
        }
        request
    }

    pub(crate) fn request_line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        headers
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Makes one call.
pub(crate) async fn call<A>(
    provider: &impl Provider<Answer = A>,
    request: &Request,
) -> Result<Reply<A>, Failure> {
    let Ok(shown) = request.show(Duration::from_secs(90)).await else {
        panic!("nothing has to be signed")
    };
    provider.call(request, shown).await
}
