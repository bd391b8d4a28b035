//! An object whose headers have arrived, and the reading of its bytes into one buffer.

use super::failure::{truncated, unanswered};
use super::packed_chunks::PackedChunks;
use super::request_timer::RequestTimer;
use crate::domain::content_encoding::{ContentEncodings, UnpackError};
use crate::domain::failure::{Failure, Stage, cut};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use std::ops::ControlFlow;
use std::time::Duration;
use tokio::task::{spawn_blocking, yield_now};

/// The initial buffer for an object without a declared length, in bytes.
const FIRST_BUFFER: usize = 64 * 1024;
/// The bytes that are hashed before other tasks get their turn.
const HASHED_AT_ONCE: usize = 256 * 1024;
/// The version id of objects in a bucket without versions: any number of objects have it, one after
/// the other.
const NO_VERSION: &str = "null";

/// An object whose headers have arrived; its bytes have not.
#[derive(Debug)]
pub struct StoredObject {
    /// The declared length of the body in bytes; `None` for a packed object, whose length is not
    /// known.
    pub length: Option<u64>,
    /// The size of the whole object in bytes, also if only a part of it was requested.
    pub size: Option<u64>,
    pub revision: Revision,
    /// Stored with a `Content-Encoding`: it is unpacked here, and a provider that fetches it by its
    /// address may not do so.
    pub is_packed: bool,
    encodings: ContentEncodings,
    declared: Option<u64>,
    body: ByteStream,
    timeout: Duration,
    timer: Option<RequestTimer>,
}

/// Which of the objects that were ever written under a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// `None` if the bucket keeps no versions.
    pub version_id: Option<String>,
    pub etag: Option<String>,
}

#[derive(Debug)]
pub enum ReadError {
    TooLarge,
    Failed(Box<Failure>),
}

impl StoredObject {
    /// # Errors
    /// It is stored in an encoding that is not read here.
    pub(super) fn arriving(answer: GetObjectOutput, timeout: Duration) -> Result<Self, Failure> {
        let encodings = encodings(answer.content_encoding.as_deref().unwrap_or_default())?;
        let is_packed = !encodings.is_empty();
        let declared = answer
            .content_length
            .and_then(|length| u64::try_from(length).ok());
        // A store that does not know ranges sends everything.
        let size = answer.content_range.as_deref().map_or(declared, whole_size);
        Ok(Self {
            length: declared.filter(|_| !is_packed),
            size: size.filter(|_| !is_packed),
            is_packed,
            encodings,
            declared,
            revision: Revision {
                version_id: answer.version_id.filter(|id| id != NO_VERSION),
                etag: answer.e_tag,
            },
            body: answer.body,
            timeout,
            timer: None,
        })
    }

    /// An object whose bytes are there already.
    pub fn of_bytes(bytes: Bytes) -> Self {
        let length = Some(bytes.len() as u64);
        Self {
            length,
            size: length,
            is_packed: false,
            encodings: ContentEncodings::default(),
            declared: length,
            revision: Revision::default(),
            body: ByteStream::from(bytes),
            timeout: Duration::MAX,
            timer: None,
        }
    }

    /// The timer of its request runs until its last byte is read.
    pub(super) fn timed(self, timer: RequestTimer) -> Self {
        Self {
            timer: Some(timer),
            ..self
        }
    }

    /// Reads the body into one buffer, handing each chunk to `seen` on the way, so that it is
    /// hashed while it arrives: a chunk is what came in one read of the connection, tens of
    /// kilobytes at most, and hashed in less time than another thread could be asked to. A packed
    /// object is hashed once it is unpacked.
    pub async fn read(self, max_bytes: usize, seen: impl FnMut(&[u8])) -> Result<Bytes, ReadError> {
        if self.declared().is_some_and(|length| length > max_bytes) {
            return Err(ReadError::TooLarge);
        }
        let read = if self.is_packed {
            self.read_packed(max_bytes, seen).await
        } else {
            self.read_up_to(max_bytes, seen).await
        };
        match read {
            Ok(ReadBytes::Whole(bytes)) => Ok(bytes),
            Ok(ReadBytes::Cut(_)) => Err(ReadError::TooLarge),
            Err(failure) => Err(ReadError::Failed(failure)),
        }
    }

    /// Reads so many bytes of the body; from a store that sends more than it was asked for no more
    /// are taken. Those of a packed object stay packed: a part cannot be unpacked.
    pub async fn read_first(self, bytes: usize) -> Result<Bytes, Failure> {
        match self.read_up_to(bytes, |_| ()).await {
            Ok(ReadBytes::Whole(bytes) | ReadBytes::Cut(bytes)) => Ok(bytes),
            Err(failure) => Err(*failure),
        }
    }

    async fn read_up_to(
        self,
        max_bytes: usize,
        mut seen: impl FnMut(&[u8]),
    ) -> Result<ReadBytes, Box<Failure>> {
        let length = self.declared().unwrap_or(FIRST_BUFFER);
        let mut buffer = BytesMut::with_capacity(length.min(max_bytes));
        let arrived = self.receive(|chunk| {
            let room = max_bytes - buffer.len();
            if chunk.len() > room {
                buffer.extend_from_slice(&chunk[..room]);
                return ControlFlow::Break(());
            }
            seen(&chunk);
            buffer.extend_from_slice(&chunk);
            ControlFlow::Continue(())
        });
        Ok(match arrived.await? {
            ControlFlow::Continue(()) => ReadBytes::Whole(buffer.freeze()),
            ControlFlow::Break(()) => ReadBytes::Cut(buffer.freeze()),
        })
    }

    async fn read_packed(
        self,
        max_bytes: usize,
        mut seen: impl FnMut(&[u8]),
    ) -> Result<ReadBytes, Box<Failure>> {
        let encodings = self.encodings.clone();
        let (mut packed, mut room) = (PackedChunks::default(), max_bytes);
        let arrived = self.receive(|chunk| match room.checked_sub(chunk.len()) {
            Some(left) => {
                room = left;
                packed.push(chunk);
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        });
        if arrived.await?.is_break() {
            return Ok(ReadBytes::Cut(Bytes::new()));
        }
        // It costs tens of milliseconds for each megabyte.
        let unpacked = spawn_blocking(move || encodings.undo(packed, max_bytes));
        match unpacked.await {
            Ok(Ok(unpacked)) if !unpacked.is_cut => {
                for part in unpacked.bytes.chunks(HASHED_AT_ONCE) {
                    seen(part);
                    yield_now().await;
                }
                Ok(ReadBytes::Whole(unpacked.bytes.into()))
            }
            Ok(Err(UnpackError::TooLarge)) => Ok(ReadBytes::Cut(Bytes::new())),
            // A panic of a library counts as damage.
            Ok(Ok(_) | Err(UnpackError::Damaged)) | Err(_) => Err(Box::new(damaged())),
        }
    }

    /// Hands over each chunk as it arrives, until `take` has enough.
    async fn receive(
        mut self,
        mut take: impl FnMut(Bytes) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Box<Failure>> {
        let declared = self.declared();
        let mut timer = self.timer.take();
        let whole = async {
            let mut arrived = 0;
            while let Some(chunk) = self.body.next().await {
                let chunk = chunk.map_err(|_| Box::new(truncated()))?;
                arrived += chunk.len();
                if take(chunk).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            if declared.is_some_and(|length| length != arrived) {
                return Err(Box::new(truncated()));
            }
            Ok(ControlFlow::Continue(()))
        };
        let received = tokio::time::timeout(self.timeout, whole)
            .await
            .unwrap_or_else(|_| Err(Box::new(unanswered())));
        if let (Err(failure), Some(timer)) = (&received, &mut timer) {
            timer.failed(failure);
        }
        received
    }

    fn declared(&self) -> Option<usize> {
        self.declared
            .map(|length| usize::try_from(length).unwrap_or(usize::MAX))
    }
}

impl Revision {
    /// The version, or the `ETag` where there are none.
    pub fn name(&self) -> Option<&str> {
        self.version_id.as_deref().or(self.etag.as_deref())
    }
}

enum ReadBytes {
    Whole(Bytes),
    /// There is more.
    Cut(Bytes),
}

fn encodings(content_encoding: &str) -> Result<ContentEncodings, Failure> {
    ContentEncodings::parse(content_encoding).map_err(|unknown| {
        let name = unknown.0.escape_default().to_string();
        let problem = format!(
            "the object is stored with Content-Encoding \"{}\"; none, gzip, deflate, br and zstd \
             are read",
            cut(&name, 60)
        );
        Failure::new(Stage::Image, "image.unsupported_format", problem)
    })
}

fn damaged() -> Failure {
    let problem = "the object is stored with a Content-Encoding, and is no complete stream of it";
    Failure::new(Stage::Image, "image.corrupt", problem)
}

/// From `bytes 0-65535/123456`; a store may leave the size open.
fn whole_size(range: &str) -> Option<u64> {
    range.rsplit_once('/')?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_known_or_named() {
        let is_packed = |names| encodings(names).map(|encodings| !encodings.is_empty());
        for (names, expected) in [
            ("", Some(false)),
            ("identity", Some(false)),
            ("aws-chunked", Some(false)),
            ("GZIP", Some(true)),
            ("aws-chunked, gzip", Some(true)),
            ("br, zstd", Some(true)),
            ("compress", None),
        ] {
            assert_eq!(is_packed(names).ok(), expected, "{names}");
        }
        let failure = is_packed("gzip, dcb").unwrap_err();
        assert!(failure.message.contains("\"dcb\""), "{failure}");
    }

    #[test]
    fn a_partial_answer_says_the_size_of_the_whole() {
        for (range, size) in [
            ("bytes 0-65535/123456", Some(123_456)),
            ("bytes 0-1/*", None),
            ("bytes", None),
        ] {
            assert_eq!(whole_size(range), size, "{range}");
        }
    }
}
