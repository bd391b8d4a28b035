//! Answers out of a recording of `certify`, in the place of those that the samples give.

use super::reply::SandboxReply;
use crate::certify::CallRecording;
use crate::certify::recording::RecordedAnswer;
use crate::domain::stage::Stage;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The recorded answers, each of which is given again. Signatures, limits and rates are the sandbox's
/// own, and a fault of the scenario goes before a recorded answer.
#[derive(Debug)]
pub(super) struct RecordingReplay {
    recording: CallRecording,
    recognition: AtomicUsize,
    verification: AtomicUsize,
}

impl RecordingReplay {
    pub(super) fn new(recording: CallRecording) -> Self {
        Self {
            recording,
            recognition: AtomicUsize::new(0),
            verification: AtomicUsize::new(0),
        }
    }

    /// The answers about bills, one after the other and from the first again.
    pub(super) fn next(&self, stage: Stage) -> Option<SandboxReply> {
        let counter = match stage {
            Stage::Recognition => &self.recognition,
            _ => &self.verification,
        };
        let all = self.recording.good(stage).count();
        let number = counter.fetch_add(1, Ordering::Relaxed).checked_rem(all)?;
        let made = self.recording.good(stage).nth(number)?;
        reply(&made.code, made.answer.as_ref()?)
    }

    /// The refusal as it was recorded, where this one was.
    pub(super) fn refusal(&self, stage: Stage, refusal: SandboxReply) -> SandboxReply {
        let document = serde_json::from_slice(&refusal.body).unwrap_or_default();
        let recorded = self.recording.refusal(stage, &refusal.name, &document);
        recorded
            .and_then(|answer| reply(&refusal.name, answer))
            .unwrap_or(refusal)
    }

    /// Begins with the first answers again.
    pub(super) fn reset(&self) {
        self.recognition.store(0, Ordering::Relaxed);
        self.verification.store(0, Ordering::Relaxed);
    }
}

fn reply(name: &str, answer: &RecordedAnswer) -> Option<SandboxReply> {
    let object = answer.object.as_ref()?;
    Some(SandboxReply::json(name, answer.http_status, object))
}
