//! One object on its way: what its headers say, and its bytes into one buffer.

use super::failure::{truncated, unanswered};
use crate::domain::failure::Failure;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use std::time::Duration;

/// What an object without a declared length is read into, to begin with.
const FIRST_BUFFER: usize = 64 * 1024;
/// What a store calls the version of an object of a bucket that keeps none: any number of objects have it, one after the other.
const NO_VERSION: &str = "null";

/// An object whose headers have arrived; its bytes have not.
#[derive(Debug)]
pub struct Object {
    /// Of what is on its way, as the store declares it.
    pub length: Option<u64>,
    /// Of the whole object, where only a part of it was asked for.
    pub size: Option<u64>,
    pub revision: Revision,
    body: ByteStream,
    timeout: Duration,
}

/// Which of the objects that were ever written under a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// Where the bucket keeps versions.
    pub version_id: Option<String>,
    pub etag: Option<String>,
}

#[derive(Debug)]
pub enum ReadError {
    TooLarge,
    Failed(Box<Failure>),
}

impl Object {
    pub(super) fn arriving(answer: GetObjectOutput, timeout: Duration) -> Self {
        let length = answer.content_length.and_then(|length| u64::try_from(length).ok());
        Self {
            length,
            // A store that does not know ranges sends everything.
            size: answer.content_range.as_deref().map_or(length, whole_size),
            revision: Revision { version_id: answer.version_id.filter(|id| id != NO_VERSION), etag: answer.e_tag },
            body: answer.body,
            timeout,
        }
    }

    pub(super) fn of(bytes: Bytes, timeout: Duration) -> Self {
        let length = Some(bytes.len() as u64);
        Self { length, size: length, revision: Revision::default(), body: ByteStream::from(bytes), timeout }
    }

    /// Reads the body into one buffer, handing each chunk to `seen` on the way, so that it is hashed while it arrives: a chunk is what
    /// came in one read of the connection, tens of kilobytes at most, and hashed in less time than another thread could be asked to.
    pub async fn read(self, max_bytes: usize, seen: impl FnMut(&[u8])) -> Result<Bytes, ReadError> {
        if self.declared().is_some_and(|length| length > max_bytes) {
            return Err(ReadError::TooLarge);
        }
        match self.read_up_to(max_bytes, seen).await {
            Ok(Read::Whole(bytes)) => Ok(bytes),
            Ok(Read::Cut(_)) => Err(ReadError::TooLarge),
            Err(failure) => Err(ReadError::Failed(failure)),
        }
    }

    /// Reads so many bytes of the body; from a store that sends more than it was asked for no more are taken.
    pub async fn read_first(self, bytes: usize) -> Result<Bytes, Failure> {
        match self.read_up_to(bytes, |_| ()).await {
            Ok(Read::Whole(bytes) | Read::Cut(bytes)) => Ok(bytes),
            Err(failure) => Err(*failure),
        }
    }

    async fn read_up_to(mut self, max_bytes: usize, mut seen: impl FnMut(&[u8])) -> Result<Read, Box<Failure>> {
        let declared = self.declared();
        let whole = async {
            let mut buffer = BytesMut::with_capacity(declared.unwrap_or(FIRST_BUFFER).min(max_bytes));
            while let Some(chunk) = self.body.next().await {
                let chunk = chunk.map_err(|_| Box::new(truncated()))?;
                let room = max_bytes - buffer.len();
                if chunk.len() > room {
                    buffer.extend_from_slice(&chunk[..room]);
                    return Ok(Read::Cut(buffer.freeze()));
                }
                seen(&chunk);
                buffer.extend_from_slice(&chunk);
            }
            match declared {
                Some(length) if length != buffer.len() => Err(Box::new(truncated())),
                _ => Ok(Read::Whole(buffer.freeze())),
            }
        };
        tokio::time::timeout(self.timeout, whole).await.unwrap_or_else(|_| Err(Box::new(unanswered())))
    }

    fn declared(&self) -> Option<usize> {
        self.length.map(|length| usize::try_from(length).unwrap_or(usize::MAX))
    }
}

impl Revision {
    /// The version, or the `ETag` where there are none.
    pub fn name(&self) -> Option<&str> {
        self.version_id.as_deref().or(self.etag.as_deref())
    }
}

enum Read {
    Whole(Bytes),
    /// There is more.
    Cut(Bytes),
}

/// From `bytes 0-65535/123456`; a store may leave the size open.
fn whole_size(range: &str) -> Option<u64> {
    range.rsplit_once('/')?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_tells_the_size_of_the_whole() {
        for (range, size) in [("bytes 0-65535/123456", Some(123_456)), ("bytes 0-1/*", None), ("bytes", None)] {
            assert_eq!(whole_size(range), size, "{range}");
        }
    }
}
