use super::*;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, RgbImage, RgbaImage};
use proptest::prelude::*;
use std::io::Cursor;
use std::sync::LazyLock;

fn inspect_first(bytes: &[u8]) -> Result<ImageFacts, Refusal> {
    inspect(bytes, 1)
}

fn noise(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        let value = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes();
        image::Rgb([value[0], value[1], value[2]])
    }))
}

fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn jpeg() -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 85);
    noise(320, 200).write_with_encoder(encoder).unwrap();
    bytes
}

fn png() -> Vec<u8> {
    written(&noise(320, 200), ImageFormat::Png)
}

fn bmp() -> Vec<u8> {
    written(&noise(320, 200), ImageFormat::Bmp)
}

/// The place of a JPEG's frame header, at its marker.
fn frame(jpeg: &[u8]) -> usize {
    jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap()
}

fn with(mut bytes: Vec<u8>, at: usize, new: &[u8]) -> Vec<u8> {
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

fn inserted(mut bytes: Vec<u8>, at: usize, new: &[u8]) -> Vec<u8> {
    bytes.splice(at..at, new.iter().copied());
    bytes
}

/// A chunk of a PNG, checksum and all.
fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    let sum = crc32fast::hash(&body).to_be_bytes();
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], &body, &sum].concat()
}

/// EXIF data with nothing but an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let entry = [1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
    [&b"MM\0*\0\0\0\x08\0\x01"[..], &entry, &[0; 4]].concat()
}

fn app1(orientation: u8) -> Vec<u8> {
    let data = [&b"Exif\0\0"[..], &exif(orientation)].concat();
    let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    [&[0xff, 0xe1][..], &length, &data].concat()
}

/// Where the second chunk of a PNG begins.
const BEHIND_IHDR: usize = 33;

fn code(bytes: &[u8]) -> Result<(u32, u32), String> {
    let facts = inspect(bytes, 1).map_err(|refusal| refusal.failure.code)?;
    Ok((facts.width, facts.height))
}

#[test]
fn the_three_formats_are_told_apart_with_their_sides() {
    for (bytes, format) in [
        (jpeg(), Format::Jpeg),
        (png(), Format::Png),
        (bmp(), Format::Bmp),
    ] {
        let facts = inspect_first(&bytes).unwrap();
        assert_eq!(
            (facts.format, facts.width, facts.height, facts.orientation),
            (format, 320, 200, 1)
        );
        assert!(facts.is_ended);
        assert_eq!(facts.colours, Colours::Plain);
    }
}

#[test]
fn what_decoders_step_over_is_as_good_as_whole() {
    let (jpeg, png, bmp) = (jpeg(), png(), bmp());
    let sof = frame(&jpeg);
    let top_down = with(bmp.clone(), 22, &(-200_i32).to_le_bytes());
    for (what, bytes) in [
        ("fill bytes", inserted(jpeg.clone(), sof, &[0xff; 7])),
        ("stray bytes", inserted(jpeg.clone(), sof, b"\0\0\x07")),
        ("an escaped 255", inserted(jpeg.clone(), sof, b"\xff\0")),
        ("garbage behind", [&jpeg[..], &vec![7; 90_000]].concat()),
        ("a second JPEG", [&jpeg[..], &jpeg].concat()),
        ("garbage behind", [&png[..], &vec![7; 90_000]].concat()),
        (
            "a damaged comment",
            with(
                inserted(png, BEHIND_IHDR, &chunk(*b"tEXt", b"a\0comment")),
                BEHIND_IHDR + 10,
                b"x",
            ),
        ),
        ("a BMP from the top down", top_down),
        ("no padding", bmp[..bmp.len() - 3].to_vec()),
    ] {
        assert_eq!(code(&bytes), Ok((320, 200)), "{what}");
    }
}

#[test]
fn what_is_damaged_is_corrupt() {
    let (jpeg, png, bmp) = (jpeg(), png(), bmp());
    let sof = frame(&jpeg);
    let sos = jpeg.windows(2).position(|two| two == [0xff, 0xda]).unwrap();
    let ihdr = |width: u32, height: u32| {
        let data = [
            &width.to_be_bytes()[..],
            &height.to_be_bytes(),
            &[8, 2, 0, 0, 0],
        ]
        .concat();
        let lying = chunk(*b"IHDR", &data);
        with(png.clone(), 8, &lying)
    };
    let second_frame = jpeg[sof..sof + 19].to_vec();
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("one byte", vec![0xff]),
        ("a marker", vec![0xff, 0xd8]),
        ("a JPEG's header only", jpeg[..sos].to_vec()),
        (
            "a JPEG without pixels",
            [&jpeg[..sos + 14], b"\xff\xd9"].concat(),
        ),
        ("two frames", inserted(jpeg.clone(), sof, &second_frame)),
        (
            "a lying JPEG",
            with(jpeg.clone(), sof + 5, &[0xff, 0, 0xff, 0]),
        ),
        ("no sides", with(jpeg.clone(), sof + 7, &[0, 0])),
        ("a JPEG that ends", inserted(jpeg.clone(), sof, b"\xff\xd9")),
        ("9 bits", with(jpeg.clone(), sof + 4, &[9])),
        (
            "much that is stray",
            inserted(jpeg.clone(), sof, &[1; 5_000]),
        ),
        ("half a PNG", png[..png.len() / 2].to_vec()),
        ("a PNG without its end", png[..png.len() - 12].to_vec()),
        ("a PNG's signature", png[..8].to_vec()),
        (
            "a flipped bit",
            with(png.clone(), png.len() / 2, &[!png[png.len() / 2]]),
        ),
        ("a lying PNG", ihdr(9_000, 9_000)),
        ("no width", ihdr(0, 200)),
        ("half a BMP", bmp[..bmp.len() / 2].to_vec()),
        ("a BMP's header", bmp[..20].to_vec()),
        (
            "a lying BMP",
            with(bmp.clone(), 18, &4_000_u32.to_le_bytes()),
        ),
        ("a BMP without sides", with(bmp, 18, &0_u32.to_le_bytes())),
    ] {
        assert_eq!(code(&bytes), Err("image.corrupt".to_owned()), "{what}");
    }
}

#[test]
fn half_a_jpeg_is_told_from_one_that_lacks_its_last_bytes() {
    let jpeg = jpeg();
    let rows = |bytes: &[u8]| {
        let facts = inspect(bytes, 1).unwrap();
        assert!(!facts.is_ended);
        crate::image::missing_rows::has_its_rows(bytes, facts).map_err(|failure| failure.code)
    };
    assert_eq!(rows(&jpeg[..jpeg.len() - 2]), Ok(()));
    assert_eq!(rows(&jpeg[..jpeg.len() - 40]), Ok(()));
    for share in [2, 3, 5] {
        assert_eq!(
            rows(&jpeg[..jpeg.len() * (share - 1) / share]),
            Err("image.corrupt".to_owned()),
            "without the last of {share} parts"
        );
    }
}

#[test]
fn kinds_of_jpeg_that_no_decoder_of_theirs_knows_are_named() {
    let jpeg = jpeg();
    let sof = frame(&jpeg);
    for (bytes, name) in [
        (with(jpeg.clone(), sof + 1, &[0xc9]), "arithmetic"),
        (with(jpeg.clone(), sof + 1, &[0xca]), "arithmetic"),
        (with(jpeg.clone(), sof + 1, &[0xc3]), "lossless"),
        (with(jpeg.clone(), sof + 1, &[0xc5]), "hierarchical"),
        (with(jpeg.clone(), sof + 1, &[0xf7]), "JPEG-LS"),
        (with(jpeg.clone(), sof + 4, &[12]), "12 bits"),
        (with(jpeg.clone(), sof + 5, &[0, 0]), "height"),
    ] {
        let refusal = inspect_first(&bytes).unwrap_err();
        assert_eq!(refusal.failure.code, "image.unsupported_format", "{name}");
        assert!(refusal.failure.message.contains(name), "{refusal:?}");
        assert_eq!(refusal.glance.format, Some("jpeg"));
    }
}

#[test]
fn every_other_format_is_refused_by_its_name_with_what_to_do() {
    for (bytes, format, advice) in [
        (&b"%PDF-1.7\n"[..], "pdf", "render the page"),
        (b"\r\n\r\n%PDF-1.4", "pdf", "render the page"),
        (
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            "heic",
            "most compatible",
        ),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "avif", "save it"),
        (b"\0\0\0\x1cftypisom\0\0\0\0isomavc1", "mp4", "one picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl", "save it"),
        (b"\xff\x0a\x01\x02\x03", "jxl", "save it"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2", "save it"),
        (b"\xff\x4f\xff\x51\0\x29", "jp2", "save it"),
        (
            b"PK\x03\x04\x14\0\0\0\x08\0OFD.xml",
            "ofd",
            "render the page",
        ),
        (
            b"PK\x03\x04\x14\0\0\0\x08\0word/document.xml",
            "docx",
            "render",
        ),
        (b"PK\x03\x04\x14\0\0\0\x08\0a.jpg", "zip", "each picture"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "doc",
            "render the page",
        ),
        (b"\x1f\x8b\x08\0", "gzip", "unpack it"),
        (b"<!DOCTYPE html><p>", "html", "login page"),
        (
            b"\xef\xbb\xbf<?xml version='1.0'?><EInvoice/>",
            "xml",
            "the picture",
        ),
        (b"<?xml version='1.0'?><svg/>", "svg", "render the page"),
        (b"{\"code\": 404}", "json", "submit the picture"),
        (b"/9j/4AAQSkZJRgABAQ", "base64", "decode it"),
        (b"iVBORw0KGgoAAAANSUhEUg", "base64", "decode it"),
        (b"data:image/png;base64,iVBO", "data-url", "decode it"),
        (b"hello, world", "text", "the picture"),
    ] {
        let refusal = inspect(bytes, 1).unwrap_err();
        assert_eq!(refusal.failure.code, "image.unsupported_format", "{format}");
        assert_eq!(refusal.glance.format, Some(format));
        assert!(refusal.failure.message.contains(advice), "{refusal:?}");
    }
    let unknown = inspect_first(b"\x01\x02\x03\x04\x80\x81").unwrap_err();
    assert_eq!(unknown.failure.code, "image.unsupported_format");
    assert_eq!(unknown.glance, Glance::default());
}

#[test]
fn a_document_is_one_only_where_nothing_else_begins() {
    for (bytes, expected) in [
        (&b"%PDF-1.7\n"[..], true),
        (b"\r\n\r\n%PDF-1.4", true),
        (b"\xff\xd8\xff\xe0%PDF-1.4", false),
        (b"PK\x03\x04%PDF-1.4", false),
        (b"GIF89a%PDF-1.4", false),
        (b"", false),
    ] {
        assert_eq!(is_pdf(bytes), expected, "{bytes:?}");
    }
    assert!(!is_pdf(&[&[b' '; 1_024][..], b"%PDF-1.4"].concat()));
}

#[test]
fn a_refusal_has_the_sides_where_they_are_known() {
    let png = png();
    let refusal = inspect_first(&png[..png.len() / 2]).unwrap_err();
    let expected = Glance {
        format: Some("png"),
        sides: Some((320, 200)),
    };
    assert_eq!(refusal.glance, expected);
}

#[test]
fn orientation_colours_and_metadata_are_read() {
    let (jpeg, png) = (jpeg(), png());
    let turned = inspect_first(&inserted(jpeg.clone(), 2, &app1(6))).unwrap();
    assert_eq!(
        (turned.orientation, turned.upright_sides()),
        (6, (200, 320))
    );
    let two = [app1(3), app1(6)].concat();
    assert_eq!(
        inspect_first(&inserted(jpeg.clone(), 2, &two))
            .unwrap()
            .orientation,
        3
    );
    assert_eq!(
        inspect_first(&inserted(jpeg, 2, &app1(9)))
            .unwrap()
            .orientation,
        1
    );
    let turned = inserted(png.clone(), BEHIND_IHDR, &chunk(*b"eXIf", &exif(8)));
    assert_eq!(inspect_first(&turned).unwrap().orientation, 8);
    let comment = chunk(*b"iTXt", &[b'x'; 5_000]);
    let long = inspect_first(&inserted(png, BEHIND_IHDR, &comment)).unwrap();
    assert_eq!(long.metadata_bytes, 5_000);
    let clear = DynamicImage::ImageRgba8(RgbaImage::new(20, 20));
    let clear = inspect_first(&written(&clear, ImageFormat::Png)).unwrap();
    assert_eq!(
        (clear.colours, clear.channels),
        (Colours::MaybeTransparent, 4)
    );
}

#[test]
fn a_beginning_that_does_not_tell_enough_is_no_damage() {
    let (jpeg, png) = (jpeg(), png());
    for (whole, enough) in [(&jpeg, jpeg.len() / 2), (&png, png.len() / 2)] {
        assert_eq!(inspect_beginning(&whole[..12]).unwrap(), None);
        let facts = inspect_beginning(&whole[..enough]).unwrap().unwrap();
        assert_eq!((facts.width, facts.height), (320, 200));
    }
    assert!(inspect_beginning(b"").unwrap().is_none());
    assert!(inspect_beginning(b"%PDF-1.7").is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..400),
        magic in 0_usize..8,
    ) {
        let starts: [&[u8]; 8] = [
            b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"", b"PK\x03\x04", b"<", b"\0\0\0\x18ftyp", b"II*\0",
        ];
        bytes.splice(..0, starts[magic].iter().copied());
        let _ = (inspect(&bytes, 3), inspect_beginning(&bytes));
    }

    #[test]
    fn a_png_with_a_flipped_bit_is_corrupt(at in 8_usize..20_000, bit in 0_u8..8) {
        static PNG: LazyLock<Vec<u8>> = LazyLock::new(png);
        let mut bytes = PNG.clone();
        let at = at % (bytes.len() - 8) + 8;
        bytes[at] ^= 1 << bit;
        prop_assert!(inspect_first(&bytes).is_err());
    }
}
