//! A page that is one JPEG: taken out as it is, with what its place on the page says about which
//! way is up.

use hayro::hayro_syntax::Filter;
use hayro::hayro_syntax::object::{Array, Object, Stream};
use hayro::kurbo::{Affine, Rect};

/// Of the page, a scan may leave so much free at each side.
const MAY_BE_FREE: f64 = 0.03;
/// A transform's parts below this share of its whole are nought.
const NOUGHT: f64 = 1e-3;

/// An image and its place on the page.
pub(super) struct Placed {
    pub(super) data: Vec<u8>,
    sides: (u32, u32),
    transform: Affine,
}

/// Whether the stream is a JPEG file as it stands, with nothing that changes its look.
pub(super) fn is_own_jpeg(stream: &Stream<'_>) -> bool {
    let dict = stream.dict();
    let changes = ["SMask", "Mask", "Decode", "D", "ImageMask"];
    let is_changed = changes.iter().any(|key| dict.contains_key(key));
    // An indexed or separated colour is another one than the JPEG's own.
    let space = ["ColorSpace", "CS"]
        .iter()
        .find_map(|key| dict.get::<Object<'_>>(*key));
    let is_own = match space {
        None | Some(Object::Name(_)) => true,
        Some(Object::Array(array)) => is_profile(&array),
        Some(_) => false,
    };
    stream.filters().as_slice() == [Filter::DctDecode] && !is_changed && is_own
}

fn is_profile(space: &Array<'_>) -> bool {
    let first = space.iter::<Object<'_>>().next();
    let named = |name: &[u8]| matches!(&first, Some(Object::Name(found)) if found.as_ref() == name);
    [
        &b"ICCBased"[..],
        b"CalRGB",
        b"CalGray",
        b"DeviceRGB",
        b"DeviceGray",
    ]
    .iter()
    .any(|name| named(name))
}

impl Placed {
    pub(super) fn new(sides: (u32, u32), transform: Affine) -> Self {
        Self {
            data: Vec::new(),
            sides,
            transform,
        }
    }

    pub(super) fn with(self, data: Vec<u8>) -> Self {
        Self { data, ..self }
    }

    fn rect(&self) -> Rect {
        let (width, height) = (f64::from(self.sides.0), f64::from(self.sides.1));
        self.transform
            .transform_rect_bbox(Rect::new(0.0, 0.0, width, height))
    }

    pub(super) fn pixels_for_a_point(&self) -> f64 {
        let [a, b, ..] = self.transform.as_coeffs();
        let points = a.hypot(b);
        if points > 0.0 { 1.0 / points } else { 0.0 }
    }

    pub(super) fn covers(&self, page: Rect) -> bool {
        let (seen, free) = (self.rect(), page.width().max(page.height()) * MAY_BE_FREE);
        seen.x0 <= page.x0 + free
            && seen.y0 <= page.y0 + free
            && seen.x1 >= page.x1 - free
            && seen.y1 >= page.y1 - free
    }

    /// Whether the clip hides nothing of it that is on the page.
    pub(super) fn is_within(&self, clip: Rect, page: Rect) -> bool {
        let (seen, free) = (self.rect().intersect(page), 2.0);
        clip.x0 <= seen.x0 + free
            && clip.y0 <= seen.y0 + free
            && clip.x1 >= seen.x1 - free
            && clip.y1 >= seen.y1 - free
    }

    /// EXIF's number for the way in which the page shows it; `None` where EXIF would be
    /// misunderstood: mirrored, or askew.
    fn orientation(&self) -> Option<u8> {
        let [a, b, c, d, ..] = self.transform.as_coeffs();
        let whole = a.abs().max(b.abs()).max(c.abs()).max(d.abs());
        let sign = |part: f64| {
            if part.abs() <= whole * NOUGHT {
                0
            } else if part > 0.0 {
                1
            } else {
                -1
            }
        };
        match [a, b, c, d].map(sign) {
            [1, 0, 0, 1] => Some(1),
            [-1, 0, 0, -1] => Some(3),
            [0, 1, -1, 0] => Some(6),
            [0, -1, 1, 0] => Some(8),
            _ => None,
        }
    }

    /// The JPEG as a file of its own that stands as the page shows it.
    pub(super) fn file(&self) -> Option<Vec<u8>> {
        let orientation = self.orientation()?;
        if !self.data.starts_with(b"\xff\xd8") {
            return None;
        }
        let mut file = self.data.clone();
        if orientation != 1 {
            let entry = [1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
            let head = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01";
            let exif = [&head[..], &entry, &[0; 4]].concat();
            file.splice(2..2, exif);
        }
        Some(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = b"\xff\xd8\xff\xe0rest";

    fn placed(transform: [f64; 6]) -> Placed {
        Placed::new((200, 100), Affine::new(transform)).with(JPEG.to_vec())
    }

    #[test]
    fn a_scan_that_lies_on_the_page_says_so_in_exif() {
        for (transform, expected) in [
            ([2.0, 0.0, 0.0, 2.0, 0.0, 0.0], Some(1)),
            ([-2.0, 0.0, 0.0, -2.0, 400.0, 200.0], Some(3)),
            ([0.0, 2.0, -2.0, 0.0, 200.0, 0.0], Some(6)),
            ([0.0, -2.0, 2.0, 0.0, 0.0, 400.0], Some(8)),
            ([-2.0, 0.0, 0.0, 2.0, 400.0, 0.0], None),
            ([2.0, 0.5, -0.5, 2.0, 0.0, 0.0], None),
        ] {
            let file = placed(transform).file();
            let orientation = file.map(|file| if file == JPEG { 1 } else { file[29] });
            assert_eq!(orientation, expected, "{transform:?}");
        }
    }

    #[test]
    fn a_scan_is_what_fills_the_page() {
        let page = Rect::new(0.0, 0.0, 400.0, 200.0);
        assert!(placed([2.0, 0.0, 0.0, 2.0, 0.0, 0.0]).covers(page));
        assert!(placed([1.96, 0.0, 0.0, 1.96, 4.0, 4.0]).covers(page));
        assert!(!placed([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]).covers(page));
        let clip = Rect::new(0.0, 0.0, 400.0, 150.0);
        assert!(!placed([2.0, 0.0, 0.0, 2.0, 0.0, 0.0]).is_within(clip, page));
    }
}
