//! The two paid providers.
//!
//! A [`Provider`] makes one call and tells what came back; it neither waits, limits nor retries. [`client::Client`] does that, once for both.

pub mod client;
mod in_flight;
pub mod limiter;
pub mod recognition;
mod settings;
pub mod signature;
pub mod verification;
mod wire;

pub use wire::{CONNECT_TIMEOUT, http_client};

use crate::domain::failure::Failure;
use crate::domain::picture::Picture;
use futures_util::future::BoxFuture;

/// One call, neither limited nor retried. Behind it is a paid API, or a script that answers in its place.
pub trait Provider: Send + Sync {
    type Answer;

    fn call<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply<Self::Answer>, Failure>>;
}

/// What a provider is asked to look at.
#[derive(Clone)]
pub struct Request {
    pub picture: Picture,
    /// Verification only: let the provider turn the picture upright.
    pub auto_rotate: bool,
}

/// A good answer.
pub struct Reply<A> {
    /// The provider's own success code: `"200"`, `"OK"`.
    pub code: &'static str,
    pub request_id: Option<String>,
    pub answer: A,
}
