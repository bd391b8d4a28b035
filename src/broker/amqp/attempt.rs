//! Ends a connection attempt that was given up.
//!
//! lapin dials on a thread of its own and does not notice when the caller stops waiting for the
//! handshake: each such attempt would keep its thread and socket for as long as the peer is silent.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shuts the attempt's socket down when dropped, unless the attempt succeeded.
#[derive(Debug, Default)]
pub(super) struct ConnectAttempt(AttemptSocket);

/// The socket of an attempt, for the thread that dials.
#[derive(Clone, Debug, Default)]
pub(super) struct AttemptSocket(Arc<Mutex<AttemptState>>);

#[derive(Debug, Default)]
enum AttemptState {
    #[default]
    Dialling,
    Open(TcpStream),
    Over,
}

impl ConnectAttempt {
    pub(super) fn socket(&self) -> AttemptSocket {
        self.0.clone()
    }

    /// Leaves the socket to the connection.
    pub(super) fn succeeded(self) {
        *self.0.state() = AttemptState::Over;
    }
}

impl Drop for ConnectAttempt {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut *self.0.state(), AttemptState::Over);
        if let AttemptState::Open(socket) = state {
            // An error means that the socket is closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl AttemptSocket {
    /// Fails when the attempt was given up.
    pub(super) fn open(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let mut state = self.state();
        if matches!(*state, AttemptState::Over) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        *state = AttemptState::Open(TcpStream::from(socket.try_clone_to_owned()?));
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, AttemptState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
