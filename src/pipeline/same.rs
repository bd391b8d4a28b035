//! Is it still the image that was loaded? Asked where somebody reads it once more: the provider, by
//! an address that names no version, or the worker, for a provider that could not.

use super::Pipeline;
use super::held::Held;
use super::link::{Extent, ObjectLink};
use super::load::{Loader, view};
use super::loaded::{Loaded, Object};
use crate::checkpoint::Parcel;
use crate::domain::failure::{Failure, Stage};
use crate::domain::policy::Decision;
use crate::image::Transfers;
use crate::provider::View;
use crate::retry::{Case, Judge, Stopped};

/// Of the store's failures, as the policy knows it.
const REPLACED: &str = "replaced";

impl Pipeline {
    /// A provider fetched the image itself, and its address named no version: is it still the one
    /// that was asked about? If not, nobody knows which of the two the answer is about.
    ///
    /// # Errors
    /// [`Stopped`]: it was replaced, or is gone, and the answer is worth nothing; or the store does
    /// not tell now. Then `pack` has put the answer into the job's parcel: the next turn begins
    /// with a look at the image, and takes the answer out only if it is the same.
    pub(super) async fn confirm(
        &self,
        held: &Held,
        loaded: &Loaded,
        case: &mut Case<'_>,
        pack: impl FnOnce(&mut Parcel),
    ) -> Result<(), Box<Stopped>> {
        let looked = self.look_again(held, loaded, case).await;
        if let Err(stopped) = &looked
            && is_untold(stopped)
        {
            self.pack_up(case, &loaded.identity, pack).await;
        }
        looked
    }

    /// As [`Pipeline::confirm`], where there is no answer that would be worth keeping.
    pub(super) async fn look_again(
        &self,
        held: &Held,
        loaded: &Loaded,
        case: &mut Case<'_>,
    ) -> Result<(), Box<Stopped>> {
        let (View::Link(_), Some(Object { link, .. })) = (&held.view, &loaded.object) else {
            return Ok(());
        };
        if link.is_pinned() || self.loader.is_still_there(link, &self.judge, case).await? {
            return Ok(());
        }
        Err(begin_anew(&self.judge, case).await)
    }

    /// A provider's last word is about the image only if that is still the one that was asked
    /// about. While the store does not tell, the word stands: it was heard, and to ask again would
    /// be paid again.
    pub(super) async fn concerning(
        &self,
        stopped: Box<Stopped>,
        held: &Held,
        loaded: &Loaded,
        case: &mut Case<'_>,
    ) -> Box<Stopped> {
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
fn is_untold(stopped: &Stopped) -> bool {
    let Stopped {
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
        judge: &Judge,
        case: &mut Case<'_>,
    ) -> Result<Held, Box<Stopped>> {
        let link = &object.link;
        let (bytes, memory) = if let Some(bytes) = &object.bytes {
            (bytes.clone(), None)
        } else {
            let fetched = self.fetched(link.place(), judge, case).await?;
            if !self
                .is_still(link, (Extent::Whole, fetched.revision.name()), judge, case)
                .await?
            {
                return Err(begin_anew(judge, case).await);
            }
            (fetched.bytes, Some(fetched.reserved))
        };
        let (_, prepared) = self
            .prepare(bytes, Transfers::inline_to(stage))
            .await
            .map_err(Stopped::at_fault)?;
        let picture = if stage == Stage::Recognition {
            prepared.recognition.map_err(Stopped::at_fault)?
        } else {
            prepared.verification
        };
        Ok(Held {
            view: view(picture, link),
            _memory: memory,
        })
    }

    async fn is_still_there(
        &self,
        link: &ObjectLink,
        judge: &Judge,
        case: &mut Case<'_>,
    ) -> Result<bool, Box<Stopped>> {
        let found = self.found(link, Extent::Part, judge, case).await?;
        self.is_still(link, (Extent::Part, found.as_deref()), judge, case)
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
        judge: &Judge,
        case: &mut Case<'_>,
    ) -> Result<bool, Box<Stopped>> {
        let loaded = link.revision.name();
        if found == loaded {
            return Ok(true);
        }
        Ok(extent != link.told_by
            && self
                .found(link, link.told_by, judge, case)
                .await?
                .as_deref()
                == loaded
            && self.found(link, extent, judge, case).await?.as_deref() == found)
    }

    /// What the revision that is there now is called.
    async fn found(
        &self,
        link: &ObjectLink,
        extent: Extent,
        judge: &Judge,
        case: &mut Case<'_>,
    ) -> Result<Option<String>, Box<Stopped>> {
        let revision = judge
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
async fn begin_anew(judge: &Judge, case: &mut Case<'_>) -> Box<Stopped> {
    let replaced = || {
        Failure::new(
            Stage::Storage,
            REPLACED,
            "the image was replaced by another one while its job was under way",
        )
    };
    match judge
        .attempt(Stage::Storage, case, None, async {
            Err::<(), _>(replaced())
        })
        .await
    {
        // It was, even where the store may not be asked any more.
        Err(stopped) => Box::new(Stopped {
            failure: replaced(),
            ..*stopped
        }),
        Ok(_) => Stopped::boxed(
            replaced(),
            Decision::Park {
                until: judge.clock.now(),
            },
        ),
    }
}
