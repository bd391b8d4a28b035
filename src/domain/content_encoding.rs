//! Content encodings undone within a bound: of job bodies, stored objects and providers' answers.
//!
//! What is larger once unpacked is noticed as soon as it is, in every layer, so that a small body
//! that unpacks to gigabytes costs no more than the bound.

mod brotli;
mod gzip;
mod peek;
mod zstd;

use brotli::Brotli;
use flate2::bufread::{DeflateDecoder, ZlibDecoder};
use gzip::Gzip;
use peek::Peek;
use std::io::{self, BufRead, BufReader, Read};
use zstd::Zstd;

/// The deepest nesting of encodings: a proxy before a proxy before a gateway. More would be a bomb.
const MAX_LAYERS: usize = 4;
const BLOCK_BYTES: usize = 16 << 10;
/// The first bytes of an object in JSON that are looked at.
const OBJECT_START_BYTES: usize = 64;

/// The encodings of one body, in the order in which they were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentEncodings(Vec<Encoding>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The name of an encoding that is not undone here, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownEncoding(pub String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    pub bytes: Vec<u8>,
    /// The end is missing: `bytes` is what came before.
    pub is_cut: bool,
}

/// Why bytes cannot be unpacked. Nothing of the content is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnpackError {
    /// They unpack to more than was allowed.
    TooLarge,
    /// They are not what the encodings say, or damaged.
    Damaged,
}

/// Whether these bytes can be the beginning of a gzip stream.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(gzip::MAGIC)
}

impl ContentEncodings {
    /// Reads names separated by commas, as in the header `Content-Encoding`. `aws-chunked` is how
    /// an object was uploaded, and UTF-8 in this place says nothing of packing.
    ///
    /// # Errors
    /// The first unknown name, or all of them where there are too many.
    pub fn parse(names: &str) -> Result<Self, UnknownEncoding> {
        let mut encodings = Vec::new();
        for name in names.split(',').map(str::trim) {
            encodings.push(match name.to_ascii_lowercase().as_str() {
                "" | "identity" | "none" | "aws-chunked" | "utf-8" | "utf8" => continue,
                "gzip" | "x-gzip" => Encoding::Gzip,
                "deflate" | "x-deflate" => Encoding::Deflate,
                "br" => Encoding::Brotli,
                "zstd" => Encoding::Zstd,
                _ => return Err(UnknownEncoding(name.to_owned())),
            });
        }
        if encodings.len() > MAX_LAYERS {
            return Err(UnknownEncoding(names.to_owned()));
        }
        Ok(Self(encodings))
    }

    pub fn gzip() -> Self {
        Self(vec![Encoding::Gzip])
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Unpacks at most `max` bytes. Names lie: bytes that do not begin as their encoding does were
    /// not packed, and stay as they are. What follows the end of the packed bytes, padding say,
    /// costs nothing.
    ///
    /// # Errors
    /// [`UnpackError`].
    pub fn undo(&self, packed: impl BufRead, max: usize) -> Result<Unpacked, UnpackError> {
        let mut layers: Box<dyn BufRead + '_> = Box::new(packed);
        for encoding in self.0.iter().rev() {
            let plain = encoding.undo(layers).map_err(|error| problem(&error))?;
            layers = Box::new(BufReader::new(Bounded { plain, left: max }));
        }
        read_all(layers, max)
    }
}

impl Encoding {
    fn undo<'a>(self, packed: Box<dyn BufRead + 'a>) -> io::Result<Box<dyn Read + 'a>> {
        let mut packed = Peek::new(packed);
        Ok(match self {
            Self::Gzip if packed.begins_with(gzip::MAGIC)? => Box::new(Gzip::new(packed)),
            Self::Zstd if packed.begins_with(zstd::MAGIC)? => Box::new(Zstd::new(packed)),
            Self::Gzip | Self::Zstd => Box::new(packed),
            // Their bytes may be anything, but hardly these.
            Self::Deflate | Self::Brotli if is_object(packed.peek(OBJECT_START_BYTES)?) => {
                Box::new(packed)
            }
            Self::Brotli => Box::new(Brotli::new(packed)),
            // `deflate` is zlib by the standard and a bare stream by many servers.
            Self::Deflate if is_zlib(packed.peek(2)?) => Box::new(ZlibDecoder::new(packed)),
            Self::Deflate => Box::new(DeflateDecoder::new(packed)),
        })
    }
}

/// No bare stream begins so: its first block would be a stored one whose padding is not zero.
fn is_zlib(start: &[u8]) -> bool {
    matches!(start, &[method, flags] if method & 15 == 8 && u16::from_be_bytes([method, flags]).is_multiple_of(31))
}

/// Whether this is how a JSON object begins.
fn is_object(start: &[u8]) -> bool {
    let inner = start
        .trim_ascii_start()
        .strip_prefix(b"{")
        .map(<[u8]>::trim_ascii_start);
    inner.is_some_and(|inner| matches!(inner.first(), Some(b'"' | b'}')))
}

/// Fails beyond so many bytes.
struct Bounded<R> {
    plain: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let count = self.plain.read(block)?;
        self.left = self
            .left
            .checked_sub(count)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

fn read_all(mut plain: impl Read, max: usize) -> Result<Unpacked, UnpackError> {
    let mut bytes = Vec::new();
    let mut block = [0; BLOCK_BYTES];
    loop {
        let count = match plain.read(&mut block) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let is_cut = true;
                return Ok(Unpacked { bytes, is_cut });
            }
            Err(error) => return Err(problem(&error)),
        };
        if count == 0 {
            let is_cut = false;
            return Ok(Unpacked { bytes, is_cut });
        }
        if count > max - bytes.len() {
            return Err(UnpackError::TooLarge);
        }
        bytes.extend_from_slice(&block[..count]);
    }
}

fn problem(error: &io::Error) -> UnpackError {
    if error.kind() == io::ErrorKind::FileTooLarge {
        UnpackError::TooLarge
    } else {
        UnpackError::Damaged
    }
}

#[cfg(test)]
pub(crate) mod tests;
