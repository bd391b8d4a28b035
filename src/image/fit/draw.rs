//! Makes of an image what a provider is shown instead: milliseconds of one processor.

use super::super::inspect::{Colours, ImageFacts, invalid};
use super::encode::{encode, fits};
use super::pixels::Pixels;
use super::plan::{Reason, Redraw};
use super::qr_code;
use super::trim::trimmed;
use crate::domain::failure::Failure;
use crate::domain::picture::{Format, Picture};
use crate::domain::qr::QrClaim;
use crate::domain::result::PreparedPicture;
use bytes::Bytes;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Beyond the pixels, what a decoder may allocate.
const DECODER_SLACK_BYTES: u64 = 16 << 20;

/// A picture to be sent, and what was done to make it.
#[derive(Clone)]
pub struct Drawn {
    pub picture: Picture,
    /// `None`: it is the original.
    pub prepared: Option<PreparedPicture>,
}

/// Makes the picture.
///
/// # Errors
/// `image.corrupt`: its pixels cannot be decoded. `image.too_large`: it cannot be made to fit.
pub fn draw(bytes: &Bytes, facts: ImageFacts, redraw: &Redraw) -> Result<Drawn, Failure> {
    draw_and_look(bytes, facts, redraw, |_| ())
}

/// Makes the picture, and looks at the pixels that were decoded for it.
///
/// # Errors
/// Like [`draw`].
pub(super) fn draw_and_look(
    bytes: &Bytes,
    facts: ImageFacts,
    redraw: &Redraw,
    look: impl FnOnce(&Pixels),
) -> Result<Drawn, Failure> {
    // Decoders may panic on malicious input; that is a corrupt image, not the end of the worker.
    let drawing = AssertUnwindSafe(|| drawn(bytes, facts, redraw, look));
    catch_unwind(drawing).unwrap_or_else(|_| {
        Err(invalid(
            "image.corrupt",
            "the image brought its decoder down",
        ))
    })
}

/// The claim of the QR code in a picture that is sent as it is.
///
/// # Errors
/// `image.corrupt`: its pixels cannot be decoded.
pub fn qr_of_original(
    bytes: &[u8],
    facts: ImageFacts,
    max_bytes: u64,
) -> Result<Option<QrClaim>, Failure> {
    let pixels = Pixels::decode(bytes, facts, 1, max_bytes + DECODER_SLACK_BYTES)?;
    Ok(qr_code::read(&pixels))
}

fn drawn(
    bytes: &Bytes,
    facts: ImageFacts,
    redraw: &Redraw,
    look: impl FnOnce(&Pixels),
) -> Result<Drawn, Failure> {
    if redraw.reason == Reason::Length
        && let Some(shorter) = trimmed(bytes, facts.format)
        && fits(&shorter, redraw)
    {
        return Ok(unchanged(shorter, facts));
    }
    let max_decoder_bytes = redraw.decoded_bytes + DECODER_SLACK_BYTES;
    let pixels = Pixels::decode(bytes, facts, redraw.page, max_decoder_bytes)?;
    look(&pixels);
    if redraw.reason == Reason::Transparency && !pixels.was_transparent {
        return Ok(Drawn {
            picture: Picture {
                bytes: bytes.clone(),
                format: facts.format,
            },
            prepared: None,
        });
    }
    let is_drawn = facts.format != Format::Jpeg || facts.colours == Colours::MaybeTransparent;
    let pixels = pixels.shaped(redraw.sides, facts.orientation)?;
    let file = encode(pixels, redraw, is_drawn)?;
    Ok(Drawn {
        prepared: Some(PreparedPicture {
            format: file.format.as_str().to_owned(),
            width: file.width,
            height: file.height,
            bytes: file.bytes.len() as u64,
            quality: file.quality,
            turned: facts.orientation != 1,
        }),
        picture: Picture {
            bytes: Bytes::from(file.bytes),
            format: file.format,
        },
    })
}

/// A picture of which no pixel was touched.
pub(super) fn unchanged(bytes: Bytes, facts: ImageFacts) -> Drawn {
    Drawn {
        prepared: Some(PreparedPicture {
            format: facts.format.as_str().to_owned(),
            width: facts.width,
            height: facts.height,
            bytes: bytes.len() as u64,
            quality: None,
            turned: false,
        }),
        picture: Picture {
            bytes,
            format: facts.format,
        },
    }
}
