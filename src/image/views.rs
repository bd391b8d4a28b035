//! The plan carried out, as far as that costs nothing: what is made is made when it is shown.

use super::ImageFacts;
use super::fit::{DecodingBudget, MadePicture, Plan, Redraw, Show};
use super::presigned::PresignedObject;
use crate::domain::failure::{Failure, Stage};
use crate::domain::picture::Picture;
use crate::domain::qr::QrClaim;
use crate::provider::{PictureSource, UrlSigner, View};
use bytes::Bytes;
use std::sync::Arc;

/// The view of the image that each provider is given, or why there is none.
pub(super) struct Views {
    pub(super) recognition: Result<View, Failure>,
    pub(super) verification: Option<Result<View, Failure>>,
    pub(super) made: MadePictures,
}

/// The pictures that are made for the providers: one for both, where one does.
#[derive(Clone, Default)]
pub(super) struct MadePictures {
    recognition: Option<Arc<MadePicture>>,
    verification: Option<Arc<MadePicture>>,
}

impl MadePictures {
    pub(super) fn are_any(&self) -> bool {
        self.recognition.is_some() || self.verification.is_some()
    }

    /// The claim of the QR code in either of them.
    pub(super) fn qr(&self) -> Option<QrClaim> {
        let mut made = self.recognition.iter().chain(&self.verification);
        made.find_map(|picture| picture.qr())
    }

    pub(super) fn of(&self, stage: Stage) -> Option<&Arc<MadePicture>> {
        match stage {
            Stage::Recognition => self.recognition.as_ref(),
            Stage::Verification => self.verification.as_ref(),
            Stage::Job | Stage::Image | Stage::Storage | Stage::Worker => None,
        }
    }
}

impl Views {
    /// The views of a picture that stands in the place of the original: what is sent is never the
    /// original, and the result says so.
    pub(super) fn of_page(
        plan: &Plan,
        picture: &Bytes,
        facts: ImageFacts,
        budget: &DecodingBudget,
    ) -> Self {
        let ready = Arc::new(MadePicture::ready(picture.clone(), facts, budget.clone()));
        let made = |show: &Result<Show, Failure>| match show {
            Ok(Show::Made(redraw)) => Ok(Arc::new(MadePicture::new(
                picture.clone(),
                facts,
                redraw.clone(),
                budget.clone(),
            ))),
            Ok(Show::Original | Show::Fetched) => Ok(Arc::clone(&ready)),
            Err(failure) => Err(failure.clone()),
        };
        let recognition = made(&plan.recognition);
        let verification = plan.verification.as_ref().map(|show| {
            // One picture for both, where one does.
            let is_same = show.as_ref().ok() == plan.recognition.as_ref().ok();
            if is_same && show.is_ok() {
                recognition.clone()
            } else {
                made(show)
            }
        });
        let view = |made: &Result<Arc<MadePicture>, Failure>| {
            let made = made.clone();
            made.map(|picture| View::Made(picture as Arc<dyn PictureSource>))
        };
        Self {
            recognition: view(&recognition),
            verification: verification.as_ref().map(view),
            made: MadePictures {
                recognition: recognition.ok(),
                verification: verification.and_then(Result::ok),
            },
        }
    }

    pub(super) fn of(
        plan: Plan,
        bytes: &Bytes,
        facts: ImageFacts,
        object: &Arc<PresignedObject>,
        budget: &DecodingBudget,
    ) -> Self {
        let new_picture = |redraw: &Redraw| {
            let redraw = redraw.clone();
            Arc::new(MadePicture::new(
                bytes.clone(),
                facts,
                redraw,
                budget.clone(),
            ))
        };
        let recognition = redraw_of(plan.recognition.as_ref().ok()).map(new_picture);
        let verification = redraw_of(
            plan.verification
                .as_ref()
                .and_then(|show| show.as_ref().ok()),
        );
        let verification = match (&recognition, redraw_of(plan.recognition.as_ref().ok())) {
            (Some(picture), shared) if shared == verification => Some(Arc::clone(picture)),
            (Some(_) | None, _) => verification.map(new_picture),
        };
        let view = |show: Show, prepared: &Option<Arc<MadePicture>>| match (show, prepared) {
            (Show::Made(_), Some(picture)) => {
                View::Made(Arc::clone(picture) as Arc<dyn PictureSource>)
            }
            (Show::Fetched, _) => View::Object(Arc::clone(object) as Arc<dyn UrlSigner>),
            (Show::Original | Show::Made(_), _) => View::Inline(Picture {
                bytes: bytes.clone(),
                format: facts.format,
            }),
        };
        Self {
            recognition: plan.recognition.map(|show| view(show, &recognition)),
            verification: plan
                .verification
                .map(|show| show.map(|show| view(show, &verification))),
            made: MadePictures {
                recognition,
                verification,
            },
        }
    }
}

fn redraw_of(show: Option<&Show>) -> Option<&Redraw> {
    match show {
        Some(Show::Made(redraw)) => Some(redraw),
        Some(Show::Fetched | Show::Original) | None => None,
    }
}
