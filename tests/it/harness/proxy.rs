//! A wire that can be cut: stands between a client and a server on loopback.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio_util::sync::CancellationToken;

/// Passes bytes on until it is cut or dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    cut: CancellationToken,
}

impl Proxy {
    pub(crate) async fn before(server_port: u16) -> Self {
        Self::at(0, server_port).await
    }

    /// On a port that is known before anybody listens there.
    pub(crate) async fn at(port: u16, server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = CancellationToken::new();
        tokio::spawn(serve(listener, server_port, cut.clone()));
        Self { port, cut }
    }

    /// Closes every connection, and takes no more.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

async fn serve(listener: TcpListener, server_port: u16, cut: CancellationToken) {
    while let Some(Ok((mut client, _))) = cut.run_until_cancelled(listener.accept()).await {
        let cut = cut.clone();
        tokio::spawn(async move {
            let Ok(mut server) = TcpStream::connect(("127.0.0.1", server_port)).await else { return };
            select! {
                _ = copy_bidirectional(&mut client, &mut server) => {}
                () = cut.cancelled() => {}
            }
        });
    }
}
