//! What a job brings along because no store took it, and takes along for the same reason.

use super::Pipeline;
use crate::checkpoint::Parcel;
use crate::domain::failure::{Failure, Stage};
use crate::retry::Case;

impl Pipeline {
    /// The paid answers about this image that travelled with the job.
    pub(super) fn brought(case: &Case<'_>, image: &str) -> Parcel {
        let packed = case.progress.parcel.as_deref();
        let parcel = packed
            .and_then(Parcel::unpack)
            .filter(|parcel| parcel.image == image);
        parcel.unwrap_or_else(|| Parcel {
            image: image.to_owned(),
            ..Parcel::default()
        })
    }

    /// A paid answer that cannot be stored travels with its job, and whatever else could not be.
    pub(super) async fn pack_up(
        &self,
        case: &mut Case<'_>,
        image: &str,
        pack: impl FnOnce(&mut Parcel),
    ) {
        let mut parcel = Self::brought(case, image);
        if parcel.recognition.is_none() {
            // Perhaps somebody else's, which was not stored either.
            parcel.recognition = self.checkpoints.recognition_here(image).await;
        }
        pack(&mut parcel);
        Self::take_along(case, &parcel);
    }

    /// What is still to travel. What is too large for it is at best remembered by this process.
    pub(super) fn take_along(case: &mut Case<'_>, parcel: &Parcel) {
        if parcel.is_empty() {
            case.progress.parcel = None;
            return;
        }
        // What is too large is left out; what was packed before still travels.
        if let packed @ Some(_) = parcel.pack() {
            case.progress.parcel = packed;
        } else {
            tracing::error!(
                "a paid answer is too large to travel with its job: it may have to be paid for again"
            );
        }
    }

    /// An answer that came with the job is safe with it; it is stored, if that is possible by now,
    /// for others who ask the same. Answers whether it need not travel any more.
    pub(super) async fn is_stored_by_now<A>(&self, stage: Stage, write: A) -> bool
    where
        A: Future<Output = Result<(), Failure>>,
    {
        match write.await {
            Ok(()) => true,
            Err(failure) => {
                tracing::debug!(%stage, code = failure.code, "an answer that came with its job can still not be stored");
                false
            }
        }
    }
}
