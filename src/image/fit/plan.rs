//! What each provider is shown of an image: the original wherever it takes it, otherwise a picture
//! that is made for it. Decided from the header alone, before anything is paid.

use super::super::inspect::{Colours, ImageFacts, invalid};
use super::super::transfers::{Limits, Transfers, base64_len};
use super::sides::{Sides, shrunk};
use crate::domain::failure::Failure;
use crate::domain::picture::Format;
use crate::policy::Transfer;

/// Recognition's documented limits on the sides, in pixels.
const RECOGNITION_SHORTEST: u32 = 15;
const RECOGNITION_LONGEST: u32 = 4_096;
/// Verification's: each side is longer than the first and at most as long as the second.
const VERIFICATION_ABOVE: u32 = 128;
const VERIFICATION_LONGEST: u32 = 6_000;
/// A picture that is made for verification is as large as it takes up to so many pixels; beyond
/// them the QR code survives recognition's sides as well, for half the work.
const QR_PIXELS: u64 = 8_000_000;

/// The picture that is sent to each provider, or why none can be.
#[derive(Clone, Debug)]
pub struct Plan {
    pub recognition: Result<Show, Failure>,
    /// `None`: it is not asked.
    pub verification: Option<Result<Show, Failure>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// The provider fetches the original.
    Fetched,
    /// The original bytes.
    Original,
    /// A picture that is made of it.
    Made(Redraw),
}

/// A picture that is made of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redraw {
    /// Width and height once it stands upright, at most.
    pub sides: Sides,
    pub max_bytes: usize,
    /// After base64 and percent-encoding.
    pub max_encoded_bytes: Option<usize>,
    pub reason: Reason,
    /// The page that is drawn, from 1.
    pub page: u32,
    /// Bytes that are held while it is made.
    pub decoded_bytes: u64,
}

/// Why the original does not do: the reason that asks for most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It may be transparent; if it is not, the original does.
    Transparency,
    /// It is too long in bytes; without its metadata it may fit.
    Length,
    /// Its pixels have to change.
    Pixels,
}

impl Plan {
    /// `encoded_len` is what the original becomes as recognition's form field; it is asked for only
    /// where it may be too long.
    ///
    /// # Errors
    /// `image.too_large` or `image.too_small`: no provider that is asked could be shown anything.
    pub fn of(
        facts: ImageFacts,
        image_bytes: u64,
        encoded_len: impl FnOnce() -> usize,
        transfers: Transfers,
        limits: Limits,
    ) -> Result<Self, Failure> {
        let verify = transfers.verification.is_some();
        let recognition = recognition(facts, image_bytes, encoded_len, transfers, limits);
        let verification = transfers
            .verification
            .map(|transfer| verification(facts, image_bytes, transfer, limits));
        match (&recognition, &verification) {
            (Err(failure), None | Some(Err(_))) => return Err(failure.clone()),
            (Ok(_), _) | (Err(_), Some(Ok(_))) => {}
        }
        let mut plan = Self {
            recognition,
            verification,
        };
        if verify {
            plan.share();
        }
        Ok(plan)
    }

    /// Do all providers that are asked fetch the original?
    pub fn is_fetched(&self) -> bool {
        let is_fetched = |show: &Result<Show, Failure>| matches!(show, Ok(Show::Fetched));
        is_fetched(&self.recognition) && self.verification.as_ref().is_none_or(is_fetched)
    }

    /// One picture does for both, where both have to be made and have the same sides.
    fn share(&mut self) {
        let Some(Ok(Show::Made(for_verification))) = &mut self.verification else {
            return;
        };
        match &mut self.recognition {
            Ok(Show::Made(for_recognition)) if for_recognition.sides == for_verification.sides => {
                for_recognition.max_bytes = for_verification.max_bytes;
                for_recognition.reason = for_recognition.reason.max(for_verification.reason);
                *for_verification = for_recognition.clone();
            }
            Ok(Show::Made(_) | Show::Original | Show::Fetched) | Err(_) => {}
        }
    }
}

fn recognition(
    facts: ImageFacts,
    image_bytes: u64,
    encoded_len: impl FnOnce() -> usize,
    transfers: Transfers,
    limits: Limits,
) -> Result<Show, Failure> {
    let sides = facts.upright_sides();
    if sides.0.min(sides.1) < RECOGNITION_SHORTEST {
        return Err(too_small(
            facts,
            &format!("recognition needs {RECOGNITION_SHORTEST} at least on each side"),
        ));
    }
    let target = shrunk(sides, RECOGNITION_LONGEST)?;
    if target.0.min(target.1) < RECOGNITION_SHORTEST {
        return Err(too_small(
            facts,
            "shrunk for recognition nothing would be left",
        ));
    }
    let most = limits.recognition_encoded_bytes;
    let is_by_url = transfers.recognition == Transfer::Url;
    let is_transcoded = match facts.format {
        Format::Jpeg | Format::Png => false,
        // Sent as it is where nothing shorter has to be made.
        Format::Bmp => !is_by_url && transfers.verification.is_some(),
        Format::Tiff | Format::Webp | Format::Gif => true,
    };
    let is_too_long = || {
        if is_by_url {
            base64_len(image_bytes) > most as u64
        } else {
            limits.must_count(image_bytes) && encoded_len() > most
        }
    };
    let reason = if target != sides || facts.orientation != 1 || is_transcoded {
        Some(Reason::Pixels)
    } else {
        reason(facts, is_too_long)
    };
    let Some(reason) = reason else {
        return Ok(if is_by_url {
            Show::Fetched
        } else {
            Show::Original
        });
    };
    made(
        facts,
        image_bytes,
        limits,
        &Redraw {
            sides: target,
            max_bytes: usize::MAX,
            max_encoded_bytes: Some(most),
            reason,
            page: facts.page,
            decoded_bytes: 0,
        },
    )
}

fn verification(
    facts: ImageFacts,
    image_bytes: u64,
    transfer: Transfer,
    limits: Limits,
) -> Result<Show, Failure> {
    let sides = facts.upright_sides();
    let needs = || format!("verification needs more than {VERIFICATION_ABOVE} on each side");
    if sides.0.min(sides.1) <= VERIFICATION_ABOVE {
        return Err(too_small(facts, &needs()));
    }
    let is_too_long = || image_bytes > limits.verification_bytes as u64;
    let fits = shrunk(sides, VERIFICATION_LONGEST)?;
    let reason = if fits != sides || !matches!(facts.format, Format::Jpeg | Format::Png) {
        Some(Reason::Pixels)
    } else {
        reason(facts, is_too_long)
    };
    let Some(reason) = reason else {
        return Ok(match transfer {
            Transfer::Url => Show::Fetched,
            Transfer::Inline => Show::Original,
        });
    };
    let target = if u64::from(fits.0) * u64::from(fits.1) <= QR_PIXELS {
        fits
    } else {
        shrunk(sides, RECOGNITION_LONGEST)?
    };
    if target.0.min(target.1) <= VERIFICATION_ABOVE {
        return Err(too_small(facts, &needs()));
    }
    made(
        facts,
        image_bytes,
        limits,
        &Redraw {
            sides: target,
            max_bytes: limits.verification_bytes,
            max_encoded_bytes: None,
            reason,
            page: facts.page,
            decoded_bytes: 0,
        },
    )
}

/// Why a picture of possible sides may not do.
fn reason(facts: ImageFacts, is_too_long: impl FnOnce() -> bool) -> Option<Reason> {
    match facts.colours {
        Colours::Plain => is_too_long().then_some(Reason::Length),
        Colours::Print => Some(Reason::Pixels),
        Colours::MaybeTransparent if is_too_long() => Some(Reason::Pixels),
        Colours::MaybeTransparent => Some(Reason::Transparency),
    }
}

fn made(
    facts: ImageFacts,
    image_bytes: u64,
    limits: Limits,
    redraw: &Redraw,
) -> Result<Show, Failure> {
    let decoded_bytes = decoded_bytes(facts, image_bytes, redraw.sides);
    if decoded_bytes > limits.decoded_bytes {
        return Err(invalid(
            "image.too_large",
            format!(
                "{} x {} pixels: to be made fit it needs {} MiB of memory, and worker.image_memory \
                 leaves {} MiB for that; crop or shrink it",
                facts.width,
                facts.height,
                decoded_bytes >> 20,
                limits.decoded_bytes >> 20
            ),
        ));
    }
    Ok(Show::Made(Redraw {
        decoded_bytes,
        ..redraw.clone()
    }))
}

/// The memory that is held while a picture is made: its pixels (and, of a progressive JPEG, its
/// coefficients), a copy in other colours or turned, the shrunk pixels, and what is written.
fn decoded_bytes(facts: ImageFacts, image_bytes: u64, sides: Sides) -> u64 {
    let pixels = u64::from(facts.width) * u64::from(facts.height);
    let channels = u64::from(facts.channels).max(1);
    let coefficients = if facts.is_progressive {
        2 * channels
    } else {
        0
    };
    let converted = match (facts.colours, facts.format) {
        (Colours::Plain, Format::Jpeg) => 0,
        (Colours::Plain | Colours::Print | Colours::MaybeTransparent, _) => 3,
    };
    let shrunk = u64::from(sides.0) * u64::from(sides.1) * 3;
    let is_shrunk = sides != facts.upright_sides();
    let copies = u64::from(is_shrunk) + u64::from(facts.orientation != 1);
    pixels * (channels + coefficients + converted) + copies * shrunk + image_bytes + shrunk / 4
}

fn too_small(facts: ImageFacts, needs: &str) -> Failure {
    invalid(
        "image.too_small",
        format!("{} x {} pixels: {needs}", facts.width, facts.height),
    )
}
