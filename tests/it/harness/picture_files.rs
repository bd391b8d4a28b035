//! Parts of picture files that no library here writes.

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage};

/// EXIF data with nothing but an orientation.
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let entry = [1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
    [&b"MM\0*\0\0\0\x08\0\x01"[..], &entry, &[0; 4]].concat()
}

/// A segment of a JPEG.
pub(crate) fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker][..], &length, data].concat()
}

/// A chunk of a PNG, checksum and all.
pub(crate) fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    let sum = crc32fast::hash(&body).to_be_bytes();
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], &body, &sum].concat()
}

pub(crate) fn jpeg(picture: &DynamicImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    picture.write_with_encoder(encoder).unwrap();
    bytes
}

pub(crate) fn jpeg_with_exif(picture: &DynamicImage, quality: u8, orientation: u8) -> Vec<u8> {
    let mut bytes = jpeg(picture, quality);
    let data = [&b"Exif\0\0"[..], &exif(orientation)].concat();
    bytes.splice(2..2, segment(0xe1, &data));
    bytes
}

/// One uncompressed grey page.
pub(crate) fn tiff(page: &GrayImage) -> Vec<u8> {
    let mut file = b"II*\0\0\0\0\0".to_vec();
    file.extend_from_slice(page.as_raw());
    file.resize(file.len().next_multiple_of(2), 0);
    let directory = u32::try_from(file.len()).unwrap();
    file.splice(4..8, directory.to_le_bytes());
    let (width, height) = page.dimensions();
    let entries = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, width * height),
    ];
    file.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
    for (tag, value) in entries {
        let (tag, long): (u16, u16) = (tag, 4);
        file.extend([tag.to_le_bytes(), long.to_le_bytes()].concat());
        file.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
    }
    file.extend([0; 4]);
    file
}
