//! A wire with bad weather: stands between a client and a server on loopback. It passes bytes on, slowly, or not at all; it breaks,
//! politely or not; and a trap stops one connection at the very byte that a test waits for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
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

/// From the moment in which a client sends these bytes, its connection passes nothing more in one direction. Held towards the server,
/// the bytes themselves do not arrive.
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
    weather: watch::Sender<Weather>,
    traps: Mutex<Vec<Trap>>,
    sprung: watch::Sender<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    flow: Flow,
    refuses: bool,
    /// Connections of an earlier spell are over.
    spell: u64,
    /// They end with a reset.
    rudely: bool,
}

impl Proxy {
    pub(crate) async fn before(server_port: u16) -> Self {
        Self::at(0, server_port).await
    }

    /// On a port that is known before anybody listens there.
    pub(crate) async fn at(port: u16, server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared =
            Arc::new(Shared { server_port, weather: watch::Sender::default(), traps: Mutex::default(), sprung: watch::Sender::default() });
        let closed = CancellationToken::new();
        tokio::spawn(serve(listener, Arc::clone(&shared), closed.clone()));
        Self { port, shared, closed }
    }

    /// From now on, also for what is under way.
    pub(crate) fn flow(&self, flow: Flow) {
        self.shared.weather.send_modify(|weather| weather.flow = flow);
    }

    /// Ends every connection; new ones are taken.
    pub(crate) fn sever(&self) {
        self.end_all(false);
    }

    /// As [`Proxy::sever`], with a reset instead of an end of file.
    pub(crate) fn reset(&self) {
        self.end_all(true);
    }

    /// New connections are closed at once, as long as it refuses.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.shared.weather.send_modify(|weather| weather.refuses = refuses);
    }

    /// Ends every connection, and listens no more.
    pub(crate) fn cut(&self) {
        self.sever();
        self.closed.cancel();
    }

    /// Springs once, on the first connection whose client sends these bytes.
    pub(crate) fn trap(&self, sees: &str, holds: Direction) {
        self.shared.traps.lock().unwrap_or_else(PoisonError::into_inner).push(Trap { sees: sees.as_bytes().to_vec(), holds });
    }

    /// Returns when so many traps have sprung since the start.
    pub(crate) async fn sprung(&self, traps: usize) {
        let mut sprung = self.shared.sprung.subscribe();
        timeout(Duration::from_mins(1), sprung.wait_for(|sprung| *sprung >= traps)).await.expect("the trap springs in time").unwrap();
    }

    fn end_all(&self, rudely: bool) {
        self.shared.weather.send_modify(|weather| (weather.spell, weather.rudely) = (weather.spell + 1, rudely));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, closed: CancellationToken) {
    while let Some(Ok((client, _))) = closed.run_until_cancelled(listener.accept()).await {
        if !shared.weather.borrow().refuses {
            tokio::spawn(connection(client, Arc::clone(&shared)));
        }
    }
}

async fn connection(client: TcpStream, shared: Arc<Shared>) {
    let mut weather = shared.weather.subscribe();
    let born = weather.borrow().spell;
    let Ok(server) = TcpStream::connect(("127.0.0.1", shared.server_port)).await else { return };
    let ((from_client, mut to_client), (from_server, mut to_server)) = (client.into_split(), server.into_split());
    let caught = watch::Sender::new(None);
    let pump = |direction| Pump { direction, shared: &shared, caught: &caught, seen: Vec::new() };
    let both = async {
        tokio::join!(pump(Direction::ToServer).run(from_client, &mut to_server), pump(Direction::ToClient).run(from_server, &mut to_client),)
    };
    tokio::select! {
        _ = both => {}
        _ = weather.wait_for(|weather| weather.spell > born) => {
            if shared.weather.borrow().rudely {
                // On a socket that is gone already there is nothing to be rude about.
                let _ = (to_client.as_ref().set_zero_linger(), to_server.as_ref().set_zero_linger());
            }
        }
    }
}

/// One direction of one connection.
struct Pump<'a> {
    direction: Direction,
    shared: &'a Shared,
    /// By a trap: nothing more passes in this direction.
    caught: &'a watch::Sender<Option<Direction>>,
    /// What the client sent last, for what a trap sees in two pieces.
    seen: Vec<u8>,
}

impl Pump<'_> {
    /// Until one side has ended, which the other is told.
    async fn run(mut self, mut from: OwnedReadHalf, to: &mut OwnedWriteHalf) {
        let mut piece = vec![0; 64 << 10];
        loop {
            let Ok(length) = from.read(&mut piece).await else { return };
            if self.direction == Direction::ToServer {
                self.look(&piece[..length]);
            }
            self.held_up().await;
            let passed = if length == 0 { to.shutdown().await } else { to.write_all(&piece[..length]).await };
            if length == 0 || passed.is_err() {
                return;
            }
        }
    }

    async fn held_up(&self) {
        if *self.caught.borrow() == Some(self.direction) {
            std::future::pending::<()>().await;
        }
        let mut weather = self.shared.weather.subscribe();
        // Never an error: the sender is in `shared`.
        let flow = weather.wait_for(|weather| weather.flow != Flow::Hold).await.map(|weather| weather.flow);
        if let Ok(Flow::Slow(by)) = flow {
            sleep(by).await;
        }
    }

    fn look(&mut self, piece: &[u8]) {
        let mut traps = self.shared.traps.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(longest) = traps.iter().map(|trap| trap.sees.len()).max() else { return };
        self.seen.extend_from_slice(piece);
        if let Some(at) = traps.iter().position(|trap| self.seen.windows(trap.sees.len()).any(|bytes| bytes == trap.sees)) {
            self.caught.send_replace(Some(traps.remove(at).holds));
            self.shared.sprung.send_modify(|sprung| *sprung += 1);
        }
        self.seen.drain(..self.seen.len().saturating_sub(longest));
    }
}
