//! JPEGs: of cameras and scanners, for print, unusual, and damaged. Of large ones there is a strip as
//! wide as they are: their sides decide, and the whole would take minutes without optimisation.

use super::super::picture_files::{jpeg, jpeg_with_exif, segment};
use super::{AS_IS, CORRUPT, End, Row, UNSUPPORTED, noise, page};
use jpeg_encoder::{ColorType, Encoder};

pub(super) fn kinds() -> Vec<Row> {
    let small = jpeg(&page(400, 300), 85);
    let frame = marker(&small, 0xc0);
    let scan = marker(&small, 0xda);
    let with = |at: usize, new: &[u8]| {
        let mut bytes = small.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes
    };
    let inserted = |at: usize, new: &[u8]| {
        let mut bytes = small.clone();
        bytes.splice(at..at, new.iter().copied());
        bytes
    };
    let turned = |orientation| jpeg_with_exif(&page(400, 300), 85, orientation);
    let profile = segment(
        0xe2,
        &[b"ICC_PROFILE\0\x01\x01".as_slice(), &vec![7; 65_000]].concat(),
    );
    let comments = segment(0xfe, &vec![b'x'; 65_000]).repeat(90);
    let mpf = segment(0xe2, b"MPF\0MM\0*\0\0\0\x08\0\0");
    let mut rows = vec![
        (
            "a photo that is too long once encoded",
            jpeg(&noise(1_600, 1_200), 92),
            End::Sent("1600x1200", "original"),
        ),
        (
            "as wide as 16 MP",
            jpeg(&page(4_624, 400), 70),
            End::Sent("4096x354", "original"),
        ),
        (
            "4,097 pixels",
            jpeg(&page(4_097, 400), 70),
            End::Sent("4096x400", "original"),
        ),
        (
            "6,000 pixels",
            jpeg(&page(6_000, 400), 70),
            End::Sent("4096x273", "original"),
        ),
        (
            "6,001 pixels",
            jpeg(&page(6_001, 400), 70),
            End::Sent("4096x273", "6000x400"),
        ),
        (
            "as wide as 50 MP",
            jpeg(&page(8_192, 640), 70),
            End::Sent("4096x320", "6000x469"),
        ),
        (
            "a long screenshot",
            jpeg(&page(540, 4_500), 70),
            End::Sent("492x4096", "original"),
        ),
        (
            "20,000 x 200",
            jpeg(&page(20_000, 200), 70),
            End::Refused("image.too_large", "crop it"),
        ),
        (
            "CMYK",
            printed(ColorType::Cmyk),
            End::Sent("400x300", "400x300"),
        ),
        (
            "YCCK",
            printed(ColorType::CmykAsYcck),
            End::Sent("400x300", "400x300"),
        ),
        ("progressive", progressive(), AS_IS),
        ("grey", jpeg(&page(400, 300).grayscale(), 85), AS_IS),
        (
            "MPO, a second picture behind the first",
            [&inserted(2, &mpf)[..], &small].concat(),
            AS_IS,
        ),
        (
            "trailing garbage",
            [&small[..], &[7; 50_000]].concat(),
            AS_IS,
        ),
        ("fill bytes", inserted(frame, &[0xff; 9]), AS_IS),
        (
            "stray bytes between segments",
            inserted(frame, b"\0\x01\x02"),
            AS_IS,
        ),
        (
            "without its last bytes",
            small[..small.len() - 2].to_vec(),
            AS_IS,
        ),
        (
            "megabytes of profiles",
            inserted(2, &profile.repeat(90)),
            End::Sent("400x300", "400x300"),
        ),
        (
            "megabytes of comments",
            inserted(2, &comments),
            End::Sent("400x300", "400x300"),
        ),
        (
            "arithmetic",
            with(frame + 1, &[0xc9]),
            End::Refused(UNSUPPORTED, "arithmetic"),
        ),
        (
            "12 bits",
            with(frame + 4, &[12]),
            End::Refused(UNSUPPORTED, "12 bits"),
        ),
        (
            "lossless",
            with(frame + 1, &[0xc3]),
            End::Refused(UNSUPPORTED, "lossless"),
        ),
        (
            "JPEG-LS",
            with(frame + 1, &[0xf7]),
            End::Refused(UNSUPPORTED, "JPEG-LS"),
        ),
        (
            "half a JPEG",
            small[..small.len() / 2].to_vec(),
            End::Refused(CORRUPT, "cut off"),
        ),
        (
            "a JPEG's header only",
            small[..scan].to_vec(),
            End::Refused(CORRUPT, "cut off"),
        ),
        (
            "sides that lie",
            with(frame + 5, &[0x0f, 0xff, 0x0f, 0xff]),
            End::Refused(CORRUPT, ""),
        ),
        ("nothing", Vec::new(), End::Refused(CORRUPT, "empty")),
        ("one byte", vec![0xff], End::Refused(CORRUPT, "")),
    ];
    for orientation in 2..=8 {
        let upright = if orientation >= 5 {
            "300x400"
        } else {
            "400x300"
        };
        rows.push((
            "turned by EXIF",
            turned(orientation),
            End::Sent(upright, "original"),
        ));
    }
    rows
}

fn marker(jpeg: &[u8], code: u8) -> usize {
    let mut two = jpeg.windows(2);
    two.position(|two| two == [0xff, code]).unwrap()
}

/// Red for print.
fn printed(colours: ColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = [0, 200, 200, 0].repeat(400 * 300);
    let encoder = Encoder::new(&mut bytes, 90);
    encoder.encode(&pixels, 400, 300, colours).unwrap();
    bytes
}

fn progressive() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 85);
    encoder.set_progressive(true);
    let picture = page(400, 300);
    encoder
        .encode(picture.as_bytes(), 400, 300, ColorType::Rgb)
        .unwrap();
    bytes
}
