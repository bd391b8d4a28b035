//! The worker's side: starts the child, hands it a document, and takes a picture or the reason why
//! there is none. What the child answers is bounded in bytes and time, and is nothing but data.

use super::child_answer::ChildAnswer;
use super::fault::ChildEnd;
use crate::domain::failure::Failure;
use bytes::Bytes;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The hidden subcommand of the same binary.
const SUBCOMMAND: &str = "pdf-page";
/// The child's exit status where it could not begin: no fault of the document.
pub const NOT_BEGUN: u8 = 70;
/// This very program, also where another version has replaced its file.
const OWN_PROGRAM: &str = "/proc/self/exe";
/// By the clock, for a machine that has no processor for it: the document itself is judged by ten
/// seconds of a processor, which the kernel counts.
const DEADLINE: Duration = Duration::from_secs(30);
/// The answer's first line.
const MAX_TOLD_BYTES: u64 = 4 << 10;
const SIGXCPU: i32 = 24;
const SIGKILL: i32 = 9;
/// Documents that wait for their turn: more jobs would keep others from this worker meanwhile.
const MOST_WAITING: usize = 4;

/// Cheap to clone; clones share the turn.
#[derive(Clone)]
pub struct PdfReader {
    program: PathBuf,
    font: Option<PathBuf>,
    max_picture_bytes: u64,
    /// One child at a time: its memory is not the worker's.
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// The right to start a child.
pub(in crate::image) struct PdfTurn {
    _held: Option<OwnedSemaphorePermit>,
}

/// The picture of a page.
pub(in crate::image) struct PdfPage {
    pub(in crate::image) picture: Bytes,
    /// From 1.
    pub(in crate::image) page: u32,
}

/// Why there is none.
pub(in crate::image) enum PdfError {
    /// The document is at fault.
    Refused(Failure),
    /// This machine is: the document is read later.
    NotBegun(String),
}

impl PdfReader {
    /// `font` stands in for fonts that documents lack; empty: none.
    pub fn new(font: &str, max_picture_bytes: u64) -> Self {
        Self {
            program: OWN_PROGRAM.into(),
            font: (!font.is_empty()).then(|| font.into()),
            max_picture_bytes,
            turns: Arc::new(Semaphore::new(1)),
            places: Arc::new(Semaphore::new(1 + MOST_WAITING)),
        }
    }

    /// The same with another program that has the subcommand, for a process that has it not.
    #[must_use]
    pub fn with_program(self, program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            ..self
        }
    }

    /// A place among those that wait for their turn; `None` where there is none left.
    pub(in crate::image) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Waits until no other document is being read.
    pub(in crate::image) async fn turn(&self) -> PdfTurn {
        // Never an error: the semaphore is never closed.
        let held = Arc::clone(&self.turns).acquire_owned().await.ok();
        PdfTurn { _held: held }
    }

    /// Reads a document, of which one page is wanted: from 1, or the one with the bill.
    ///
    /// # Errors
    /// [`PdfError`].
    pub(in crate::image) async fn page(
        &self,
        _turn: PdfTurn,
        document: &[u8],
        page: Option<u32>,
    ) -> Result<PdfPage, PdfError> {
        let mut child = self
            .start(page)
            .map_err(|error| PdfError::NotBegun(error.to_string()))?;
        let max = self.max_picture_bytes + MAX_TOLD_BYTES;
        // Dropped, the child is killed.
        let outcome = tokio::time::timeout(DEADLINE, conversation(&mut child, document, max)).await;
        let refused = |end: ChildEnd| PdfError::Refused(end.failure());
        let Ok(outcome) = outcome else {
            let problem = format!("the process that reads it did not end within {DEADLINE:?}");
            return Err(PdfError::NotBegun(problem));
        };
        let (answer, status) = outcome.map_err(|error| PdfError::NotBegun(error.to_string()))?;
        let Some(status) = status else {
            return Err(refused(ChildEnd::TooLong));
        };
        if status.code() == Some(NOT_BEGUN.into()) {
            return Err(PdfError::NotBegun(
                "its limits, its pipes or worker.pdf_font could not be had".to_owned(),
            ));
        }
        // Its own limits end it by other signals.
        if status.signal() == Some(SIGKILL) {
            let problem = "the process that reads it was killed, for want of memory perhaps";
            return Err(PdfError::NotBegun(problem.to_owned()));
        }
        if !status.success() {
            return Err(refused(end(status)));
        }
        match ChildAnswer::read(&answer) {
            Some((ChildAnswer::Page(page), start)) if start < answer.len() => Ok(PdfPage {
                picture: Bytes::from(answer).slice(start..),
                page,
            }),
            Some((ChildAnswer::Refused(fault), _)) => Err(PdfError::Refused(fault.failure())),
            Some((ChildAnswer::Page(_), _)) | None => Err(refused(ChildEnd::Died)),
        }
    }

    /// Nothing of this process goes into the child but its three pipes.
    fn start(&self, page: Option<u32>) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.arg(SUBCOMMAND);
        if let Some(page) = page {
            command.arg("--page").arg(page.to_string());
        }
        if let Some(font) = &self.font {
            command.arg("--font").arg(font);
        }
        command
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
    }
}

/// The answer and how the child ended; no end where the answer is longer than `max` bytes.
async fn conversation(
    child: &mut Child,
    document: &[u8],
    max: u64,
) -> io::Result<(Vec<u8>, Option<ExitStatus>)> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A child that has died reads no more; its status says why.
            let _ = stdin.write_all(document).await;
        }
    };
    let read = async {
        let mut answer = Vec::new();
        match stdout {
            Some(stdout) => stdout.take(max + 1).read_to_end(&mut answer).await?,
            None => 0,
        };
        io::Result::Ok(answer)
    };
    let ((), answer) = tokio::join!(write, read);
    let answer = answer?;
    if answer.len() as u64 > max {
        return Ok((Vec::new(), None));
    }
    Ok((answer, Some(child.wait().await?)))
}

fn end(status: ExitStatus) -> ChildEnd {
    if status.signal() == Some(SIGXCPU) {
        ChildEnd::TooSlow
    } else {
        ChildEnd::Died
    }
}
