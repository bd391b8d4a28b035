//! The loader's way to the picture of a document's page.

use super::Loader;
use super::fetch::{DocumentPage, Fetched, Keep};
use super::inspect::Glance;
use super::loaded::{NotLoaded, object_part};
use super::pdf::{FORMAT, PdfError, PdfTurn};
use super::presigned::ObjectPath;
use crate::domain::failure::{Failure, Stage};
use crate::domain::progress::Progress;
use crate::policy::Decision;
use crate::retry::{JobContext, Retrier, StageStopped};
use jiff::SignedDuration;

/// A job whose document cannot be read on this machine returns after this.
const LATER: SignedDuration = SignedDuration::from_mins(1);

/// Reads the document again once its turn has come, and makes a picture of its page. A job that
/// waits for its turn holds no memory, so that other jobs do not wait with it.
pub(super) async fn read(
    loader: &Loader,
    path: ObjectPath<'_>,
    job: &JobContext<'_>,
    progress: &mut Progress,
    retrier: &Retrier,
) -> Result<Fetched, NotLoaded> {
    let turn = retrier.in_turn(job, loader.pdf.turn()).await?;
    let read = loader.fetched_keeping(Keep::Most, path, job, progress, retrier);
    let fetched = read.await?;
    let made = page(loader, path, fetched, job.job.page, turn).await;
    made.map_err(|mut stopped| {
        if stopped.stopped.failure.stage == Stage::Worker {
            let now = retrier.clock.now();
            let until = now.saturating_add(LATER).unwrap_or(now);
            let failure = stopped.stopped.failure.clone();
            stopped.stopped = StageStopped::boxed(failure, Decision::Park { until });
        }
        stopped
    })
}

/// Puts the picture of the wanted page in the place of a document's bytes.
pub(super) async fn page(
    loader: &Loader,
    path: ObjectPath<'_>,
    mut document: Fetched,
    wanted: Option<u32>,
    turn: PdfTurn,
) -> Result<Fetched, NotLoaded> {
    let size = document.bytes.len() as u64;
    let (sha256, revision) = (document.sha256.clone(), document.revision.clone());
    match loader.pdf.page(turn, &document.bytes, wanted).await {
        Ok(made) => {
            document
                .reserved
                .shrink_to(loader.need.of(made.picture.len() as u64));
            Ok(Fetched {
                bytes: made.picture,
                page_of: Some(DocumentPage {
                    bytes: size,
                    page: made.page,
                }),
                ..document
            })
        }
        Err(PdfError::Refused(failure)) => {
            let glance = Glance {
                format: Some(FORMAT),
                sides: None,
            };
            let part = object_part(path, &revision, glance, Some(sha256), size);
            Err(NotLoaded::refused(failure, part))
        }
        Err(PdfError::NotBegun(problem)) => {
            tracing::error!(problem, "PDF documents cannot be read on this machine");
            let failure = Failure::new(
                Stage::Worker,
                "worker.busy",
                format!("PDF documents cannot be read on this machine: {problem}"),
            );
            Err(StageStopped::at_fault(failure).into())
        }
    }
}
