//! An object whose headers have arrived, and the reading of its bytes into one buffer.

use super::failure::{truncated, unanswered};
use crate::domain::failure::{Failure, Stage, cut};
use crate::domain::gzip::{GzipError, GzipUnpacker, is_gzip};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use std::time::Duration;

/// The initial buffer for an object without a declared length, in bytes.
const FIRST_BUFFER: usize = 64 * 1024;
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
    /// Stored with `Content-Encoding: gzip`: it is unpacked while it is read, and a provider that
    /// fetches it by its address may not do so.
    pub is_packed: bool,
    declared: Option<u64>,
    body: ByteStream,
    timeout: Duration,
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
        let is_packed = is_packed(answer.content_encoding.as_deref().unwrap_or_default())?;
        let declared = answer
            .content_length
            .and_then(|length| u64::try_from(length).ok());
        // A store that does not know ranges sends everything.
        let size = answer.content_range.as_deref().map_or(declared, whole_size);
        Ok(Self {
            length: declared.filter(|_| !is_packed),
            size: size.filter(|_| !is_packed),
            is_packed,
            declared,
            revision: Revision {
                version_id: answer.version_id.filter(|id| id != NO_VERSION),
                etag: answer.e_tag,
            },
            body: answer.body,
            timeout,
        })
    }

    /// An object whose bytes are there already.
    pub fn of_bytes(bytes: Bytes) -> Self {
        let length = Some(bytes.len() as u64);
        Self {
            length,
            size: length,
            is_packed: false,
            declared: length,
            revision: Revision::default(),
            body: ByteStream::from(bytes),
            timeout: Duration::MAX,
        }
    }

    /// Reads the body into one buffer, handing each chunk to `seen` on the way, so that it is
    /// hashed while it arrives: a chunk is what came in one read of the connection, tens of
    /// kilobytes at most, and hashed in less time than another thread could be asked to.
    pub async fn read(self, max_bytes: usize, seen: impl FnMut(&[u8])) -> Result<Bytes, ReadError> {
        if self.declared().is_some_and(|length| length > max_bytes) {
            return Err(ReadError::TooLarge);
        }
        match self.read_up_to(max_bytes, seen).await {
            Ok(ReadBytes::Whole(bytes)) => Ok(bytes),
            Ok(ReadBytes::Cut(_)) => Err(ReadError::TooLarge),
            Err(failure) => Err(ReadError::Failed(failure)),
        }
    }

    /// Reads so many bytes of the body; from a store that sends more than it was asked for no more
    /// are taken.
    pub async fn read_first(mut self, bytes: usize) -> Result<Bytes, Failure> {
        // A part of a packed object cannot be unpacked.
        self.is_packed = false;
        match self.read_up_to(bytes, |_| ()).await {
            Ok(ReadBytes::Whole(bytes) | ReadBytes::Cut(bytes)) => Ok(bytes),
            Err(failure) => Err(*failure),
        }
    }

    async fn read_up_to(
        mut self,
        max_bytes: usize,
        mut seen: impl FnMut(&[u8]),
    ) -> Result<ReadBytes, Box<Failure>> {
        let declared = self.declared();
        let whole = async {
            let mut buffer =
                BytesMut::with_capacity(declared.unwrap_or(FIRST_BUFFER).min(max_bytes));
            let mut unpacker = self.is_packed.then(|| GzipUnpacker::new(max_bytes));
            let mut arrived = 0;
            while let Some(chunk) = self.body.next().await {
                let chunk = chunk.map_err(|_| Box::new(truncated()))?;
                // Some stores unpack what they hand over, and leave the header.
                unpacker = unpacker.filter(|_| arrived > 0 || is_gzip(&chunk));
                arrived += chunk.len();
                if let Some(unpacker) = &mut unpacker {
                    match unpacker.push(&chunk, &mut seen) {
                        Ok(()) => continue,
                        Err(GzipError::TooLarge) => return Ok(ReadBytes::Cut(Bytes::new())),
                        Err(GzipError::Damaged) => return Err(Box::new(damaged())),
                    }
                }
                let room = max_bytes - buffer.len();
                if chunk.len() > room {
                    buffer.extend_from_slice(&chunk[..room]);
                    return Ok(ReadBytes::Cut(buffer.freeze()));
                }
                seen(&chunk);
                buffer.extend_from_slice(&chunk);
            }
            match (declared, unpacker) {
                (Some(length), _) if length != arrived => Err(Box::new(truncated())),
                (_, None) => Ok(ReadBytes::Whole(buffer.freeze())),
                (_, Some(unpacker)) => match unpacker.finish(&mut seen) {
                    Ok(bytes) => Ok(ReadBytes::Whole(bytes.into())),
                    Err(GzipError::TooLarge) => Ok(ReadBytes::Cut(Bytes::new())),
                    Err(GzipError::Damaged) => Err(Box::new(damaged())),
                },
            }
        };
        tokio::time::timeout(self.timeout, whole)
            .await
            .unwrap_or_else(|_| Err(Box::new(unanswered())))
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

/// `aws-chunked` is how it was uploaded, and a charset says nothing of packing.
fn is_packed(content_encoding: &str) -> Result<bool, Failure> {
    let encodings = content_encoding
        .split(',')
        .map(|encoding| encoding.trim().to_ascii_lowercase());
    let left: Vec<String> = encodings
        .filter(|name| !matches!(name.as_str(), "" | "identity" | "aws-chunked" | "utf-8"))
        .collect();
    match left.as_slice() {
        [] => Ok(false),
        [one] if matches!(one.as_str(), "gzip" | "x-gzip") => Ok(true),
        _ => {
            let name = left.join(", ").escape_default().to_string();
            let problem = format!(
                "the object is stored with Content-Encoding \"{}\"; none and gzip are read",
                cut(&name, 60)
            );
            Err(Failure::new(
                Stage::Image,
                "image.unsupported_format",
                problem,
            ))
        }
    }
}

fn damaged() -> Failure {
    let problem = "the object is stored with Content-Encoding gzip, and is no complete gzip stream";
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
        for (encoding, expected) in [
            ("", Some(false)),
            ("identity", Some(false)),
            ("aws-chunked", Some(false)),
            ("GZIP", Some(true)),
            ("aws-chunked, gzip", Some(true)),
            ("br", None),
            ("gzip,gzip", None),
        ] {
            assert_eq!(is_packed(encoding).ok(), expected, "{encoding}");
        }
        assert!(is_packed("br").unwrap_err().message.contains("\"br\""));
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
