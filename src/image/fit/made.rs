//! A picture that is made when a provider is to be shown it, which is after the wait for the
//! account's rate: an answer that is kept already costs no pixel.

use super::super::inspect::ImageFacts;
use super::budget::DecodingBudget;
use super::draw::{Drawn, draw};
use super::plan::Redraw;
use crate::domain::failure::Failure;
use crate::domain::picture::Picture;
use crate::domain::result::PreparedPicture;
use crate::provider::PictureSource;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

/// The first request makes it; later ones wait for the same picture.
pub struct MadePicture {
    original: Bytes,
    facts: ImageFacts,
    redraw: Redraw,
    budget: DecodingBudget,
    drawn: OnceCell<Result<Drawn, Failure>>,
}

impl MadePicture {
    pub fn new(original: Bytes, facts: ImageFacts, redraw: Redraw, budget: DecodingBudget) -> Self {
        Self {
            original,
            facts,
            redraw,
            budget,
            drawn: OnceCell::new(),
        }
    }

    /// What was done to make it; `None` while it is not made, and where the original does.
    pub fn prepared(&self) -> Option<PreparedPicture> {
        self.drawn.get()?.as_ref().ok()?.prepared.clone()
    }

    async fn drawn(&self) -> &Result<Drawn, Failure> {
        let make = async || {
            let (original, facts) = (self.original.clone(), self.facts);
            let redraw = self.redraw.clone();
            let bytes = redraw.decoded_bytes;
            let work = move || draw(&original, facts, &redraw);
            self.budget.run(bytes, work).await
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
