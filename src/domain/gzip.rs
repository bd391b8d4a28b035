//! Unpacks gzip within a bound, whole or as it arrives. What is larger once unpacked is noticed as
//! soon as it is, so a small body that unpacks to gigabytes costs no more than the bound.

use flate2::write::MultiGzDecoder;
use std::io::{self, Write};

/// How every gzip stream begins.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GzipError {
    /// It unpacks to more than was allowed.
    TooLarge,
    /// It is no gzip stream, or a damaged or incomplete one.
    Damaged,
}

/// Whether these bytes can be the beginning of a gzip stream.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// # Errors
/// [`GzipError`]; nothing of the content is in it.
pub fn unpack(packed: &[u8], most: usize) -> Result<Vec<u8>, GzipError> {
    let mut unpacker = GzipUnpacker::new(most);
    unpacker.push(packed, |_| ())?;
    unpacker.finish(|_| ())
}

/// A stream that is unpacked piece by piece.
#[derive(Debug)]
pub struct GzipUnpacker(MultiGzDecoder<Bounded>);

#[derive(Debug)]
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
    is_full: bool,
    /// How much of the bytes was handed to `seen`.
    seen: usize,
}

impl GzipUnpacker {
    pub fn new(most: usize) -> Self {
        Self(MultiGzDecoder::new(Bounded {
            bytes: Vec::new(),
            most,
            is_full: false,
            seen: 0,
        }))
    }

    /// Hands what the piece unpacks to over to `seen`.
    ///
    /// # Errors
    /// [`GzipError`]: the stream is worth nothing.
    pub fn push(&mut self, packed: &[u8], seen: impl FnMut(&[u8])) -> Result<(), GzipError> {
        let written = self.0.write_all(packed).and_then(|()| self.0.flush());
        written.map_err(|_| self.problem())?;
        self.0.get_mut().show(seen);
        Ok(())
    }

    /// All that was unpacked, once the stream has ended as it should.
    ///
    /// # Errors
    /// [`GzipError`]: the stream is incomplete, or its checksum is wrong.
    pub fn finish(mut self, seen: impl FnMut(&[u8])) -> Result<Vec<u8>, GzipError> {
        self.0.try_finish().map_err(|_| self.problem())?;
        self.0.get_mut().show(seen);
        Ok(std::mem::take(&mut self.0.get_mut().bytes))
    }

    fn problem(&self) -> GzipError {
        if self.0.get_ref().is_full {
            GzipError::TooLarge
        } else {
            GzipError::Damaged
        }
    }
}

impl Bounded {
    fn show(&mut self, mut seen: impl FnMut(&[u8])) {
        if self.seen < self.bytes.len() {
            seen(&self.bytes[self.seen..]);
            self.seen = self.bytes.len();
        }
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.most - self.bytes.len() {
            self.is_full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_compressed_body_is_unpacked_up_to_the_bound() {
        let text = b"a job, a job, a job, a job";
        assert_eq!(unpack(&packed(text), text.len()), Ok(text.to_vec()));
        assert_eq!(
            unpack(&packed(text), text.len() - 1),
            Err(GzipError::TooLarge)
        );
        let members = [packed(b"a job, "), packed(b"in two members")].concat();
        assert_eq!(unpack(&members, 100), Ok(b"a job, in two members".to_vec()));
        assert_eq!(unpack(&packed(b""), 0), Ok(Vec::new()));
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_bound() {
        let bomb = packed(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100_000);
        let mut unpacker = GzipUnpacker::new(1_000_000);
        assert_eq!(unpacker.push(&bomb, |_| ()), Err(GzipError::TooLarge));
        assert!(unpacker.0.get_ref().bytes.capacity() < 2_100_000);
    }

    #[test]
    fn a_stream_that_is_damaged_cut_or_none_at_all_is_refused() {
        let whole = packed(b"a job, a job, a job, a job");
        for length in 0..whole.len() {
            assert_eq!(
                unpack(&whole[..length], 1_000),
                Err(GzipError::Damaged),
                "{length} of {}",
                whole.len()
            );
        }
        let mut wrong_checksum = whole.clone();
        wrong_checksum[whole.len() - 5] ^= 1;
        for bytes in [&wrong_checksum[..], b"{\"job_id\":\"1\"}", &[0x1f, 0x8b, 8]] {
            assert_eq!(unpack(bytes, 1_000), Err(GzipError::Damaged));
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(bytes in prop::collection::vec(any::<u8>(), 0..3_000), piece in 1_usize..200) {
            let (mut unpacker, mut seen) = (GzipUnpacker::new(bytes.len()), Vec::new());
            for part in packed(&bytes).chunks(piece) {
                prop_assert!(unpacker.push(part, |bytes| seen.extend_from_slice(bytes)).is_ok());
            }
            let whole = unpacker.finish(|bytes| seen.extend_from_slice(bytes)).unwrap();
            prop_assert_eq!((&whole, &seen), (&bytes, &bytes));
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), is_begun in any::<bool>()) {
            if is_begun {
                bytes.splice(..0, [0x1f, 0x8b, 8, 0]);
            }
            let _ = unpack(&bytes, 1_000);
        }
    }
}
