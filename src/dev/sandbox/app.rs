//! The state that the parts of the sandbox share: the scenario in progress, the recorded calls, the
//! reader of pictures.

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

use super::bill::{Catalogue, CatalogueEntry};
use super::calls::{CallLog, OpenCall};
use super::deviation::Deviations;
use super::download::Downloader;
use super::picture::{Reader, SeenPicture};
use super::replay::RecordingReplay;
use super::reply::SandboxReply;
use super::scenario::{SandboxRecognition, SandboxScenario, SandboxStorage, SandboxVerification};
use super::script::FaultScript;
use super::window::RateWindow;
use crate::dev::scenario::{CallFacts, Fault, ScriptedAnswer, WireFault};
use crate::domain::failure::Stage;

#[derive(Debug)]
pub(super) struct SandboxApp {
    pub(super) recognition: SandboxRecognition,
    pub(super) verification: SandboxVerification,
    pub(super) storage: SandboxStorage,
    pub(super) calls: CallLog,
    pub(super) reader: Reader,
    pub(super) downloader: Downloader,
    pub(super) deviations: Deviations,
    replay: Option<RecordingReplay>,
    catalogue: Catalogue,
    script: FaultScript,
    recognition_window: Mutex<RateWindow>,
    verification_window: Mutex<RateWindow>,
    /// The number of request ids given out, so that no two are alike.
    requests: AtomicU64,
    seed: u64,
    pictures_apart: bool,
    bills_apart: bool,
}

impl SandboxApp {
    pub(super) fn new(scenario: SandboxScenario) -> anyhow::Result<Self> {
        Ok(Self {
            recognition_window: Mutex::new(RateWindow::new(
                scenario.recognition.rate_per_second,
                scenario.recognition.burst,
            )),
            verification_window: Mutex::new(RateWindow::new(
                scenario.verification.rate_per_second,
                scenario.verification.burst,
            )),
            recognition: scenario.recognition,
            verification: scenario.verification,
            storage: scenario.storage,
            calls: CallLog::new(),
            reader: Reader::new(),
            downloader: Downloader::new()?,
            deviations: scenario.deviations,
            replay: scenario.replay.map(RecordingReplay::new),
            catalogue: Catalogue::of_samples()?,
            script: FaultScript::new(scenario.seed, scenario.faults),
            requests: AtomicU64::new(0),
            seed: scenario.seed,
            pictures_apart: scenario.pictures_apart,
            bills_apart: scenario.bills_apart,
        })
    }

    /// Says whether the account's rate allows another call of this stage now.
    pub(super) fn admit(&self, stage: Stage) -> bool {
        let window = match stage {
            Stage::Recognition => &self.recognition_window,
            Stage::Verification => &self.verification_window,
            Stage::Storage | Stage::Job | Stage::Image | Stage::Worker => return true,
        };
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: the window wants to see time go forwards.
        window.admit(Instant::now())
    }

    /// The recorded answer about the next bill, where a recording is replayed.
    pub(super) fn replayed(&self, stage: Stage) -> Option<SandboxReply> {
        self.replay.as_ref()?.next(stage)
    }

    /// A refusal before the picture was looked at, as it is sent.
    pub(super) fn refusal(&self, stage: Stage, refusal: SandboxReply) -> SandboxReply {
        let replayed = match &self.replay {
            Some(replay) => replay.refusal(stage, refusal),
            None => refusal,
        };
        self.deviations.alter(stage, replayed)
    }

    /// The sample that a picture shows.
    pub(super) fn entry(&self, picture: &SeenPicture) -> Option<&CatalogueEntry> {
        self.catalogue.entry(picture.bill.as_ref()?)
    }

    /// The sample's answer about a picture, or the same about a bill of the picture's own.
    pub(super) fn answer_about<'a>(
        &self,
        picture: &SeenPicture,
        answer: &'a RawValue,
    ) -> Cow<'a, RawValue> {
        let bill = picture.bill.as_ref().filter(|_| self.bills_apart);
        let renumbered = bill.and_then(|bill| {
            let text = answer.get().replace(&bill.note_no, &picture.own_number());
            RawValue::from_string(text).ok()
        });
        renumbered.map_or(Cow::Borrowed(answer), Cow::Owned)
    }

    /// Counts a call about a picture, waits as long as the answer takes, and returns the fault that
    /// answers it.
    pub(super) async fn picture_fault(
        &self,
        stage: Stage,
        picture: &SeenPicture,
        auto_rotate: bool,
        call: &mut OpenCall,
    ) -> Option<&Fault> {
        let entry = self.entry(picture);
        let sample = entry.map(|entry| entry.sample.name);
        let note_no = picture.bill.as_ref().map(|bill| bill.note_no.as_str());
        let name = sample.or(note_no).filter(|_| !self.pictures_apart);
        let facts = CallFacts {
            sample,
            note_no,
            province: entry.map(|entry| entry.province.as_str()),
            auto_rotate,
            ..CallFacts::default()
        };
        let subject = name.unwrap_or(&picture.sha256);
        self.fault(stage, subject, facts, call).await
    }

    /// The same for a call about any subject.
    pub(super) async fn fault(
        &self,
        stage: Stage,
        subject: &str,
        facts: CallFacts<'_>,
        call: &mut OpenCall,
    ) -> Option<&Fault> {
        let (nth, fault) = self.script.next(stage, subject, facts);
        call.about(subject, nth);
        let (latency, jitter) = match stage {
            Stage::Recognition => (self.recognition.latency, self.recognition.jitter),
            Stage::Verification => (self.verification.latency, self.verification.jitter),
            Stage::Storage | Stage::Job | Stage::Image | Stage::Worker => {
                (self.storage.latency, self.storage.jitter)
            }
        };
        let drawn =
            self.script
                .latency(latency, jitter, &format!("latency {stage} {subject} {nth}"));
        let wait = drawn + fault.map_or(Duration::ZERO, before_the_answer);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        fault
    }

    /// 64 hexadecimal digits, another for every request.
    pub(super) fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        hex::encode(
            Sha256::new()
                .chain_update(self.seed.to_le_bytes())
                .chain_update(number.to_le_bytes())
                .finalize(),
        )
    }

    /// Back to the beginning: no calls, no faults used up, the clock of `after` and `until` at
    /// zero.
    pub(super) fn reset(&self) {
        self.script.reset();
        if let Some(replay) = &self.replay {
            replay.reset();
        }
        self.calls.reset();
        let Self {
            recognition,
            verification,
            ..
        } = self;
        for (window, fresh) in [
            (
                &self.recognition_window,
                RateWindow::new(recognition.rate_per_second, recognition.burst),
            ),
            (
                &self.verification_window,
                RateWindow::new(verification.rate_per_second, verification.burst),
            ),
        ] {
            *window.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
    }
}

/// A slow answer spends its delay while it is sent.
fn before_the_answer(fault: &Fault) -> Duration {
    if fault.answer == ScriptedAnswer::Broken(WireFault::Slow) {
        Duration::ZERO
    } else {
        fault.delay
    }
}
