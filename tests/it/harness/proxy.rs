//! A wire that can be disturbed: it stands between a client and a server on loopback. It passes
//! bytes on, slowly, or not at all; it ends connections, with an end of file or with a reset; a trap
//! stops one connection at the very byte that a test waits for; and forged frames are sent in a
//! client's name.

mod pump;

use invoice_worker::settings::secret::Secret;
use pump::connection;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// What happens to the bytes of every connection, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flow {
    #[default]
    Pass,
    /// Each piece waits so long.
    Slow(Duration),
    /// A black hole: nothing passes and nothing ends, as when a router loses its state.
    Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

/// From the moment in which a client sends these bytes, its connection passes nothing more in one
/// direction. Held towards the server, the bytes themselves do not arrive.
#[derive(Clone, Debug)]
struct Trap {
    sees: Vec<u8>,
    holds: Direction,
}

#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    closed: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    server_port: u16,
    faults: watch::Sender<WireFaults>,
    traps: Mutex<Vec<Trap>>,
    sprung: watch::Sender<usize>,
    refused: watch::Sender<usize>,
    forgeries: broadcast::Sender<Forgery>,
}

#[derive(Clone, Debug)]
struct Forgery {
    /// In the name of clients that have said this in their first words.
    client: String,
    frame: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct WireFaults {
    flow: Flow,
    refuses: bool,
    /// Of connections older than the latest of these the server's side is over.
    abandonments: u64,
    /// Connections that were made before the latest of these cuts are over.
    cuts: u64,
    /// They end with a reset.
    by_reset: bool,
    /// Traps that sprang before the latest of these hold nothing any more.
    releases: u64,
}

impl Proxy {
    pub(crate) async fn before(server_port: u16) -> Self {
        Self::at(0, server_port).await
    }

    /// On a port that is known before anybody listens there.
    pub(crate) async fn at(port: u16, server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            server_port,
            faults: watch::Sender::default(),
            traps: Mutex::default(),
            sprung: watch::Sender::default(),
            refused: watch::Sender::default(),
            forgeries: broadcast::Sender::new(16),
        });
        let closed = CancellationToken::new();
        tokio::spawn(serve(listener, Arc::clone(&shared), closed.clone()));
        Self {
            port,
            shared,
            closed,
        }
    }

    /// To RabbitMQ behind it.
    pub(crate) fn url(&self) -> Secret {
        Secret::new(&format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port))
    }

    /// The same with heartbeats that tell of a silent peer within seconds; also of one that is only
    /// slow, on a machine that is.
    pub(crate) fn url_with_heartbeats(&self) -> Secret {
        Secret::new(&format!("{}?heartbeat=2", self.url().expose()))
    }

    /// From now on, also for what is under way.
    pub(crate) fn flow(&self, flow: Flow) {
        self.shared.faults.send_modify(|faults| faults.flow = flow);
    }

    /// Ends every connection; new ones are taken.
    pub(crate) fn sever(&self) {
        self.end_all(false);
    }

    /// As [`Proxy::sever`], with a reset instead of an end of file.
    pub(crate) fn reset(&self) {
        self.end_all(true);
    }

    /// Ends the server's side of every connection; the clients hear nothing of it.
    pub(crate) fn abandon(&self) {
        self.shared
            .faults
            .send_modify(|faults| faults.abandonments += 1);
    }

    /// New connections are closed at once, as long as it refuses.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.shared
            .faults
            .send_modify(|faults| faults.refuses = refuses);
    }

    /// Ends every connection, and listens no more.
    pub(crate) fn cut(&self) {
        self.sever();
        self.closed.cancel();
    }

    /// Springs once, on the first connection whose client sends these bytes.
    pub(crate) fn trap(&self, sees: &str, holds: Direction) {
        self.shared
            .traps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Trap {
                sees: sees.as_bytes().to_vec(),
                holds,
            });
    }

    /// Returns when so many traps have sprung since the start.
    pub(crate) async fn sprung(&self, traps: usize) {
        reaches(&self.shared.sprung, traps).await;
    }

    /// Returns when so many connections have been refused since the start.
    pub(crate) async fn refused(&self, connections: usize) {
        reaches(&self.shared.refused, connections).await;
    }

    /// What the traps hold goes on.
    pub(crate) fn release(&self) {
        self.shared
            .faults
            .send_modify(|faults| faults.releases += 1);
    }

    /// Says a frame to the server in the name of the clients whose first words hold this one;
    /// between two pieces of their own, so they had better be saying little.
    pub(crate) fn forge(&self, client: &str, frame: Vec<u8>) {
        let told = self.shared.forgeries.send(Forgery {
            client: client.to_owned(),
            frame,
        });
        assert!(told.is_ok(), "nobody is connected");
    }

    fn end_all(&self, by_reset: bool) {
        self.shared
            .faults
            .send_modify(|faults| (faults.cuts, faults.by_reset) = (faults.cuts + 1, by_reset));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

async fn reaches(count: &watch::Sender<usize>, wanted: usize) {
    let mut count = count.subscribe();
    timeout(
        Duration::from_mins(1),
        count.wait_for(|count| *count >= wanted),
    )
    .await
    .expect("it happens in time")
    .unwrap();
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, closed: CancellationToken) {
    while let Some(Ok((client, _))) = closed.run_until_cancelled(listener.accept()).await {
        if shared.faults.borrow().refuses {
            shared.refused.send_modify(|refused| *refused += 1);
        } else {
            tokio::spawn(connection(client, Arc::clone(&shared)));
        }
    }
}
