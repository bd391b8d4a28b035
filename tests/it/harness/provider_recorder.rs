//! Stands before a provider's server, hands everything on, and keeps the bodies of its requests.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use url::Url;

pub(crate) struct ProviderRecorder {
    pub(crate) url: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl ProviderRecorder {
    pub(crate) fn before(server: &str) -> Self {
        let mut url = Url::parse(server).unwrap();
        let port = url.port().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        let bodies = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let kept = Arc::clone(&bodies);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                thread::spawn(move || {
                    // Err: the worker or the server hung up, which the worker reports.
                    let _ = hand_on(client, port, &kept);
                });
            }
        });
        Self {
            url: url.into(),
            bodies,
        }
    }

    /// The bodies of the requests since it was asked last.
    pub(crate) fn take_bodies(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.bodies.lock().unwrap())
    }
}

fn hand_on(client: TcpStream, port: u16, kept: &Mutex<Vec<Vec<u8>>>) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port))?;
    let (mut to_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let (mut client, mut server) = (BufReader::new(client), BufReader::new(server));
    loop {
        let (head, body) = message(&mut client)?;
        to_server.write_all(&head)?;
        to_server.write_all(&body)?;
        kept.lock().unwrap().push(body);
        let (head, body) = message(&mut server)?;
        to_client.write_all(&head)?;
        to_client.write_all(&body)?;
    }
}

/// The head of a request or an answer, and the body that its length announces.
fn message(from: &mut impl BufRead) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if from.read_until(b'\n', &mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok((head, body))
}
