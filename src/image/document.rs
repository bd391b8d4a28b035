//! From a document to the picture of one of its pages.

use super::fetch::{DocumentPage, Fetched, Need};
use super::inspect::Glance;
use super::loaded::{NotLoaded, object_part};
use super::pdf::{FORMAT, PdfError, PdfReader, PdfTurn};
use super::presigned::ObjectPath;
use crate::domain::failure::{Failure, Stage};
use crate::policy::Decision;
use crate::retry::StageStopped;
use jiff::{SignedDuration, Timestamp};

/// A job whose document cannot be read on this machine returns after this.
const LATER: SignedDuration = SignedDuration::from_mins(1);

/// A job whose document cannot be read on this machine is parked, whatever else is said of it.
pub(super) fn parked_where_unreadable(mut stopped: NotLoaded, now: Timestamp) -> NotLoaded {
    if stopped.stopped.failure.stage == Stage::Worker {
        let until = now.saturating_add(LATER).unwrap_or(now);
        let failure = stopped.stopped.failure.clone();
        stopped.stopped = StageStopped::boxed(failure, Decision::Park { until });
    }
    stopped
}

/// Puts the picture of the wanted page in the place of a document's bytes.
pub(super) async fn page(
    (pdf, need): (&PdfReader, Need),
    path: ObjectPath<'_>,
    mut document: Fetched,
    wanted: Option<u32>,
    turn: PdfTurn,
) -> Result<Fetched, NotLoaded> {
    let size = document.bytes.len() as u64;
    let (sha256, revision) = (document.sha256.clone(), document.revision.clone());
    match pdf.page(turn, &document.bytes, wanted).await {
        Ok(made) => {
            document
                .reserved
                .shrink_to(need.of(made.picture.len() as u64));
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
