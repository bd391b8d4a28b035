//! One call: what a provider is asked, what it is shown, and what a good answer holds.

use crate::clock::skew::ClockReading;
use crate::domain::failure::Failure;
use crate::domain::picture::Picture;
use crate::policy::Transfer;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// One call, neither limited nor retried. Behind it is a paid API, or a script that answers in its
/// place.
pub trait Provider: Send + Sync {
    type Answer;

    fn call<'a>(
        &'a self,
        request: &'a Request,
        shown: Shown<'a>,
    ) -> BoxFuture<'a, Result<Reply<Self::Answer>, Failure>>;

    /// The time that its last answer gave, where it gave one.
    fn clock_reading(&self) -> Option<ClockReading> {
        None
    }
}

/// The question that a provider is asked.
pub struct Request {
    pub view: View,
    /// Verification only: let the provider turn the picture upright.
    pub auto_rotate: bool,
    /// The body around a picture that is sent, for when the call is made again.
    body: OnceLock<EncodedBody>,
}

/// How a provider gets to see the picture. Cheap to clone.
#[derive(Clone)]
pub enum View {
    Inline(Picture),
    /// Made of the original when it is shown.
    Made(Arc<dyn PictureSource>),
    /// Fetched by the provider itself, from where the job says.
    Url(String),
    /// Fetched by the provider itself, from our store.
    Object(Arc<dyn UrlSigner>),
}

/// The form in which a provider is shown the image in one attempt.
pub enum Shown<'a> {
    Picture(&'a Picture),
    Url(Cow<'a, str>),
}

/// An object of ours that a provider is to fetch.
pub trait UrlSigner: Send + Sync {
    /// A URL that is valid from now on for so long. With it anyone can read the object, so it is
    /// never logged.
    fn sign(&self, valid: Duration) -> BoxFuture<'_, Result<String, NotSigned>>;
}

/// A picture that is made at the first call that sends it.
pub trait PictureSource: Send + Sync {
    /// The picture; made once.
    ///
    /// # Errors
    /// `image.corrupt` or `image.too_large`.
    fn picture(&self) -> BoxFuture<'_, Result<&Picture, Failure>>;
}

/// Why a provider cannot be shown the image in this attempt.
#[derive(Debug)]
pub enum NotShown {
    NotSigned(NotSigned),
    /// It cannot be made fit for the provider.
    Unfit(Failure),
}

/// Why there is no URL to be given to a provider.
#[derive(Debug)]
pub enum NotSigned {
    /// It would be longer than providers take.
    TooLong,
    /// The store's failure, for want of credentials for instance.
    Failed(Failure),
}

impl Request {
    pub fn new(view: View, auto_rotate: bool) -> Self {
        Self {
            view,
            auto_rotate,
            body: OnceLock::new(),
        }
    }

    /// The body of an earlier attempt, where the vendor kept one.
    pub fn encoded(&self) -> Option<&EncodedBody> {
        self.body.get()
    }

    /// Keeps the body for the next attempt.
    pub fn keep_encoded(&self, body: EncodedBody) -> EncodedBody {
        self.body.get_or_init(|| body).clone()
    }

    /// The image for one attempt, made now: an object's address is signed anew for each.
    /// A picture that has to be made is made here, after the wait for the account's rate.
    pub async fn show(&self, valid: Duration) -> Result<Shown<'_>, NotShown> {
        match &self.view {
            View::Inline(picture) => Ok(Shown::Picture(picture)),
            View::Made(source) => match source.picture().await {
                Ok(picture) => Ok(Shown::Picture(picture)),
                Err(failure) => Err(NotShown::Unfit(failure)),
            },
            View::Url(url) => Ok(Shown::Url(url.into())),
            View::Object(object) => match object.sign(valid).await {
                Ok(url) => Ok(Shown::Url(url.into())),
                Err(unsigned) => Err(NotShown::NotSigned(unsigned)),
            },
        }
    }
}

impl View {
    pub fn transfer(&self) -> Transfer {
        match self {
            Self::Inline(_) | Self::Made(_) => Transfer::Inline,
            Self::Url(_) | Self::Object(_) => Transfer::Url,
        }
    }
}

/// A good answer.
pub struct Reply<A> {
    /// The provider's own success code: `"200"`, `"OK"`.
    pub code: &'static str,
    pub request_id: Option<String>,
    pub answer: A,
}

/// A body that is expensive to encode. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EncodedBody {
    pub bytes: Bytes,
    /// The SHA-256 of the bytes in hexadecimal digits, where the vendor signs it.
    pub sha256: Option<String>,
}
