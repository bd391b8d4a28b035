//! Ends a connection that never came about.
//!
//! lapin works on a thread of its own and does not notice when we stop waiting for a handshake: it
//! would keep that thread and its socket for as long as the peer is silent, once for every attempt.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hangs up when dropped, unless the connection stands.
#[derive(Debug, Default)]
pub(super) struct Hangup(Line);

/// The other end of it, for the thread that dials.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Dialling,
    Open(TcpStream),
    Over,
}

impl Hangup {
    pub(super) fn line(&self) -> Line {
        self.0.clone()
    }

    /// The connection stands, and is closed by its own means from now on.
    pub(super) fn disarm(self) {
        *self.0.state() = State::Over;
    }
}

impl Drop for Hangup {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut *self.0.state(), State::Over);
        if let State::Open(socket) = state {
            // A socket that is closed already is what was wanted.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Line {
    /// Fails when nobody waits any more.
    pub(super) fn open(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let mut state = self.state();
        if matches!(*state, State::Over) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        *state = State::Open(TcpStream::from(socket.try_clone_to_owned()?));
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
