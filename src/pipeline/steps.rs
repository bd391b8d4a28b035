//! The two paid steps. A paid answer is checkpointed before anything else happens.

use super::flight::Role;
use super::outcome::is_recognitions;
use super::{Pipeline, ResultBuilder};
use crate::checkpoint::{CarriedAnswers, Verification, VerificationAnswer};
use crate::domain::failure::{Failure, Stage};
use crate::domain::invoice::Invoice;
use crate::domain::job::Job;
use crate::domain::progress::Bill;
use crate::domain::reading::Reading;
use crate::domain::result::{Flag, JobError, RecognitionPart, VerificationPart};
use crate::domain::scope::{BillId, Province};
use crate::domain::verdict;
use crate::image::{LoadedImage, ProviderImage};
use crate::policy::Decision;
use crate::provider::client::Called;
use crate::provider::{Request, View};
use crate::retry::{Case, RecallTime, StageStopped};
use jiff::civil::Date;

impl Pipeline {
    /// Reads the picture. A recognition that fails does not end a job that wants verification,
    /// which reads the picture itself.
    pub(super) async fn recognise(
        &self,
        job: &Job,
        loaded: &LoadedImage,
        case: &mut Case<'_>,
        findings: &mut ResultBuilder,
    ) -> Result<(), Box<StageStopped>> {
        let identity = &loaded.identity;
        case.subject.clone_from(identity);
        if let Some(error) = &case.progress.recognition_error {
            findings.error = Some(error.clone());
            return Ok(());
        }
        let part = match self.known_recognition(identity, case).await? {
            Some(part) => part,
            None => match self.recognised(loaded, case).await {
                Ok(part) => part,
                Err(stopped) if job.verify && is_recognitions(&stopped) => {
                    let error =
                        JobError::new(&stopped.failure, case.progress.attempts(Stage::Recognition));
                    case.progress.recognition_error = Some(error.clone());
                    case.progress.bill = Some(Bill {
                        province: None,
                        id: BillId::of(None, None, identity),
                    });
                    findings.error = Some(error);
                    return Ok(());
                }
                Err(stopped) => return Err(stopped),
            },
        };
        case.progress.bill = Some(bill_of(&part.invoice, identity));
        case.billing_date = part
            .invoice
            .billing_date
            .as_ref()
            .and_then(Reading::value)
            .copied();
        findings.recognition = Some(part);
        Ok(())
    }

    /// Paid for before: it came with the job, or is checkpointed.
    async fn known_recognition(
        &self,
        identity: &str,
        case: &mut Case<'_>,
    ) -> Result<Option<RecognitionPart>, Box<StageStopped>> {
        let mut carried = CarriedAnswers::about(identity, case.progress);
        let Some(part) = carried.recognition.clone() else {
            case.recalled = RecallTime::now(self.retrier.clock);
            return self
                .answers
                .recall(&case.halt, case.deadline, || {
                    self.answers.checkpoints.recognition(identity)
                })
                .await;
        };
        if self
            .is_stored_by_now(
                Stage::Recognition,
                self.answers.checkpoints.keep_recognition(identity, &part),
            )
            .await
        {
            carried.recognition = None;
            carried.travel_with(case.progress);
        }
        Ok(Some(part))
    }

    /// With everybody who asks about the same image now.
    async fn recognised(
        &self,
        loaded: &LoadedImage,
        case: &mut Case<'_>,
    ) -> Result<RecognitionPart, Box<StageStopped>> {
        loop {
            match self.recognitions.join(&loaded.identity) {
                Role::Leader(leader) => {
                    // Whoever led before may have landed since the checkpoint was looked for.
                    let outcome = match self
                        .answers
                        .checkpoints
                        .recognition_here(&loaded.identity)
                        .await
                    {
                        Some(part) => Ok(part),
                        None => self.call_recognition(loaded, case).await,
                    };
                    return leader.land(outcome, case.progress);
                }
                Role::Follower(follower) => {
                    if let Some(outcome) = follower.wait(&self.retrier, case).await? {
                        return outcome;
                    }
                }
            }
        }
    }

    async fn call_recognition(
        &self,
        loaded: &LoadedImage,
        case: &mut Case<'_>,
    ) -> Result<RecognitionPart, Box<StageStopped>> {
        let view = loaded
            .recognition
            .as_ref()
            .map_err(|failure| StageStopped::at_fault(failure.clone()))?;
        // Who is too late waits for nobody's memory.
        self.retrier.may_call(case)?;
        let mut shown = self
            .loader
            .provider_image(Stage::Recognition, loaded, view, &self.retrier, case)
            .await?;
        let (halt, deadline) = (case.halt.clone(), case.deadline);
        let look_again = || {
            self.answers.recall(&halt, deadline, || {
                self.answers.checkpoints.recognition(&loaded.identity)
            })
        };
        let reply = loop {
            match self
                .recognition
                .call(&Request::new(show(&shown, case), false), case, look_again)
                .await
            {
                Ok(Called::Answered(reply)) => break reply,
                Ok(Called::Known(part)) => return Ok(part),
                Err(stopped) if stopped.ruling.decision == Decision::Inline => {
                    case.progress.inline.insert(Stage::Recognition);
                    shown = self
                        .loader
                        .provider_image(Stage::Recognition, loaded, view, &self.retrier, case)
                        .await?;
                }
                Err(stopped) => return Err(stopped),
            }
        };
        let part = RecognitionPart {
            invoice: reply.answer,
            request_id: reply.request_id,
        };
        let pack = |carried: &mut CarriedAnswers| carried.recognition = Some(part.clone());
        self.answers
            .persist(
                case,
                &loaded.identity,
                || {
                    self.answers
                        .checkpoints
                        .keep_recognition(&loaded.identity, &part)
                },
                pack,
            )
            .await?;
        Ok(part)
    }

    /// Asks the registry. What it says about the bill is the verdict.
    pub(super) async fn verify(
        &self,
        loaded: &LoadedImage,
        view: &View,
        case: &mut Case<'_>,
        findings: &mut ResultBuilder,
    ) -> Result<(), Box<StageStopped>> {
        let answer = match self.known_verification(&loaded.identity, case).await? {
            Some(answer) => answer,
            None => self.verified(loaded, view, case).await?,
        };
        match answer {
            VerificationAnswer::Found(part) => {
                let (verdict, flags) = verdict::of_registry(&part.registry);
                findings.verdict = verdict;
                findings.flags = flags;
                if verdict.is_none() {
                    findings.error = Some(status_unknown(case));
                    findings.flags.push(Flag::RegistryStatusUnknown);
                    findings.flags.dedup();
                }
                findings.verification = Some(*part);
            }
            VerificationAnswer::Negative { verdict, error } => {
                findings.verdict = Some(verdict);
                findings.error = Some(error);
            }
        }
        Ok(())
    }

    /// Paid for before: it came with the job, or somebody asked today.
    async fn known_verification(
        &self,
        identity: &str,
        case: &mut Case<'_>,
    ) -> Result<Option<VerificationAnswer>, Box<StageStopped>> {
        let mut carried = CarriedAnswers::about(identity, case.progress);
        let Some((day, answer)) = carried.verification.clone() else {
            case.recalled = RecallTime::now(self.retrier.clock);
            let today = self.today();
            let known = self
                .answers
                .recall(&case.halt, case.deadline, || {
                    self.answers.checkpoints.verification(identity, today)
                })
                .await?;
            return Ok(known.and_then(|known| heeded(known, case)));
        };
        if self
            .is_stored_by_now(
                Stage::Verification,
                self.answers
                    .checkpoints
                    .keep_verification(identity, day, &answer),
            )
            .await
        {
            carried.verification = None;
            carried.travel_with(case.progress);
        }
        Ok(Some(answer))
    }

    /// With everybody who asks about the same image now.
    async fn verified(
        &self,
        loaded: &LoadedImage,
        view: &View,
        case: &mut Case<'_>,
    ) -> Result<VerificationAnswer, Box<StageStopped>> {
        let identity = &loaded.identity;
        loop {
            match self.verifications.join(identity) {
                Role::Leader(leader) => {
                    let known = self
                        .answers
                        .checkpoints
                        .verification_here(identity, self.today())
                        .await;
                    let outcome = match known.and_then(|known| heeded(known, case)) {
                        Some(answer) => Ok(answer),
                        None => self.call_verification(loaded, view, case).await,
                    };
                    return leader.land(outcome, case.progress);
                }
                Role::Follower(follower) => {
                    if let Some(outcome) = follower.wait(&self.retrier, case).await? {
                        return outcome;
                    }
                }
            }
        }
    }

    async fn call_verification(
        &self,
        loaded: &LoadedImage,
        view: &View,
        case: &mut Case<'_>,
    ) -> Result<VerificationAnswer, Box<StageStopped>> {
        let identity = &loaded.identity;
        // Who is too late waits for nobody's memory.
        self.retrier.may_call(case)?;
        let mut shown = self
            .loader
            .provider_image(Stage::Verification, loaded, view, &self.retrier, case)
            .await?;
        if self.auto_rotate && case.progress.rotated_for.is_none() {
            // For no code: the one rotated call is had, and no answer before it to be confirmed.
            case.progress.rotated_for = Some(String::new());
        }
        let (halt, deadline) = (case.halt.clone(), case.deadline);
        let answer = loop {
            // Once a picture had to be turned, every further call about it says so.
            let auto_rotate = case.progress.rotated_for.is_some();
            let look_again =
                async || {
                    let known = self
                        .answers
                        .recall(&halt, deadline, || {
                            self.answers
                                .checkpoints
                                .verification(identity, self.today())
                        })
                        .await?;
                    // That the picture has to be turned is news only where it was not known.
                    Ok(known
                        .filter(|known| matches!(known, Verification::Answered(_)) || !auto_rotate))
                };
            match self
                .verification
                .call(
                    &Request::new(show(&shown, case), auto_rotate),
                    case,
                    look_again,
                )
                .await
            {
                // Where it is no answer, the next call turns the picture.
                Ok(Called::Known(known)) => {
                    if let Some(answer) = heeded(known, case) {
                        return Ok(answer);
                    }
                }
                Ok(Called::Answered(reply)) => {
                    break VerificationAnswer::Found(Box::new(VerificationPart {
                        invoice: reply.answer.invoice,
                        registry: reply.answer.registry,
                        qr_code_found: reply.answer.qr_code_found,
                        request_id: reply.request_id,
                    }));
                }
                Err(stopped) if stopped.ruling.decision == Decision::Rotate => {
                    let (today, code) = (self.today(), stopped.failure.code);
                    case.progress.rotated_for = Some(code.clone());
                    // With the job it travels anyway.
                    self.answers
                        .persist(
                            case,
                            identity,
                            || self.answers.checkpoints.keep_unread(identity, today, &code),
                            |_| {},
                        )
                        .await?;
                }
                Err(stopped) if stopped.ruling.decision == Decision::Inline => {
                    case.progress.inline.insert(Stage::Verification);
                    shown = self
                        .loader
                        .provider_image(Stage::Verification, loaded, view, &self.retrier, case)
                        .await?;
                }
                Err(stopped) => match stopped.ruling.decision {
                    Decision::Verdict(Some(verdict)) => {
                        let error = JobError::new(
                            &stopped.failure,
                            case.progress.attempts(Stage::Verification),
                        );
                        break VerificationAnswer::Negative { verdict, error };
                    }
                    _ => return Err(stopped),
                },
            }
        };
        // The registry answered now, whenever the question was asked.
        let today = self.today();
        let pack =
            |carried: &mut CarriedAnswers| carried.verification = Some((today, answer.clone()));
        self.answers
            .persist(
                case,
                identity,
                || {
                    self.answers
                        .checkpoints
                        .keep_verification(identity, today, &answer)
                },
                pack,
            )
            .await?;
        Ok(answer)
    }

    /// An answer that came with the job is safe with it; it is stored, if that is possible by now,
    /// for other jobs about the same image. Answers whether it need not travel any more.
    async fn is_stored_by_now<A>(&self, stage: Stage, write: A) -> bool
    where
        A: Future<Output = Result<(), Failure>>,
    {
        match write.await {
            Ok(()) => true,
            Err(failure) => {
                tracing::debug!(%stage, code = failure.code, "an answer that came with its job can still not be stored");
                false
            }
        }
    }

    pub(super) fn today(&self) -> Date {
        self.retrier
            .clock
            .now()
            .to_zoned(self.retrier.timezone.clone())
            .date()
    }
}

/// The answer, if it is one; otherwise the next call is another one.
fn heeded(known: Verification, case: &mut Case<'_>) -> Option<VerificationAnswer> {
    match known {
        Verification::Answered(answer) => Some(answer),
        Verification::Unread { unread } => {
            case.progress.rotated_for.get_or_insert(unread);
            None
        }
    }
}

/// For one call, which is judged by how the image is handed over.
fn show(image: &ProviderImage, case: &mut Case<'_>) -> View {
    case.transfer = image.view.transfer();
    case.has_bytes = matches!(image.view, View::Object(_));
    image.view.clone()
}

/// Whom a failure of verification may concern beside this job.
fn bill_of(invoice: &Invoice, image: &str) -> Bill {
    let province = invoice.province.as_deref().and_then(Province::of);
    Bill {
        id: BillId::of(province.as_ref(), invoice.note_no.as_deref(), image),
        province,
    }
}

fn status_unknown(case: &Case<'_>) -> JobError {
    let message =
        "the registry's status of this bill could not be understood; a person has to look at it";
    let failure = Failure::new(Stage::Verification, "registry_status_unknown", message);
    JobError::new(&failure, case.progress.attempts(Stage::Verification))
}
