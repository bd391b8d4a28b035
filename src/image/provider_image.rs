//! What a provider is shown in its next calls, and the memory that this takes.

use super::assess::plan;
use super::fit::MadePicture;
use super::inspect::inspect;
use super::loaded::Object;
use super::views::Views;
use super::{LoadedImage, Loader, Reserved, Transfers};
use crate::domain::failure::Stage;
use crate::domain::progress::Progress;
use crate::domain::result::PreparedPicture;
use crate::provider::View;
use crate::retry::{JobContext, Retrier, StageStopped};
use std::sync::Arc;

pub struct ProviderImage {
    pub view: View,
    made: Option<Arc<MadePicture>>,
    /// The memory that it takes beyond the loaded image.
    _memory: Option<Reserved>,
}

impl ProviderImage {
    /// The picture that was sent instead of the original; `None` before it was made, too.
    pub fn prepared(&self) -> Option<PreparedPicture> {
        self.made.as_ref()?.prepared()
    }
}

impl Loader {
    /// The image as this provider is to see it: its bytes where the provider could not fetch it
    /// before, in this turn of the job or in an earlier one, otherwise `view`.
    ///
    /// # Errors
    /// [`StageStopped`]: the store does not give the bytes.
    pub async fn provider_image(
        &self,
        stage: Stage,
        image: &LoadedImage,
        view: &View,
        job: &JobContext<'_>,
        progress: &mut Progress,
        retrier: &Retrier,
    ) -> Result<ProviderImage, Box<StageStopped>> {
        match (view, &image.object) {
            (View::Object(_), Some(object)) if progress.steps.inline.contains(&stage) => {
                self.inline(stage, object, job, progress, retrier).await
            }
            _ => Ok(ProviderImage {
                view: view.clone(),
                made: image.made.of(stage).cloned(),
                _memory: None,
            }),
        }
    }

    /// The image's bytes after all, for a provider that cannot fetch it.
    async fn inline(
        &self,
        stage: Stage,
        Object {
            presigned,
            bytes: loaded,
            ..
        }: &Object,
        job: &JobContext<'_>,
        progress: &mut Progress,
        retrier: &Retrier,
    ) -> Result<ProviderImage, Box<StageStopped>> {
        let (bytes, memory) = if let Some(bytes) = loaded {
            (bytes.clone(), None)
        } else {
            let mut fetched = self
                .fetched(presigned.named(), job, progress, retrier)
                .await?;
            if fetched.revision.version_id != presigned.revision.version_id {
                // Another image lies there by now. Two reservations at once could make two jobs
                // wait for each other.
                drop(fetched);
                fetched = self
                    .fetched(presigned.version(), job, progress, retrier)
                    .await?;
            }
            (fetched.bytes, Some(fetched.reserved))
        };
        let facts = inspect(&bytes, job.job.page.unwrap_or(1))
            .map_err(|refusal| StageStopped::at_fault(*refusal.failure))?;
        let plan = plan(self.limits, &bytes, facts, Transfers::inline_to(stage))
            .await
            .map_err(StageStopped::at_fault)?;
        let queue = progress.delivered.queue.as_deref();
        let decoding = self.decoding.for_queue(queue);
        let views = Views::of(plan, &bytes, facts, presigned, &decoding);
        let view = match views.verification {
            Some(view) if stage == Stage::Verification => view,
            Some(_) | None => views.recognition,
        };
        Ok(ProviderImage {
            view: view.map_err(StageStopped::at_fault)?,
            made: views.made.of(stage).cloned(),
            _memory: memory,
        })
    }
}
