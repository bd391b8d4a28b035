//! How small a picture may become and still be read.

use super::super::inspect::invalid;
use crate::domain::failure::Failure;

/// Shrunk to less than half, a picture keeps so many pixels across: fewer, and its text is lost.
const NARROWEST: u32 = 300;
/// And so many along its longer side, whatever it was shrunk for.
const SHORTEST_LONG_SIDE: u32 = 2_000;

/// Width and height in pixels.
pub(super) type Sides = (u32, u32);

/// The sides of a picture whose longer side becomes `longest` at most. A picture is never
/// enlarged.
///
/// # Errors
/// `image.too_large`: its text could not be read any more.
pub(super) fn shrunk(sides: Sides, longest: u32) -> Result<Sides, Failure> {
    let long = sides.0.max(sides.1);
    if long <= longest {
        return Ok(sides);
    }
    let (width, height) = (
        scaled(sides.0, longest, long),
        scaled(sides.1, longest, long),
    );
    let is_much = u64::from(longest) * 2 < u64::from(long);
    if is_much && width.min(height) < NARROWEST {
        return Err(unreadable(sides));
    }
    Ok((width, height))
}

/// The sides of a picture that has to lose so much of each of them, `factor` being below 1, because
/// it is too long in bytes.
///
/// # Errors
/// `image.too_large`: its text could not be read any more.
pub(super) fn shrunk_by(sides: Sides, factor: f64) -> Result<Sides, Failure> {
    let long = sides.0.max(sides.1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a side times less than 1"
    )]
    let longest = (f64::from(long) * factor.clamp(0.0, 1.0)) as u32;
    if longest < SHORTEST_LONG_SIDE.min(long) {
        return Err(unreadable(sides));
    }
    Ok((
        scaled(sides.0, longest, long),
        scaled(sides.1, longest, long),
    ))
}

fn scaled(side: u32, longest: u32, long: u32) -> u32 {
    let side = u64::from(side) * u64::from(longest);
    let rounded = (side + u64::from(long) / 2) / u64::from(long);
    u32::try_from(rounded).unwrap_or(u32::MAX).max(1)
}

fn unreadable((width, height): Sides) -> Failure {
    invalid(
        "image.too_large",
        format!(
            "{width} x {height} pixels: shrunk until it fits, its text could not be read any more; \
             crop it to the bill, or cut it into pages"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_shrunk_as_long_as_its_text_stays_readable() {
        for (sides, expected) in [
            ((4_096, 3_072), Some((4_096, 3_072))),
            ((4_097, 3_072), Some((4_096, 3_071))),
            ((8_192, 6_144), Some((4_096, 3_072))),
            ((3_000, 16_000), Some((768, 4_096))),
            ((1_080, 9_000), Some((492, 4_096))),
            ((200, 7_000), Some((117, 4_096))),
            ((20_000, 200), None),
            ((65_500, 4_000), None),
        ] {
            assert_eq!(shrunk(sides, 4_096).ok(), expected, "{sides:?}");
        }
    }

    #[test]
    fn for_its_bytes_it_keeps_two_thousand_pixels_along() {
        for (sides, factor, expected) in [
            ((4_096, 3_072), 0.5, Some((2_048, 1_536))),
            ((4_096, 3_072), 0.48, None),
            ((1_500, 1_000), 0.9, None),
            ((1_500, 1_000), 1.0, Some((1_500, 1_000))),
        ] {
            assert_eq!(
                shrunk_by(sides, factor).ok(),
                expected,
                "{sides:?} {factor}"
            );
        }
    }
}
