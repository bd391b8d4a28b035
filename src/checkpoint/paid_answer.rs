//! What both kinds of paid answers have in common: where they are kept, and how they travel.

use super::carried::CarriedAnswers;
use super::checkpoints::Checkpoints;
use super::kept::{UnkeptVerification, Verification, VerificationAnswer};
use crate::domain::failure::{Failure, Stage};
use crate::domain::progress::{PaidBy, Progress};
use crate::domain::result::RecognitionPart;
use crate::retry::RecallTime;
use crate::store::WriteOutcome;
use jiff::civil::Date;

/// The registry's answer, and the day on which it gave it: tomorrow it may be another one.
pub type DatedAnswer = (Date, VerificationAnswer);

/// The state of the answer about an image.
pub(crate) enum Known<A> {
    Answer(A),
    /// A call gave no answer: with this code the image has to be turned.
    Unread(String),
}

impl<A: PaidAnswer> Known<A> {
    /// The answer, if it is one; otherwise the next call turns the image. A worker that died may
    /// have paid for it, and told no one.
    pub(crate) async fn heed(
        known: Option<Self>,
        stage: Stage,
        checkpoints: &Checkpoints,
        (image, day): (&str, Date),
        progress: &mut Progress,
    ) -> Option<A> {
        progress.notes.looked = true;
        let known = known?;
        let mut paid = None;
        if progress.delivered.redelivered {
            paid = A::paid_by(checkpoints, image, day).await;
        }
        match known {
            Self::Answer(answer) => {
                progress.found(stage, paid);
                Some(answer)
            }
            Self::Unread(code) => {
                progress.recover(paid);
                progress.steps.rotated_for.get_or_insert(code);
                None
            }
        }
    }
}

/// The part of an answer that was found to be kept, and when.
pub(crate) struct Recalled<A> {
    pub(crate) at: RecallTime,
    pub(crate) known: Option<Known<A>>,
}

/// The place where an answer is kept.
pub(crate) enum Kept {
    /// By this job or another one.
    Already,
    /// By this job, and it is the first about its image: at that time no other answer was kept.
    First(RecallTime),
    /// It is to be kept together with the result.
    Beside(UnkeptVerification),
}

/// An answer that is paid for, kept under the image that it is about.
pub(crate) trait PaidAnswer: Clone {
    /// Reads what is kept, for a question that is asked on `day`.
    async fn recall(
        checkpoints: &Checkpoints,
        image: &str,
        day: Date,
    ) -> Result<Option<Known<Self>>, Failure>;

    /// Reads like [`PaidAnswer::recall`], from this process's memory alone.
    async fn recall_here(checkpoints: &Checkpoints, image: &str, day: Date) -> Option<Known<Self>>;

    /// Keeps it in the store. The outcome is whether it is the first answer about the image, so
    /// that no other one can be kept yet.
    async fn keep(
        &self,
        checkpoints: &Checkpoints,
        image: &str,
        paid: Option<&PaidBy>,
    ) -> Result<WriteOutcome, Failure>;

    /// Returns who paid for the answer that is kept.
    async fn paid_by(checkpoints: &Checkpoints, image: &str, day: Date) -> Option<PaidBy>;

    /// The answer as it is kept together with the result; `None` for one that has to be kept before
    /// anything else is done.
    fn beside_result(&self, image: &str, paid: PaidBy) -> Option<UnkeptVerification>;

    /// The place in which the answer travels with its job.
    fn carried(answers: &mut CarriedAnswers) -> &mut Option<Self>;
}

impl PaidAnswer for RecognitionPart {
    async fn recall(
        checkpoints: &Checkpoints,
        image: &str,
        _day: Date,
    ) -> Result<Option<Known<Self>>, Failure> {
        Ok(checkpoints.recognition(image).await?.map(Known::Answer))
    }

    async fn recall_here(
        checkpoints: &Checkpoints,
        image: &str,
        _day: Date,
    ) -> Option<Known<Self>> {
        checkpoints.recognition_here(image).await.map(Known::Answer)
    }

    async fn keep(
        &self,
        checkpoints: &Checkpoints,
        image: &str,
        paid: Option<&PaidBy>,
    ) -> Result<WriteOutcome, Failure> {
        checkpoints.keep_recognition(image, self, paid).await
    }

    async fn paid_by(checkpoints: &Checkpoints, image: &str, _day: Date) -> Option<PaidBy> {
        checkpoints.recognition_paid_by(image).await
    }

    fn beside_result(&self, _image: &str, _paid: PaidBy) -> Option<UnkeptVerification> {
        None
    }

    fn carried(answers: &mut CarriedAnswers) -> &mut Option<Self> {
        &mut answers.recognition
    }
}

impl PaidAnswer for DatedAnswer {
    async fn recall(
        checkpoints: &Checkpoints,
        image: &str,
        day: Date,
    ) -> Result<Option<Known<Self>>, Failure> {
        let known = checkpoints.verification(image, day).await?;
        Ok(known.map(|known| of_day(known, day)))
    }

    async fn recall_here(checkpoints: &Checkpoints, image: &str, day: Date) -> Option<Known<Self>> {
        let known = checkpoints.verification_here(image, day).await?;
        Some(of_day(known, day))
    }

    async fn keep(
        &self,
        checkpoints: &Checkpoints,
        image: &str,
        paid: Option<&PaidBy>,
    ) -> Result<WriteOutcome, Failure> {
        let (day, answer) = self;
        checkpoints
            .keep_verification(image, *day, answer, paid)
            .await?;
        // Its recognition was kept before it.
        Ok(WriteOutcome::Exists)
    }

    async fn paid_by(checkpoints: &Checkpoints, image: &str, day: Date) -> Option<PaidBy> {
        checkpoints.verification_paid_by(image, day).await
    }

    fn beside_result(&self, image: &str, paid: PaidBy) -> Option<UnkeptVerification> {
        Some(UnkeptVerification {
            image: image.to_owned(),
            answer: self.clone(),
            paid,
        })
    }

    fn carried(answers: &mut CarriedAnswers) -> &mut Option<Self> {
        &mut answers.verification
    }
}

fn of_day(known: Verification, day: Date) -> Known<DatedAnswer> {
    match known {
        Verification::Answered(answer) => Known::Answer((day, answer)),
        Verification::Unread { unread } => Known::Unread(unread),
    }
}
