//! What a provider is shown in its next calls, and what that holds of the memory for images.

use crate::domain::failure::Stage;
use crate::image::{LoadedImage, Reserved};
use crate::pipeline::Pipeline;
use crate::provider::View;
use crate::retry::{Case, StageStopped};

pub(super) struct ProviderImage {
    pub(super) view: View,
    /// Beyond what was loaded.
    pub(super) _memory: Option<Reserved>,
}

impl ProviderImage {
    /// For one call, which is judged by how the image is handed over.
    pub(super) fn show(&self, case: &mut Case<'_>) -> View {
        case.transfer = self.view.transfer();
        case.has_bytes = matches!(self.view, View::Link(_));
        self.view.clone()
    }
}

impl Pipeline {
    /// The image's bytes where the provider could not fetch it before, in this turn of the job or
    /// in an earlier one.
    ///
    /// # Errors
    /// [`StageStopped`]: the store does not hand them out, or no longer has this image.
    pub(super) async fn held(
        &self,
        stage: Stage,
        loaded: &LoadedImage,
        view: &View,
        case: &mut Case<'_>,
    ) -> Result<ProviderImage, Box<StageStopped>> {
        match (view, &loaded.object) {
            (View::Link(_), Some(object)) if case.progress.inline.contains(&stage) => {
                self.loader.inline(object, stage, &self.retrier, case).await
            }
            _ => Ok(ProviderImage {
                view: view.clone(),
                _memory: None,
            }),
        }
    }
}
