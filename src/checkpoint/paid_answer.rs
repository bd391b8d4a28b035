//! What both kinds of paid answers have in common: where they are kept, and how they travel.

use super::carried::CarriedAnswers;
use super::checkpoints::Checkpoints;
use super::kept::{Verification, VerificationAnswer};
use crate::domain::failure::Failure;
use crate::domain::result::RecognitionPart;
use jiff::civil::Date;

/// The registry's answer, and the day on which it gave it: tomorrow it may be another one.
pub type DatedAnswer = (Date, VerificationAnswer);

/// The state of the answer about an image.
pub(crate) enum Known<A> {
    Answer(A),
    /// A call gave no answer: with this code the image has to be turned.
    Unread(String),
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

    async fn keep(&self, checkpoints: &Checkpoints, image: &str) -> Result<(), Failure>;

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

    async fn keep(&self, checkpoints: &Checkpoints, image: &str) -> Result<(), Failure> {
        checkpoints.keep_recognition(image, self).await
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

    async fn keep(&self, checkpoints: &Checkpoints, image: &str) -> Result<(), Failure> {
        let (day, answer) = self;
        checkpoints.keep_verification(image, *day, answer).await
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
