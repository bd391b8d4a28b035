//! The two paid providers.
//!
//! A [`Provider`] makes one call and tells what came back; it neither waits, limits nor retries.
//! [`client::Client`] does that, once for both.

pub mod client;
pub mod control;
mod control_call;
pub mod deepfinch;
mod http;
pub mod huawei;
mod request;
mod settings;
pub mod signature;
mod wire;

pub use http::{CONNECT_TIMEOUT, Reached, http_client, reach};
pub use request::{EncodedBody, NotSigned, Provider, Reply, Request, Shown, UrlSigner, View};
