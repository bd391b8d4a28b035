//! PDF documents, written by hand: objects, the table of their places, and the trailer.

use flate2::{Compress, Compression, FlushCompress};
use image::GrayImage;
use std::fmt::Write as _;

/// A4 in points.
const WIDTH: u32 = 595;
const HEIGHT: u32 = 842;
/// Pages begin behind catalogue and page tree, and each takes two objects.
const FIRST_PAGE: usize = 3;

/// A page: its instructions, and the entries of its dictionary beside its contents.
pub(crate) struct WrittenPage {
    pub(crate) content: Vec<u8>,
    pub(crate) entries: String,
}

impl WrittenPage {
    pub(crate) fn new(content: impl Into<Vec<u8>>, resources: &str) -> Self {
        Self {
            content: content.into(),
            entries: format!("/MediaBox[0 0 {WIDTH} {HEIGHT}]/Resources<<{resources}>>"),
        }
    }

    /// Instructions that need nothing.
    pub(crate) fn plain(content: impl Into<Vec<u8>>) -> Self {
        Self::new(content, "")
    }
}

/// A document of these pages. Other objects follow them: the first of `others` has the number
/// [`first_other`].
pub(crate) fn pdf(pages: &[WrittenPage], others: &[Vec<u8>]) -> Vec<u8> {
    let kids: String = (0..pages.len())
        .map(|page| format!("{} 0 R ", FIRST_PAGE + 2 * page))
        .collect();
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        format!("<</Type/Pages/Count {}/Kids[{kids}]>>", pages.len()).into_bytes(),
    ];
    for page in pages {
        let content = objects.len() + 2;
        let entries = &page.entries;
        objects.push(
            format!("<</Type/Page/Parent 2 0 R/Contents {content} 0 R{entries}>>").into_bytes(),
        );
        objects.push(stream("", &page.content));
    }
    objects.extend_from_slice(others);
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut places = String::new();
    for (number, object) in (1..).zip(&objects) {
        writeln!(places, "{:010} 00000 n ", file.len()).unwrap();
        file.extend(format!("{number} 0 obj\n").into_bytes());
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let (table, size) = (file.len(), objects.len() + 1);
    file.extend(format!("xref\n0 {size}\n0000000000 65535 f \n{places}").into_bytes());
    let trailer = format!("trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n");
    file.extend(trailer.into_bytes());
    file
}

/// The number of the first object behind so many pages.
pub(crate) fn first_other(pages: usize) -> usize {
    FIRST_PAGE + 2 * pages
}

pub(crate) fn stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("<<{entries}/Length {}>>stream\n", data.len());
    [head.as_bytes(), data, b"\nendstream"].concat()
}

/// An image object; `entries` say how it is packed and what its samples mean.
pub(crate) fn image_object(sides: (u32, u32), entries: &str, data: &[u8]) -> Vec<u8> {
    let (width, height) = sides;
    let kind = "/Type/XObject/Subtype/Image/BitsPerComponent 8";
    stream(
        &format!("{kind}/Width {width}/Height {height}{entries}"),
        data,
    )
}

/// One page that is one JPEG in grey.
pub(crate) fn scan(jpeg: &[u8], sides: (u32, u32)) -> Vec<u8> {
    let entries = "/ColorSpace/DeviceGray/Filter/DCTDecode";
    pdf(&[whole_page("")], &[image_object(sides, entries, jpeg)])
}

/// A page that shows the first object behind one page, all over.
pub(crate) fn whole_page(more: &str) -> WrittenPage {
    let content = format!("q {WIDTH} 0 0 {HEIGHT} 0 0 cm /I Do Q {more}");
    WrittenPage::new(content, "/XObject<</I 5 0 R>>")
}

/// A QR code of one pixel for each module, drawn as squares.
pub(crate) fn squares(code: &GrayImage) -> Vec<u8> {
    const SIDE: u32 = 3;
    let mut content = String::from("0 g\n");
    for (x, y, pixel) in code.enumerate_pixels() {
        if pixel.0[0] == 0 {
            let (x, y) = (60 + SIDE * x, 700 - SIDE * y);
            writeln!(content, "{x} {y} {SIDE} {SIDE} re f").unwrap();
        }
    }
    content.into_bytes()
}

/// Chinese text in SimSun, which is not in the document: its objects, of which the first has the
/// number `first`, and the text's instructions.
pub(crate) fn foreign_text(first: usize, mode: u8) -> (Vec<Vec<u8>>, String) {
    let (descendant, descriptor) = (first + 1, first + 2);
    let objects = [
        format!(
            "<</Type/Font/Subtype/Type0/BaseFont/SimSun/Encoding/UniGB-UCS2-H\
             /DescendantFonts[{descendant} 0 R]>>"
        ),
        format!(
            "<</Type/Font/Subtype/CIDFontType2/BaseFont/SimSun/FontDescriptor {descriptor} 0 R\
             /CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>/DW 1000>>"
        ),
        "<</Type/FontDescriptor/FontName/SimSun/Flags 4/FontBBox[0 -141 1000 859]/ItalicAngle 0\
         /Ascent 859/Descent -141/CapHeight 700/StemV 80>>"
            .to_owned(),
    ];
    let text: String = "医疗票据"
        .encode_utf16()
        .map(|unit| format!("{unit:04x}"))
        .collect();
    let instructions = format!("BT {mode} Tr /F 30 Tf 100 600 Td <{text}> Tj ET");
    (objects.map(String::into_bytes).to_vec(), instructions)
}

/// Deflated, so many mebibytes of noughts: a thousandth of them. One is packed, and repeated.
pub(crate) fn deflated_noughts(mebibytes: u32) -> Vec<u8> {
    const MEBIBYTE: u32 = 1 << 20;
    const ADLER: u32 = 65_521;
    let mut packed = Vec::with_capacity(16 << 10);
    Compress::new(Compression::best(), false)
        .compress_vec(&[0; MEBIBYTE as usize], &mut packed, FlushCompress::Full)
        .unwrap();
    let sum = (MEBIBYTE % ADLER) * mebibytes % ADLER;
    let last_block = [3, 0];
    let checksum = ((sum << 16) | 1).to_be_bytes();
    let blocks = packed.repeat(mebibytes as usize);
    [&[0x78, 0x9c][..], &blocks, &last_block, &checksum].concat()
}
