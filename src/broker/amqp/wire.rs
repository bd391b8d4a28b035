//! The stream that lapin reads from: the broker's, plain or within TLS, with [`Nesting`] in between.

use super::nesting::Nesting;
use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_util::Stream;
use futures_util::io::{AsyncRead, AsyncWrite};
use lapin::AsyncTcpStream;
use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

type Plain = <Tokio as Reactor>::TcpStream;

/// The current runtime, for connections that are made of [`Shallow`] streams.
pub(super) fn runtime() -> Runtime<RuntimeParts<Tokio, Network>> {
    Runtime::new(RuntimeParts::new(Tokio::current(), Network(Tokio::current())))
}

/// As deep as it may get for a reader with a small stack.
pub(super) struct Shallow {
    stream: AsyncTcpStream<Plain>,
    nesting: Nesting,
}

impl Shallow {
    pub(super) fn new(stream: AsyncTcpStream<Plain>) -> Self {
        Self { stream, nesting: Nesting::default() }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut AsyncTcpStream<Plain>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

/// Vectored reads fill one buffer after the other, through this.
impl AsyncRead for Shallow {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let shallow = self.get_mut();
        let read = Pin::new(&mut shallow.stream).poll_read(context, buffer);
        if let Poll::Ready(Ok(length)) = read {
            shallow.nesting.pass(&mut buffer[..length]);
        }
        read
    }
}

impl AsyncWrite for Shallow {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, parts)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_close(context)
    }
}

/// tokio's network. lapin asks it only what its streams are called, and for time.
#[derive(Clone, Debug)]
pub(super) struct Network(Tokio);

impl Reactor for Network {
    type TcpStream = Shallow;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let connecting = self.0.tcp_connect_addr(address);
        async move { Ok(Shallow::new(AsyncTcpStream::Plain(connecting.await?))) }
    }
}
