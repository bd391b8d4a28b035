//! One connection through the wire: bytes in both directions, held up by the faults of the wire and by traps.

use super::{Direction, Flow, Forgery, Shared};
use std::sync::{Arc, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::sleep;

/// A client's first words have fewer bytes than this.
const INTRODUCTION: usize = 2 << 10;

pub(super) async fn connection(client: TcpStream, shared: Arc<Shared>) {
    let mut faults = shared.faults.subscribe();
    let (born, abandoned) = (faults.borrow().cuts, faults.borrow().abandonments);
    let (mut lonely, mut ended) = (faults.clone(), faults.clone());
    let Ok(server) = TcpStream::connect(("127.0.0.1", shared.server_port)).await else {
        return;
    };
    let ((from_client, mut to_client), (from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let caught = watch::Sender::new(None);
    let pump = |direction| Pump {
        direction,
        shared: &shared,
        caught: &caught,
        first_words: Vec::new(),
        seen: Vec::new(),
    };
    let both = async {
        tokio::join!(
            pump(Direction::ToServer).run(from_client, &mut to_server),
            pump(Direction::ToClient).run(from_server, &mut to_client)
        )
    };
    tokio::select! {
        // What was held when the connection ended does not get through.
        biased;
        () = async { drop(faults.wait_for(|faults| faults.cuts > born).await) } => {
            if shared.faults.borrow().by_reset {
                for half in [to_client, to_server] {
                    // On a socket that is gone already there is nothing to be rude about.
                    let _ = half.as_ref().set_zero_linger();
                    // Dropped, it would say goodbye first.
                    half.forget();
                }
            }
        }
        () = async { drop(lonely.wait_for(|faults| faults.abandonments > abandoned).await) } => {
            drop(to_server);
            let _ = ended.wait_for(|faults| faults.cuts > born).await;
        }
        _ = both => {}
    }
}

/// One direction of one connection.
struct Pump<'a> {
    direction: Direction,
    shared: &'a Shared,
    /// By a trap: nothing more passes in this direction until the next release after so many.
    caught: &'a watch::Sender<Option<(Direction, u64)>>,
    /// With which the client introduced itself.
    first_words: Vec<u8>,
    /// What the client sent last, for what a trap sees in two pieces.
    seen: Vec<u8>,
}

impl Pump<'_> {
    /// Until one side has ended, which the other is told.
    async fn run(mut self, mut from: OwnedReadHalf, to: &mut OwnedWriteHalf) {
        let mut piece = vec![0; 64 << 10];
        let mut forgeries = self.shared.forgeries.subscribe();
        loop {
            let read = tokio::select! {
                read = from.read(&mut piece) => read,
                Ok(forgery) = forgeries.recv() => match self.utter(&forgery, to).await {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
            };
            let Ok(length) = read else { return };
            if self.direction == Direction::ToServer {
                self.look(&piece[..length]);
            }
            self.held_up().await;
            let passed = if length == 0 {
                to.shutdown().await
            } else {
                to.write_all(&piece[..length]).await
            };
            if length == 0 || passed.is_err() {
                return;
            }
        }
    }

    async fn utter(&self, forgery: &Forgery, to: &mut OwnedWriteHalf) -> std::io::Result<()> {
        if self.direction == Direction::ToServer
            && contains(&self.first_words, forgery.client.as_bytes())
        {
            to.write_all(&forgery.frame).await?;
        }
        Ok(())
    }

    async fn held_up(&self) {
        let mut faults = self.shared.faults.subscribe();
        let caught = *self.caught.borrow();
        if let Some((direction, releases)) = caught
            && direction == self.direction
        {
            // Never an error, here and below: the sender is in `shared`.
            let _ = faults.wait_for(|faults| faults.releases > releases).await;
        }
        let flow = faults
            .wait_for(|faults| faults.flow != Flow::Hold)
            .await
            .map(|faults| faults.flow);
        if let Ok(Flow::Slow(by)) = flow {
            sleep(by).await;
        }
    }

    fn look(&mut self, piece: &[u8]) {
        if self.first_words.len() < INTRODUCTION {
            self.first_words.extend_from_slice(piece);
        }
        let mut traps = self
            .shared
            .traps
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(longest) = traps.iter().map(|trap| trap.sees.len()).max() else {
            return;
        };
        self.seen.extend_from_slice(piece);
        if let Some(at) = traps
            .iter()
            .position(|trap| contains(&self.seen, &trap.sees))
        {
            self.caught.send_replace(Some((
                traps.remove(at).holds,
                self.shared.faults.borrow().releases,
            )));
            self.shared.sprung.send_modify(|sprung| *sprung += 1);
        }
        self.seen.drain(..self.seen.len().saturating_sub(longest));
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
