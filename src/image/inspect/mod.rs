//! Looks at an image before it is paid for: its format by name, its sides, and whether a decoder
//! could read it to its end. Not a pixel is decoded.
//!
//! What is damaged is `image.corrupt`, what no provider takes is `image.unsupported_format`, with
//! the format's name and what to do. Damage inside the compressed pixels of a JPEG is not seen.

mod bmp;
mod exif;
mod facts;
mod gif;
mod jpeg;
mod numbers;
mod other;
mod png;
mod tiff;
mod webp;

use crate::domain::failure::{Failure, Stage};
use crate::domain::picture::Format;
use facts::Flaw;

pub use facts::{Colours, Glance, ImageFacts};

/// Why an image is not sent to any provider, and what is known of it all the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub failure: Box<Failure>,
    pub glance: Glance,
}

/// Looks at a whole image, of which one page is wanted: from 1.
///
/// # Errors
/// `image.unsupported_format`, `image.corrupt`, or `image.not_found` where there is no such page:
/// final, the job is at fault.
pub fn inspect(bytes: &[u8], page: u32) -> Result<ImageFacts, Refusal> {
    let mut glance = Glance::default();
    look(bytes, page, true, &mut glance).map_err(|flaw| refusal(flaw, glance))
}

/// Looks at the first bytes of an image that goes on. `None`: they do not tell enough.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_beginning(bytes: &[u8]) -> Result<Option<ImageFacts>, Refusal> {
    let mut glance = Glance::default();
    match look(bytes, 1, false, &mut glance) {
        Ok(facts) => Ok(Some(facts)),
        Err(LookFlaw::Flaw(Flaw::Ends)) => Ok(None),
        Err(flaw) => Err(refusal(flaw, glance)),
    }
}

/// Tells whether the bytes begin a PDF document.
pub fn is_pdf(bytes: &[u8]) -> bool {
    let mut glance = Glance::default();
    other::has_pdf_header(bytes) && {
        // Another format's header goes before it.
        let _ = look(&bytes[..bytes.len().min(1_024)], 1, false, &mut glance);
        glance.format == Some(other::PDF.format)
    }
}

#[derive(Clone, Copy)]
enum LookFlaw {
    Flaw(Flaw),
    Other(&'static other::OtherFormat),
    Unknown,
    Empty,
}

impl From<Flaw> for LookFlaw {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

fn look(
    bytes: &[u8],
    page: u32,
    is_whole: bool,
    glance: &mut Glance,
) -> Result<ImageFacts, LookFlaw> {
    if tiff::is_tiff(bytes) {
        glance.format = Some(Format::Tiff.as_str());
        return Ok(tiff::walk(bytes, page, &mut glance.sides)?);
    }
    let walk = match bytes {
        [] if is_whole => return Err(LookFlaw::Empty),
        [0xff, 0xd8, ..] => {
            glance.format = Some(Format::Jpeg.as_str());
            jpeg::walk
        }
        _ if bytes.starts_with(&png::SIGNATURE) => {
            glance.format = Some(Format::Png.as_str());
            png::walk
        }
        _ if bmp::is_bmp(bytes) => {
            glance.format = Some(Format::Bmp.as_str());
            bmp::walk
        }
        _ if gif::is_gif(bytes) => {
            glance.format = Some(Format::Gif.as_str());
            gif::walk
        }
        _ if webp::is_webp(bytes) => {
            glance.format = Some(Format::Webp.as_str());
            webp::walk
        }
        // Too little to be anything.
        _ if bytes.len() < 4 => return Err(Flaw::Ends.into()),
        _ => {
            let other = other::named(bytes).ok_or(LookFlaw::Unknown)?;
            glance.format = Some(other.format);
            return Err(LookFlaw::Other(other));
        }
    };
    let facts = walk(bytes, is_whole, &mut glance.sides)?;
    if page > 1 {
        return Err(Flaw::NoSuchPage(1).into());
    }
    Ok(facts)
}

const TAKEN: &str = "JPEG, PNG, BMP, TIFF, WebP and GIF are taken";

fn refusal(flaw: LookFlaw, glance: Glance) -> Refusal {
    let name = glance.format.unwrap_or("image").to_uppercase();
    let (code, message) = match flaw {
        LookFlaw::Empty => ("image.corrupt", "the object is empty".to_owned()),
        LookFlaw::Flaw(Flaw::Ends) => (
            "image.corrupt",
            format!("the {name} is cut off: its bytes end too early"),
        ),
        LookFlaw::Flaw(Flaw::Damaged(what)) => {
            ("image.corrupt", format!("the {name} is damaged: {what}"))
        }
        LookFlaw::Flaw(Flaw::NoSuchPage(pages)) => (
            "image.not_found",
            format!("the {name} has no such page: image.page is beyond the last, {pages}"),
        ),
        LookFlaw::Flaw(Flaw::Unsupported(kind)) => (
            "image.unsupported_format",
            format!("the image is {kind}: save it as an ordinary JPEG or PNG"),
        ),
        LookFlaw::Other(other) => (
            "image.unsupported_format",
            format!("the object is {}: {}", other.name, other.advice),
        ),
        LookFlaw::Unknown => (
            "image.unsupported_format",
            format!("the object is not an image: it begins like no known format; {TAKEN}"),
        ),
    };
    Refusal {
        failure: Box::new(invalid(code, message)),
        glance,
    }
}

pub(super) fn invalid(code: &str, message: impl AsRef<str>) -> Failure {
    Failure::new(Stage::Image, code, message)
}

#[cfg(test)]
mod tests;
