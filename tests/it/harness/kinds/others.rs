//! Files that no picture is made of: refused by their names, with what to do.

use super::{End, Row, UNSUPPORTED};

/// First bytes, and what the message has to say.
const OTHERS: [(&str, &[u8], &str); 18] = [
    (
        "HEIC",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "most compatible",
    ),
    ("AVIF", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "AVIF"),
    ("JPEG XL", b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    ("a bare JPEG XL", b"\xff\x0a\x01\x02\x03", "JPEG XL"),
    ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    ("OFD", b"PK\x03\x04\x14\0\0\0\x08\0OFD.xml", "OFD"),
    ("a fiscal XML", b"<?xml version='1.0'?><EInvoice/>", "XML"),
    ("ZIP", b"PK\x03\x04\x14\0\0\0\x08\0a.jpg", "unpack"),
    (
        "DOCX",
        b"PK\x03\x04\x14\0\0\0\x08\0word/document.xml",
        "Word",
    ),
    ("DOC", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0\0\0", "Office"),
    ("HTML", b"<!doctype html><h1>403</h1>", "login page"),
    ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    ("MP4", b"\0\0\0\x1cftypisom\0\0\0\0isomavc1", "video"),
    (
        "base64 of a JPEG",
        b"/9j/4AAQSkZJRgABAQAAAQABAAD/",
        "base64",
    ),
    ("base64 of a PDF", b"JVBERi0xLjcKJcOkw7zDtsOf", "base64"),
    (
        "a data URL",
        b"data:image/png;base64,iVBORw0KGgo",
        "data URL",
    ),
    ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "gzip"),
    ("text", b"not found, try again later", "text"),
];

pub(super) fn kinds() -> Vec<Row> {
    let mut rows: Vec<Row> = OTHERS
        .iter()
        .map(|(what, bytes, named)| (*what, bytes.to_vec(), End::Refused(UNSUPPORTED, named)))
        .collect();
    // With the feature it is read, and nothing is in this one.
    let named = if cfg!(feature = "pdf") {
        End::Refused("image.corrupt", "PDF")
    } else {
        End::Refused(UNSUPPORTED, "PDF")
    };
    rows.push(("a PDF of nothing", b"%PDF-1.7\n%%EOF".to_vec(), named));
    rows
}
