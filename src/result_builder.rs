//! What has been found out about a job, and the result it becomes.

use crate::checkpoint::{Beside, BillClaim, StoredResult, VerificationAnswer};
use crate::domain::checks::{self, Subject};
use crate::domain::date;
use crate::domain::failure::{Failure, Stage};
use crate::domain::invoice::{Invoice, StatusAnswer};
use crate::domain::job::{Job, JobId, Rejected};
use crate::domain::progress::{Progress, Totals};
use crate::domain::qr::QrClaim;
use crate::domain::reading::Reading;
use crate::domain::result::{
    Flag, ImagePart, JobError, JobResult, RecognitionPart, Status, Verdict, VerificationPart,
};
use crate::domain::seen_bill::BillTraits;
use crate::domain::verdict;
use crate::image::NotLoaded;
use jiff::Timestamp;
use jiff::civil::Date;

#[derive(Default)]
pub(crate) struct ResultBuilder {
    pub image: Option<ImagePart>,
    /// The key of the final checkpoint: job, image and what was asked. None while the image is not
    /// at hand.
    pub question: Option<String>,
    pub recognition: Option<RecognitionPart>,
    pub verification: Option<VerificationPart>,
    /// The claim of the bill's QR code, where it was read here.
    pub qr: Option<QrClaim>,
    pub verdict: Option<Verdict>,
    pub flags: Vec<Flag>,
    pub error: Option<JobError>,
    pub beside: Beside,
    /// The earlier jobs about the bill, as far as that was asked.
    pub claim: BillClaim,
}

/// A result, ready to be published.
pub struct Answer {
    pub stored: StoredResult,
    /// The key under which it is checkpointed before it is published; `None` where it need not be.
    pub question: Option<String>,
    /// The things that have to be kept with it.
    pub beside: Beside,
}

impl Answer {
    /// A result with nothing beside it that has to be kept.
    pub fn kept(stored: StoredResult, question: Option<String>) -> Self {
        Self {
            stored,
            question,
            beside: Beside::default(),
        }
    }
}

impl ResultBuilder {
    /// Nothing is known yet but which image the job names.
    pub(crate) fn about(image: ImagePart) -> Self {
        Self {
            image: Some(image),
            ..Self::default()
        }
    }

    /// The job did not ask for verification: its question is answered.
    pub(crate) fn recognized_only(&mut self) {
        self.verdict = Some(Verdict::Recognized);
    }

    pub(crate) fn verified(&mut self, answer: VerificationAnswer, progress: &Progress) {
        match answer {
            VerificationAnswer::Found(part) => {
                let (verdict, flags) = verdict::of_registry(&part.registry);
                self.verdict = verdict;
                self.flags = flags;
                if verdict.is_none() {
                    self.error = Some(status_unknown(progress));
                    self.flags.push(Flag::RegistryStatusUnknown);
                    self.flags.dedup();
                }
                self.verification = Some(*part);
            }
            VerificationAnswer::Negative { verdict, error } => {
                self.verdict = Some(verdict);
                self.error = Some(error);
            }
        }
    }

    pub(crate) fn recognised(&self) -> Option<&Invoice> {
        self.recognition.as_ref().map(|part| &part.invoice)
    }

    fn verified_invoice(&self) -> Option<&Invoice> {
        self.verification.as_ref().map(|part| &part.invoice)
    }

    /// The earlier jobs about the bill, also by what the registry knows of it.
    pub(crate) fn claimed(&mut self, image: &str, claim: BillClaim) {
        self.claim = match self.registered() {
            Some(invoice) => {
                let bill = BillTraits::of(image, [&invoice]);
                claim.registered(&bill, self.is_red_lettered())
            }
            None => claim,
        };
    }

    /// Returns what the registry knows the bill by, in either of its two results.
    pub(crate) fn registered(&self) -> Option<Invoice> {
        let VerificationPart {
            invoice, registry, ..
        } = self.verification.as_ref()?;
        let or =
            |one: &Option<String>, other: &Option<String>| one.as_ref().or(other.as_ref()).cloned();
        let total = invoice.total_cost.as_ref();
        let date = invoice.billing_date.as_ref();
        Some(Invoice {
            note_code: or(&invoice.note_code, &registry.note_code),
            note_no: or(&invoice.note_no, &registry.note_no),
            total_cost: total.or(registry.total_cost.as_ref()).cloned(),
            billing_date: date.or(registry.billing_date.as_ref()).cloned(),
            ..Invoice::default()
        })
    }

    fn is_red_lettered(&self) -> bool {
        let status = self.verification.as_ref().map(|part| part.registry.status);
        status.flatten().map(|status| status.red_lettered) == Some(StatusAnswer::Yes)
    }

    pub(crate) fn billing_date(&self) -> Option<Date> {
        let date = self.recognised()?.billing_date.as_ref();
        date.and_then(Reading::value).copied()
    }

    /// The job ends before the end of its line.
    pub(crate) fn ends(
        &mut self,
        status: Status,
        verdict: Option<Verdict>,
        error: JobError,
    ) -> Status {
        self.verdict = verdict.or(self.verdict);
        self.error = Some(error);
        status
    }

    /// The status of a job that went through the whole line.
    pub(crate) fn status(&self) -> Status {
        if self.verdict.is_some() {
            Status::Completed
        } else {
            Status::Undetermined
        }
    }

    pub(crate) fn build(
        mut self,
        job: &Job,
        progress: &Progress,
        status: Status,
        finished: Timestamp,
    ) -> Answer {
        let (recognised, verified) = (self.recognised(), self.verified_invoice());
        let registry = self.verification.as_ref().map(|part| &part.registry);
        let nothing_to_compare = recognised.is_none() && verified.is_none();
        let checks = if nothing_to_compare {
            Vec::new()
        } else {
            checks::check(&Subject {
                recognised,
                verified,
                registry,
                qr: self.qr.as_ref(),
                expect: job.expect.as_ref(),
                today: date::day_in_china(finished),
            })
        };
        let is_red_lettered = self.is_red_lettered();
        let seen_before = self.claim.earlier.clone().seen_before(is_red_lettered);
        self.beside.bill_marks = Some(self.claim).filter(|claim| claim.is_changed);
        let mut flags = self.flags;
        flags.extend(seen_before.as_ref().map(|_| Flag::SeenBefore));
        if checks::differs_from_registry(&checks) {
            flags.push(Flag::DiffersFromRegistry);
        }
        let mut result = JobResult {
            job_id: Some(job.id.as_str()),
            verdict: self.verdict,
            flags,
            seen_before,
            checks,
            recognition: self.recognition,
            verification: self.verification,
            error: self.error.clone(),
            calls: progress.calls().to_vec(),
            image: self
                .image
                .map(|image| image.with_prepared(&progress.about.prepared)),
            metadata: job.metadata.as_deref(),
            ..JobResult::new(status, progress.first_seen, finished)
        };
        let stored = StoredResult {
            run: progress.run.clone(),
            status,
            verdict: self.verdict,
            error: self.error,
            totals: progress.costs.totals,
            recovered: progress.notes.recovered.clone(),
            body: result.to_body(),
        };
        Answer {
            stored,
            question: self.question,
            beside: self.beside,
        }
    }
}

/// The answer to what is no job.
pub fn answer_to_rejected(rejected: &Rejected, progress: &Progress, finished: Timestamp) -> Answer {
    let error = JobError::new(&rejected.failure, 0);
    let mut result = JobResult {
        job_id: rejected.job_id.as_ref().map(JobId::as_str),
        error: Some(error.clone()),
        metadata: rejected.metadata.as_deref(),
        ..JobResult::new(Status::InvalidJob, progress.first_seen, finished)
    };
    let stored = StoredResult {
        run: progress.run.clone(),
        status: Status::InvalidJob,
        verdict: None,
        error: Some(error),
        totals: Totals::default(),
        recovered: Vec::new(),
        body: result.to_body(),
    };
    Answer::kept(stored, None)
}

/// The answer to a failure outside the line: nothing was found out.
pub fn answer_to_failure(
    job: &Job,
    status: Status,
    failure: &Failure,
    progress: &Progress,
    finished: Timestamp,
) -> Answer {
    let result = ResultBuilder {
        error: Some(JobError::new(failure, 1)),
        ..ResultBuilder::default()
    };
    result.build(job, progress, status, finished)
}

/// The answer about an image that is at hand and no provider takes.
pub fn answer_to_refused(
    job: &Job,
    refused: NotLoaded,
    progress: &Progress,
    finished: Timestamp,
) -> Answer {
    let result = ResultBuilder {
        image: refused.part.map(|part| *part),
        error: Some(JobError::new(&refused.stopped.failure, 1)),
        ..ResultBuilder::default()
    };
    result.build(job, progress, Status::InvalidJob, finished)
}

fn status_unknown(progress: &Progress) -> JobError {
    let message =
        "the registry's status of this bill could not be understood; a person has to look at it";
    let failure = Failure::new(Stage::Verification, "registry_status_unknown", message);
    JobError::new(&failure, progress.attempts(Stage::Verification))
}
