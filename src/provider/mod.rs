//! The two paid providers.
//!
//! A [`Provider`] makes one call and tells what came back; it neither waits, limits nor retries. [`client::Client`] does that, once for both.

pub mod client;
pub mod limiter;
pub mod recognition;
mod settings;
pub mod signature;
pub mod verification;
mod wire;

pub use wire::{CONNECT_TIMEOUT, http_client};

use crate::domain::failure::{Failure, Stage};
use crate::domain::picture::Picture;
use std::future::Future;

/// One call, neither limited nor retried.
pub trait Provider: Send + Sync + 'static {
    type Answer: Send;
    const STAGE: Stage;

    fn call(&self, request: &Request) -> impl Future<Output = Result<Reply<Self::Answer>, Failure>> + Send;
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
