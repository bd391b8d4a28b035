//! The request's body: `base64=` and the picture, base64 and then urlencoded, or `url=`.

use base64_simd::{AsOut, STANDARD};
use url::form_urlencoded::byte_serialize;

const INLINE: &str = "base64=";
const URL: &str = "url=";
/// The provider's limit: what is longer was refused before.
const MAX_ENCODED_BYTES: usize = 4 << 20;
/// Encoded at a time, so that both passes stay in the cache. Divisible by three: only the last
/// block is padded.
const BLOCK_BYTES: usize = 3 * 1_024;
/// `+`, `/` and `=` become three bytes.
const ESCAPE_GROWTH: usize = 2;
/// The number of bytes that are counted at once in a byte.
const COUNTED_AT_ONCE: usize = 128;

/// Bytes of a picture after base64 and urlencoding: what the provider's limit of 4 MiB is about. It
/// depends on the content.
pub fn encoded_len(bytes: &[u8]) -> usize {
    let mut buffer = [0; BLOCK_BYTES / 3 * 4];
    let escaped: usize = bytes
        .chunks(BLOCK_BYTES)
        .map(|block| escapes(STANDARD.encode(block, buffer.as_mut_slice().as_out())))
        .sum();
    STANDARD.encoded_length(bytes.len()) + ESCAPE_GROWTH * escaped
}

/// The body around a picture, in one pass into one allocation.
///
/// It has room for the longest body there can be of such a picture, as far as the provider takes
/// it: counting first would be a second pass. What is not written of it is address space, not
/// memory.
pub fn inline(picture: &[u8]) -> Vec<u8> {
    let longest = (1 + ESCAPE_GROWTH) * STANDARD.encoded_length(picture.len());
    let mut body = Vec::with_capacity(INLINE.len() + longest.min(MAX_ENCODED_BYTES));
    body.extend_from_slice(INLINE.as_bytes());
    let mut buffer = [0; BLOCK_BYTES / 3 * 4];
    for block in picture.chunks(BLOCK_BYTES) {
        escape(
            STANDARD.encode(block, buffer.as_mut_slice().as_out()),
            &mut body,
        );
    }
    body
}

pub(super) fn url(url: &str) -> Vec<u8> {
    let mut body = String::from(URL);
    body.extend(byte_serialize(url.as_bytes()));
    body.into_bytes()
}

/// Copies the runs between the bytes that need escaping.
fn escape(mut base64: &[u8], body: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr3(b'+', b'/', b'=', base64) {
        body.extend_from_slice(&base64[..at]);
        body.extend_from_slice(match base64[at] {
            b'+' => b"%2B",
            b'/' => b"%2F",
            _ => b"%3D",
        });
        base64 = &base64[at + 1..];
    }
    body.extend_from_slice(base64);
}

/// Without a branch in sight, so that the compiler counts many bytes at once: a picture's bytes
/// cannot be predicted, and a test of each would take eighty times as long.
fn escapes(base64: &[u8]) -> usize {
    let is = |byte: u8, wanted| u8::from(byte == wanted);
    let of_few = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| is(*byte, b'+') | is(*byte, b'/') | is(*byte, b'='))
            .sum::<u8>()
    };
    base64
        .chunks(COUNTED_AT_ONCE)
        .map(|bytes| usize::from(of_few(bytes)))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::form_urlencoded;

    #[test]
    fn the_body_is_that_of_the_signing_guides_vector() {
        let vectors: serde_json::Value = serde_json::from_str(include_str!(
            "../../../tests/data/providers/huawei_sign_vectors.json"
        ))
        .unwrap();
        let picture = hex::decode(vectors["image_hex"].as_str().unwrap()).unwrap();
        assert_eq!(
            inline(&picture),
            vectors["vectors"][1]["body"].as_str().unwrap().as_bytes()
        );
        let link = "https://bucket.s3.example.com/票据 1.jpg?X-Sig=a+b/c=";
        assert_eq!(
            url(link),
            vectors["vectors"][5]["body"].as_str().unwrap().as_bytes()
        );
    }

    #[test]
    fn the_encoded_length_depends_on_the_content() {
        for (picture, length) in [
            (vec![], 0),
            (vec![0], 4 + 4),
            (vec![0; 3], 4),
            (vec![0xff; 3], 12),
            (vec![0xff; 1_048_575], 4_194_300),
        ] {
            assert_eq!(encoded_len(&picture), length, "{} bytes", picture.len());
        }
    }

    proptest! {
        #[test]
        fn the_length_is_exact_and_the_body_decodes_to_the_picture(picture in prop::collection::vec(any::<u8>(), 0..10_000)) {
            let body = inline(&picture);
            prop_assert_eq!(body.len(), INLINE.len() + encoded_len(&picture));
            let pairs: Vec<_> = form_urlencoded::parse(&body).collect();
            prop_assert_eq!(pairs.len(), 1);
            prop_assert_eq!(pairs[0].0.as_ref(), "base64");
            prop_assert_eq!(STANDARD.decode_to_vec(pairs[0].1.as_bytes()).unwrap(), picture);
        }
    }
}
