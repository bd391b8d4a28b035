//! Which names answers, results and runs are kept under, and which of two stands.

use super::kept::{
    FirstLook, Recognition, StoredResult, UnkeptVerification, UnparkedRun, Verification,
    VerificationAnswer,
};
use super::names::{recognition_name, result_name, unparked_name, verification_name};
use super::paid_note::{FoundNote, Noted, NotedUnread, NotedVerification};
use super::sealed_objects::{Durable, SealedObjects, encoded};
use super::{Config, StoreKind};
use crate::domain::failure::Failure;
use crate::domain::progress::PaidBy;
use crate::domain::result::{RecognitionPart, Status};
use crate::seal::Sealer;
use crate::store::{Store, WriteOutcome};
use crate::telemetry::metric;
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The result of a write that leaves what stands.
enum Written<T> {
    New,
    /// Something was there that does not stand, or a store that does not honour conditions may have
    /// had something.
    Replaced,
    Stands(T),
}

/// Cheap to clone; clones share the memory.
#[derive(Clone)]
pub struct Checkpoints {
    pub(super) objects: SealedObjects,
    /// The store keeps what is there when a write says so: of two copies of a run one result
    /// stands, whichever was written first. Unknown until the store has answered.
    pub(super) conditional: Arc<OnceCell<bool>>,
}

impl Checkpoints {
    /// `default_bucket` is where checkpoints go when the section names none.
    pub fn new(config: &Config, store: &Store, default_bucket: &str, sealer: Sealer) -> Self {
        let bucket = if config.bucket.is_empty() {
            default_bucket
        } else {
            &config.bucket
        };
        let (remembers, durable) = match config.store {
            StoreKind::S3 => (
                true,
                Some(Durable {
                    store: store.clone(),
                    bucket: bucket.to_owned(),
                }),
            ),
            StoreKind::Memory => (true, None),
            StoreKind::None => (false, None),
        };
        Self {
            objects: SealedObjects::new(remembers, durable, config.prefix.clone(), sealer),
            conditional: Arc::default(),
        }
    }

    /// The recognition that this process remembers, without asking the store.
    pub async fn recognition_here(&self, image: &str) -> Option<RecognitionPart> {
        let here = self.objects.remembered(&recognition_name(image)).await;
        here.and_then(part)
    }

    /// The verification that this process remembers, without asking the store.
    pub async fn verification_here(&self, image: &str, day: Date) -> Option<Verification> {
        let name = verification_name(image, day);
        self.objects.remembered(&name).await
    }

    pub async fn recognition(&self, image: &str) -> Result<Option<RecognitionPart>, Failure> {
        Ok(match self.first_look(image).await? {
            FirstLook::Seen(recognition) => recognition,
            FirstLook::Nothing => None,
        })
    }

    /// Looks for the first object about the image: one request tells whether others are worth one.
    pub async fn first_look(&self, image: &str) -> Result<FirstLook, Failure> {
        let is_last = |kept: &Recognition| matches!(kept, Recognition::Read(_));
        let found = self.find(&recognition_name(image), is_last).await?;
        let Some(found) = found else {
            return Ok(FirstLook::Nothing);
        };
        let recognition = part(found);
        if recognition.is_some() {
            metric::checkpoint_hit("recognition");
        }
        Ok(FirstLook::Seen(recognition))
    }

    /// Keeps what the image says. The outcome is whether this is the first answer about it.
    pub async fn keep_recognition(
        &self,
        image: &str,
        part: &RecognitionPart,
        paid: Option<&PaidBy>,
    ) -> Result<WriteOutcome, Failure> {
        let name = recognition_name(image);
        let json = encoded(&Noted::recognition(part, paid));
        // The memory first: whatever becomes of S3, this process does not pay twice.
        self.objects.remember(&name, json.clone()).await;
        let stands = |kept: &Recognition| matches!(kept, Recognition::Read(_));
        Ok(match self.write_unless(&name, &json, stands).await? {
            Written::New => WriteOutcome::New,
            Written::Replaced | Written::Stands(_) => WriteOutcome::Exists,
        })
    }

    /// Keeps that the image was asked about without being read, before other answers about it are
    /// kept: [`Checkpoints::first_look`] has to find something.
    pub async fn keep_unread_image(&self, image: &str) -> Result<(), Failure> {
        let json = encoded(&Recognition::Unread { is_unread: true });
        let name = recognition_name(image);
        let written = self.write_unless(&name, &json, |_: &Recognition| true);
        written.await.map(drop)
    }

    /// The registry's answer of `day`: tomorrow it may be another one. That the picture has to be
    /// turned is not the last word: another process may have an answer by now.
    pub async fn verification(
        &self,
        image: &str,
        day: Date,
    ) -> Result<Option<Verification>, Failure> {
        let is_last = |known: &Verification| matches!(known, Verification::Answered(_));
        self.get("verification", &verification_name(image, day), is_last)
            .await
    }

    pub async fn keep_verification(
        &self,
        image: &str,
        day: Date,
        answer: &VerificationAnswer,
        paid: Option<&PaidBy>,
    ) -> Result<(), Failure> {
        let name = verification_name(image, day);
        let noted = NotedVerification::of(answer, paid);
        self.objects.put(&name, &noted).await
    }

    /// This process remembers the answer, which is still to be kept.
    pub async fn remember_verification(&self, unkept: &UnkeptVerification) {
        let (day, answer) = &unkept.answer;
        let name = verification_name(&unkept.image, *day);
        let noted = NotedVerification::of(answer, Some(&unkept.paid));
        self.objects.remember(&name, encoded(&noted)).await;
    }

    /// Keeps that the image has to be turned, unless there is an answer by now.
    pub async fn keep_unread(
        &self,
        image: &str,
        day: Date,
        unread: &str,
        paid: Option<&PaidBy>,
    ) -> Result<(), Failure> {
        let name = verification_name(image, day);
        if self.objects.read::<Verification>(&name).await?.is_some() {
            return Ok(());
        }
        self.objects.put(&name, &NotedUnread { unread, paid }).await
    }

    /// Returns who paid for the recognition that is kept.
    pub async fn recognition_paid_by(&self, image: &str) -> Option<PaidBy> {
        self.paid_by(&recognition_name(image)).await
    }

    /// Returns who paid for the verification that is kept.
    pub async fn verification_paid_by(&self, image: &str, day: Date) -> Option<PaidBy> {
        self.paid_by(&verification_name(image, day)).await
    }

    async fn paid_by(&self, name: &str) -> Option<PaidBy> {
        let note = self.find::<FoundNote>(name, |_| true).await;
        note.ok().flatten().and_then(FoundNote::paid)
    }

    /// One that is not completed may have been replaced by another process: the store is asked, and
    /// where it fails the memory.
    pub async fn result(&self, question: &str) -> Result<Option<StoredResult>, Failure> {
        let name = result_name(question);
        let is_last = |kept: &StoredResult| kept.status == Status::Completed;
        self.get_or_remember("result", &name, is_last).await
    }

    /// Keeps a final result, unless there is one that it does not replace: then that one stands,
    /// and is answered.
    ///
    /// Where the store does not honour conditional writes, two copies that finish at the same
    /// moment may both be kept, the later one over the earlier.
    pub async fn keep_result(
        &self,
        question: &str,
        result: &StoredResult,
        replaces: impl Fn(&StoredResult) -> bool,
    ) -> Result<Option<StoredResult>, Failure> {
        let (name, objects) = (result_name(question), &self.objects);
        let json = encoded(result);
        let standing = |kept: Option<StoredResult>| kept.filter(|kept| !replaces(kept));
        if let Some(first) = standing(objects.remembered(&name).await) {
            return Ok(Some(first));
        }
        let stands = |kept: &StoredResult| !replaces(kept);
        // The store first: what it did not take must not be found here, and taken for kept, when it
        // is tried again.
        let written = self.write_unless(&name, &json, stands).await?;
        if let Written::Stands(first) = written {
            objects.remember(&name, encoded(&first)).await;
            return Ok(Some(first));
        }
        objects.remember(&name, json).await;
        Ok(None)
    }

    /// Writes to the store alone, unless something is there that stands. Another worker may have
    /// put there what this process does not know.
    async fn write_unless<T: DeserializeOwned>(
        &self,
        name: &str,
        json: &[u8],
        stands: impl Fn(&T) -> bool,
    ) -> Result<Written<T>, Failure> {
        let objects = &self.objects;
        if objects.durable().is_none() {
            return Ok(Written::New);
        }
        if self.writes_on_condition().await
            && objects.write_new(name, json).await? == WriteOutcome::New
        {
            return Ok(Written::New);
        }
        if let Some(first) = objects.read(name).await?.filter(stands) {
            return Ok(Written::Stands(first));
        }
        objects.write(name, json).await?;
        Ok(Written::Replaced)
    }

    /// A result that the store does not take: this process remembers it.
    pub async fn remember_result(&self, question: &str, result: &StoredResult) {
        self.objects
            .remember(&result_name(question), encoded(result))
            .await;
    }

    /// Another worker may have left more of the run since: the store is asked, and where it fails
    /// the memory.
    pub async fn unparked(&self, run: &str) -> Result<Option<UnparkedRun>, Failure> {
        self.get_or_remember("unparked", &unparked_name(run), |_| false)
            .await
    }

    pub async fn keep_unparked(&self, unparked: &UnparkedRun) -> Result<(), Failure> {
        let name = unparked_name(&unparked.progress.run);
        self.objects.put(&name, unparked).await
    }

    /// Reads an object. This process's memory is used where it `is_last`: anything else the store
    /// may know better.
    async fn find<T: DeserializeOwned>(
        &self,
        name: &str,
        is_last: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, Failure> {
        let here = self.objects.remembered(name).await;
        if here.as_ref().is_some_and(is_last) {
            return Ok(here);
        }
        Ok(self.objects.read(name).await?.or(here))
    }

    /// Finds an object, and counts that.
    async fn get<T: DeserializeOwned>(
        &self,
        kind: &'static str,
        name: &str,
        is_last: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, Failure> {
        let found = self.find(name, is_last).await?;
        if found.is_some() {
            metric::checkpoint_hit(kind);
        }
        Ok(found)
    }

    /// Reads like [`Checkpoints::get`], and falls back to this process's memory where the store
    /// fails.
    async fn get_or_remember<T: DeserializeOwned>(
        &self,
        kind: &'static str,
        name: &str,
        is_last: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, Failure> {
        match self.get(kind, name, is_last).await {
            Err(failure) => {
                let here = self.objects.remembered(name).await;
                here.map(Some).ok_or(failure)
            }
            found => found,
        }
    }
}

fn part(kept: Recognition) -> Option<RecognitionPart> {
    match kept {
        Recognition::Read(part) => Some(part),
        Recognition::Unread { .. } => None,
    }
}
