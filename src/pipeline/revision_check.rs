//! Is it still the image that was loaded? Asked where somebody reads it once more: the provider, by
//! an address that names no version, or the worker, for a provider that could not.

use super::provider_image::ProviderImage;
use crate::checkpoint::CarriedAnswers;
use crate::domain::failure::{Failure, Stage};
use crate::image::{Extent, LoadedImage, Loader, Object, ObjectLink, Transfers, view};
use crate::pipeline::Pipeline;
use crate::policy::Decision;
use crate::provider::View;
use crate::retry::{Case, Retrier, StageStopped};

/// Of the store's failures, as the policy knows it.
const REPLACED: &str = "replaced";

impl Pipeline {
    /// A provider fetched the image itself, and its address named no version: is it still the one
    /// that was asked about? If not, nobody knows which of the two the answer is about.
    ///
    /// # Errors
    /// [`StageStopped`]: it was replaced, or is gone, and the answer is worth nothing; or the store does
    /// not tell now. Then `pack` has put the answer into the job's parcel: the next turn begins
    /// with a look at the image, and takes the answer out only if it is the same.
    pub(super) async fn confirm(
        &self,
        held: &ProviderImage,
        loaded: &LoadedImage,
        case: &mut Case<'_>,
        pack: impl FnOnce(&mut CarriedAnswers),
    ) -> Result<(), Box<StageStopped>> {
        let looked = self.look_again(held, loaded, case).await;
        if let Err(stopped) = &looked
            && is_untold(stopped)
        {
            self.answers.carry(case, &loaded.identity, pack).await;
        }
        looked
    }

    /// As [`Pipeline::confirm`], where there is no answer that would be worth keeping.
    pub(super) async fn look_again(
        &self,
        held: &ProviderImage,
        loaded: &LoadedImage,
        case: &mut Case<'_>,
    ) -> Result<(), Box<StageStopped>> {
        let (View::Link(_), Some(Object { link, .. })) = (&held.view, &loaded.object) else {
            return Ok(());
        };
        if link.is_pinned()
            || self
                .loader
                .is_still_there(link, &self.retrier, case)
                .await?
        {
            return Ok(());
        }
        Err(begin_anew(&self.retrier, case).await)
    }

    /// A provider's last word is about the image only if that is still the one that was asked
    /// about. While the store does not tell, the word stands: it was heard, and to ask again would
    /// be paid again.
    pub(super) async fn concerning(
        &self,
        stopped: Box<StageStopped>,
        held: &ProviderImage,
        loaded: &LoadedImage,
        case: &mut Case<'_>,
    ) -> Box<StageStopped> {
        let is_last = matches!(stopped.ruling.decision, Decision::Fail { .. })
            && matches!(
                stopped.failure.stage,
                Stage::Recognition | Stage::Verification
            )
            && stopped.barrier.is_none();
        if !is_last {
            return stopped;
        }
        match self.look_again(held, loaded, case).await {
            Err(other) if !is_untold(&other) => other,
            Ok(()) | Err(_) => stopped,
        }
    }
}

/// The store has not said what became of the image: it could not, or it is too late to ask it, or
/// it may not be asked now.
fn is_untold(stopped: &StageStopped) -> bool {
    let StageStopped {
        failure,
        ruling,
        barrier,
    } = stopped;
    let is_its_word = matches!(ruling.decision, Decision::Fail { .. })
        && failure.stage != Stage::Job
        && !ruling.cut_short
        && barrier.is_none();
    failure.code != REPLACED && !is_its_word
}

impl Loader {
    /// The image's bytes after all, for a provider that cannot fetch it.
    pub(super) async fn inline(
        &self,
        object: &Object,
        stage: Stage,
        retrier: &Retrier,
        case: &mut Case<'_>,
    ) -> Result<ProviderImage, Box<StageStopped>> {
        let link = &object.link;
        let (bytes, memory) = if let Some(bytes) = &object.bytes {
            (bytes.clone(), None)
        } else {
            let fetched = self.fetched(link.place(), retrier, case).await?;
            if !self
                .is_still(
                    link,
                    (Extent::Whole, fetched.revision.name()),
                    retrier,
                    case,
                )
                .await?
            {
                return Err(begin_anew(retrier, case).await);
            }
            (fetched.bytes, Some(fetched.reserved))
        };
        let (_, prepared) = self
            .prepare(bytes, Transfers::inline_to(stage))
            .await
            .map_err(StageStopped::at_fault)?;
        let picture = if stage == Stage::Recognition {
            prepared.recognition.map_err(StageStopped::at_fault)?
        } else {
            prepared.verification
        };
        Ok(ProviderImage {
            view: view(picture, link),
            _memory: memory,
        })
    }

    async fn is_still_there(
        &self,
        link: &ObjectLink,
        retrier: &Retrier,
        case: &mut Case<'_>,
    ) -> Result<bool, Box<StageStopped>> {
        let found = self.found(link, Extent::Part, retrier, case).await?;
        self.is_still(link, (Extent::Part, found.as_deref()), retrier, case)
            .await
    }

    /// Is what was found there, under this name, the revision that was loaded?
    ///
    /// There are stores that name a part otherwise than the whole. Whoever read the other of the
    /// two reads both again: if each is called what it was called before, that is the store's way,
    /// and no other image.
    async fn is_still(
        &self,
        link: &ObjectLink,
        (extent, found): (Extent, Option<&str>),
        retrier: &Retrier,
        case: &mut Case<'_>,
    ) -> Result<bool, Box<StageStopped>> {
        let loaded = link.revision.name();
        if found == loaded {
            return Ok(true);
        }
        Ok(extent != link.told_by
            && self
                .found(link, link.told_by, retrier, case)
                .await?
                .as_deref()
                == loaded
            && self.found(link, extent, retrier, case).await?.as_deref() == found)
    }

    /// What the revision that is there now is called.
    async fn found(
        &self,
        link: &ObjectLink,
        extent: Extent,
        retrier: &Retrier,
        case: &mut Case<'_>,
    ) -> Result<Option<String>, Box<StageStopped>> {
        let revision = retrier
            .in_place(Stage::Storage, case, async || match extent {
                Extent::Part => Ok(self.glimpse(link.place()).await?.revision),
                Extent::Whole => self.revision(link.place()).await,
            })
            .await?;
        Ok(revision.name().map(str::to_owned))
    }
}

/// Of another picture, the answers that this job has or waits for would be wrong ones: it begins
/// anew. That the policy judges it bounds how often; to try again in place would mend nothing.
async fn begin_anew(retrier: &Retrier, case: &mut Case<'_>) -> Box<StageStopped> {
    let replaced = || {
        Failure::new(
            Stage::Storage,
            REPLACED,
            "the image was replaced by another one while its job was under way",
        )
    };
    match retrier
        .attempt(Stage::Storage, case, None, async {
            Err::<(), _>(replaced())
        })
        .await
    {
        // It was, even where the store may not be asked any more.
        Err(stopped) => Box::new(StageStopped {
            failure: replaced(),
            ..*stopped
        }),
        Ok(_) => StageStopped::boxed(
            replaced(),
            Decision::Park {
                until: retrier.clock.now(),
            },
        ),
    }
}
