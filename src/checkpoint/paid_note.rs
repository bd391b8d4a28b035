//! Who paid for a kept answer: a note beside it, in the same object. A worker that finds the answer of
//! a run whose worker died tells of its calls.

use super::kept::VerificationAnswer;
use crate::domain::progress::PaidBy;
use crate::domain::result::{JobError, RecognitionPart, Verdict, VerificationPart};
use serde::{Deserialize, Serialize};

/// An answer as it is written with its note. It is read without, as older ones are.
#[derive(Serialize)]
pub(super) struct Noted<'a, T> {
    #[serde(flatten)]
    answer: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid: Option<&'a PaidBy>,
}

/// [`VerificationAnswer`] with its note.
#[derive(Serialize)]
pub(super) enum NotedVerification<'a> {
    Found(Noted<'a, VerificationPart>),
    Negative {
        verdict: &'a Verdict,
        error: &'a JobError,
        #[serde(skip_serializing_if = "Option::is_none")]
        paid: Option<&'a PaidBy>,
    },
}

/// That an image has to be turned, with its note.
#[derive(Serialize)]
pub(super) struct NotedUnread<'a> {
    pub(super) unread: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) paid: Option<&'a PaidBy>,
}

/// The note alone, wherever it is.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FoundNote {
    #[serde(rename = "paid")]
    here: Option<PaidBy>,
    found: Option<Inner>,
    negative: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    paid: Option<PaidBy>,
}

impl<'a> Noted<'a, RecognitionPart> {
    pub(super) fn recognition(answer: &'a RecognitionPart, paid: Option<&'a PaidBy>) -> Self {
        Self { answer, paid }
    }
}

impl<'a> NotedVerification<'a> {
    pub(super) fn of(answer: &'a VerificationAnswer, paid: Option<&'a PaidBy>) -> Self {
        match answer {
            VerificationAnswer::Found(answer) => Self::Found(Noted { answer, paid }),
            VerificationAnswer::Negative { verdict, error } => Self::Negative {
                verdict,
                error,
                paid,
            },
        }
    }
}

impl FoundNote {
    pub(super) fn paid(self) -> Option<PaidBy> {
        let inner = self.found.or(self.negative);
        self.here.or_else(|| inner.and_then(|inner| inner.paid))
    }
}
