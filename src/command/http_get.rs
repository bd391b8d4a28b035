//! One plain GET, for `health` and `top`: the workers' telemetry speaks HTTP without TLS, and what
//! answers may be another server.

use std::io::{Error, ErrorKind, Result};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The answer to a GET.
#[derive(Debug)]
pub(super) struct Answer {
    /// `None` where what came is not HTTP.
    pub(super) status: Option<u16>,
    pub(super) body: String,
}

/// Asks `authority`, a host and a port, for a path. The whole answer, of at most so many bytes, has
/// to come in this time.
pub(super) async fn get(
    authority: &str,
    path: &str,
    most_bytes: u64,
    patience: Duration,
) -> Result<Answer> {
    let asked = timeout(patience, ask(authority, path, most_bytes)).await;
    let late = |_| {
        let problem = format!("no answer within {} s", patience.as_secs());
        Error::new(ErrorKind::TimedOut, problem)
    };
    let text = asked.map_err(late)??;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let is_http = head.starts_with("HTTP/");
    let status = head.split(' ').nth(1).filter(|_| is_http);
    Ok(Answer {
        status: status.and_then(|status| status.parse().ok()),
        body: body.to_owned(),
    })
}

async fn ask(authority: &str, path: &str, most_bytes: u64) -> Result<String> {
    let mut stream = TcpStream::connect(authority).await?;
    // HTTP/1.0: the body ends with the connection, and is sent as it is.
    let request = format!("GET {path} HTTP/1.0\r\nhost: {authority}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let mut bounded = stream.take(most_bytes.saturating_add(1));
    bounded.read_to_end(&mut answer).await?;
    if answer.len() as u64 > most_bytes {
        let problem = format!("the answer is longer than {most_bytes} bytes");
        return Err(Error::new(ErrorKind::InvalidData, problem));
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
