//! An HTTP proxy as companies have them: CONNECT for TLS, absolute addresses for plain HTTP, and a
//! password if it wants one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// Every name leads to one place, by the port that was asked for: 443 to the one that speaks TLS,
/// any other to the plain one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behind {
    pub(crate) tls: SocketAddr,
    pub(crate) plain: SocketAddr,
}

/// Serves for as long as the test's runtime lives.
#[derive(Debug)]
pub(crate) struct ForwardProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What the proxy says to every client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Open,
    /// Only to `me` with `pass word`.
    Locked,
    Refusing,
}

const CREDENTIALS: &str = "me:pass%20word@";
const AUTHORIZATION: &str = "proxy-authorization: basic bWU6cGFzcyB3b3Jk";

impl ForwardProxy {
    pub(crate) async fn start(behind: Behind, mood: Mood) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, asked) = (
            listener.local_addr().unwrap(),
            Arc::new(Mutex::new(Vec::new())),
        );
        let record = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, behind, mood, Arc::clone(&record)));
            }
        });
        Self { address, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn url_with_password(&self) -> String {
        format!("http://{CREDENTIALS}{}", self.address)
    }

    /// Method and target of every request that opened a connection.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut client: TcpStream, behind: Behind, mood: Mood, record: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let text = String::from_utf8(head.clone()).unwrap();
    let mut words = text.split(' ');
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    record.lock().unwrap().push(format!("{method} {target}"));
    let is_known = text
        .to_ascii_lowercase()
        .lines()
        .any(|line| line.eq_ignore_ascii_case(AUTHORIZATION));
    let refusal = match mood {
        Mood::Refusing => {
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        }
        Mood::Locked if !is_known => {
            "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        }
        Mood::Open | Mood::Locked => "",
    };
    if !refusal.is_empty() {
        let _ = client.write_all(refusal.as_bytes()).await;
        return;
    }
    let is_tunnel = method == "CONNECT";
    let place = if is_tunnel && target.ends_with(":443") {
        behind.tls
    } else {
        behind.plain
    };
    let mut server = TcpStream::connect(place).await.unwrap();
    if is_tunnel {
        client
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .await
            .unwrap();
    } else {
        // Servers read absolute addresses as they read others.
        server.write_all(&head).await.unwrap();
    }
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
