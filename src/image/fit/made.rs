//! A picture that is made when a provider is to be shown it, which is after the wait for the
//! account's rate: an answer that is kept already costs no pixel.

use super::super::inspect::ImageFacts;
use super::budget::DecodingBudget;
use super::draw::{Drawn, draw_and_look, unchanged};
use super::pixels::Pixels;
use super::plan::{Reason, Redraw};
use super::qr_code;
use crate::domain::failure::Failure;
use crate::domain::picture::Picture;
use crate::domain::qr::QrClaim;
use crate::domain::result::PreparedPicture;
use crate::provider::PictureSource;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::sync::OnceLock;
use tokio::sync::OnceCell;

/// The first request makes it; later ones wait for the same picture.
pub struct MadePicture {
    original: Bytes,
    facts: ImageFacts,
    redraw: Redraw,
    budget: DecodingBudget,
    drawn: OnceCell<Result<Drawn, Failure>>,
    /// The claim of its QR code, read while its pixels were at hand.
    qr: OnceLock<QrClaim>,
}

impl MadePicture {
    pub fn new(original: Bytes, facts: ImageFacts, redraw: Redraw, budget: DecodingBudget) -> Self {
        Self {
            original,
            facts,
            redraw,
            budget,
            drawn: OnceCell::new(),
            qr: OnceLock::new(),
        }
    }

    /// A picture that is there already, and is sent as it is in the place of an original.
    pub fn ready(picture: Bytes, facts: ImageFacts, budget: DecodingBudget) -> Self {
        let redraw = Redraw {
            sides: facts.upright_sides(),
            max_bytes: usize::MAX,
            max_encoded_bytes: None,
            reason: Reason::Length,
            page: 1,
            decoded_bytes: 0,
        };
        let drawn = unchanged(picture.clone(), facts);
        Self {
            drawn: OnceCell::new_with(Some(Ok(drawn))),
            ..Self::new(picture, facts, redraw, budget)
        }
    }

    /// The steps that made it; `None` while it is not made, and where the original does.
    pub fn prepared(&self) -> Option<PreparedPicture> {
        self.drawn.get()?.as_ref().ok()?.prepared.clone()
    }

    /// `None` while it is not made, and where there is none.
    pub fn qr(&self) -> Option<QrClaim> {
        self.qr.get().cloned()
    }

    async fn drawn(&self) -> &Result<Drawn, Failure> {
        let make = async || {
            let (original, facts) = (self.original.clone(), self.facts);
            let redraw = self.redraw.clone();
            let (bytes, reads_qr) = (redraw.decoded_bytes, self.budget.reads_qr());
            let work = move || {
                let mut qr = None;
                let look = |pixels: &Pixels| qr = reads_qr.then(|| qr_code::read(pixels)).flatten();
                let drawn = draw_and_look(&original, facts, &redraw, look)?;
                Ok((drawn, qr))
            };
            let (drawn, qr) = self.budget.run(bytes, work).await?;
            if let Some(qr) = qr {
                self.qr.get_or_init(|| qr);
            }
            Ok(drawn)
        };
        self.drawn.get_or_init(make).await
    }
}

impl PictureSource for MadePicture {
    fn picture(&self) -> BoxFuture<'_, Result<&Picture, Failure>> {
        Box::pin(async {
            match self.drawn().await {
                Ok(drawn) => Ok(&drawn.picture),
                Err(failure) => Err(failure.clone()),
            }
        })
    }
}
