//! The stream between lapin and the broker, plain or TLS, with [`FrameFilter`] in the direction of
//! lapin.

use super::frames::{BodyClip, FrameFilter};
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
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

type PlainStream = <Tokio as Reactor>::TcpStream;

/// The size of one read from the broker.
const READ_BYTES: usize = 32 * 1024;
/// The bytes of oversized bodies that are dropped before other tasks on this thread may run.
const DROPPED_BYTES: usize = 1024 * 1024;

/// The current runtime, for connections that are made of [`FilteredStream`]s.
pub(super) fn runtime() -> Runtime<RuntimeParts<Tokio, FilteringReactor>> {
    Runtime::new(RuntimeParts::new(
        Tokio::current(),
        FilteringReactor(Tokio::current()),
    ))
}

/// The broker's bytes in a form that lapin can parse.
pub(super) struct FilteredStream {
    stream: AsyncTcpStream<PlainStream>,
    /// The clip that bounds bodies, and its output; `None` without a bound.
    clip: Option<(BodyClip, Vec<u8>)>,
    filter: FrameFilter,
    received: Box<[u8]>,
}

impl FilteredStream {
    /// `wanted_frame_max` is the frame size in bytes that the worker asks for; 0 leaves it to the
    /// broker. Bodies are truncated to `largest_body` bytes.
    pub(super) fn new(
        stream: AsyncTcpStream<PlainStream>,
        wanted_frame_max: u32,
        largest_body: Option<usize>,
    ) -> Self {
        let clip = largest_body.map(|most| (BodyClip::new(most), Vec::new()));
        Self {
            stream,
            clip,
            filter: FrameFilter::new(wanted_frame_max),
            received: vec![0; READ_BYTES].into(),
        }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut AsyncTcpStream<PlainStream>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

/// The default vectored read fills one buffer after the other through this method.
impl AsyncRead for FilteredStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Self {
            stream,
            clip,
            filter,
            received,
        } = self.get_mut();
        let mut dropped = 0;
        while filter.is_empty() {
            if dropped >= DROPPED_BYTES {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let length = ready!(Pin::new(&mut *stream).poll_read(context, received))?;
            if length == 0 {
                return Poll::Ready(Ok(0));
            }
            dropped += length;
            match clip {
                None => filter.push(&received[..length]),
                Some((clip, clipped)) => {
                    clip.pass(&received[..length], clipped);
                    filter.push(clipped);
                    clipped.clear();
                }
            }
        }
        Poll::Ready(Ok(filter.take(buffer)))
    }
}

impl AsyncWrite for FilteredStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, parts)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_close(context)
    }
}

/// tokio's reactor with another type of stream. lapin uses it for that type and for timers only.
#[derive(Clone, Debug)]
pub(super) struct FilteringReactor(Tokio);

impl Reactor for FilteringReactor {
    type TcpStream = FilteredStream;
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

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let connecting = self.0.tcp_connect_addr(address);
        async move {
            Ok(FilteredStream::new(
                AsyncTcpStream::Plain(connecting.await?),
                0,
                None,
            ))
        }
    }
}
