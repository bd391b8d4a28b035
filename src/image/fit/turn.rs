//! Turns pixels upright.

/// Tiles stay in the processor's cache, whichever way they are read.
const TILE: usize = 64;

/// Pixels of `N` bytes each as EXIF's orientation wants them, with their new width and height.
/// `pixels` are those of `width` times `height`.
pub(super) fn turned<const N: usize>(
    pixels: &[u8],
    (width, height): (usize, usize),
    orientation: u8,
) -> (Vec<u8>, (usize, usize)) {
    let (right, bottom) = (width.saturating_sub(1), height.saturating_sub(1));
    let is_lying = orientation >= 5;
    let (new_width, new_height) = if is_lying {
        (height, width)
    } else {
        (width, height)
    };
    // Where the pixel at (x, y) of the new picture comes from.
    let origin = |x: usize, y: usize| match orientation {
        2 => (right - x, y),
        3 => (right - x, bottom - y),
        4 => (x, bottom - y),
        5 => (y, x),
        6 => (y, bottom - x),
        7 => (right - y, bottom - x),
        8 => (right - y, x),
        _ => (x, y),
    };
    let (source, _) = pixels.as_chunks::<N>();
    let mut new = vec![0; new_width * new_height * N];
    let (target, _) = new.as_chunks_mut::<N>();
    for top in (0..new_height).step_by(TILE) {
        for left in (0..new_width).step_by(TILE) {
            for y in top..new_height.min(top + TILE) {
                for x in left..new_width.min(left + TILE) {
                    let (from_x, from_y) = origin(x, y);
                    target[y * new_width + x] = source[from_y * width + from_x];
                }
            }
        }
    }
    (new, (new_width, new_height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_orientation_comes_to_stand_upright() {
        // Three wide, two high.
        let stored = b"abcdef";
        for (orientation, expected, sides) in [
            (1, b"abcdef", (3, 2)),
            (2, b"cbafed", (3, 2)),
            (3, b"fedcba", (3, 2)),
            (4, b"defabc", (3, 2)),
            (5, b"adbecf", (2, 3)),
            (6, b"daebfc", (2, 3)),
            (7, b"fcebda", (2, 3)),
            (8, b"cfbead", (2, 3)),
        ] {
            let upright = turned::<1>(stored, (3, 2), orientation);
            assert_eq!(upright, (expected.to_vec(), sides), "{orientation}");
        }
    }

    #[test]
    fn turned_four_times_it_is_as_before() {
        let stored: Vec<u8> = (0..=255).cycle().take(3 * 130 * 70).collect();
        let mut picture = (stored.clone(), (130, 70));
        for _ in 0..4 {
            picture = turned::<3>(&picture.0, picture.1, 6);
        }
        assert_eq!(picture, (stored, (130, 70)));
    }
}
