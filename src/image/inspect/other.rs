//! Files that are no picture a provider takes, told by their first bytes, with what to do instead.

use memchr::memmem;

/// A kind of file, by name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OtherFormat {
    /// Its name in the result.
    pub(super) format: &'static str,
    /// Its name in a sentence, with its article.
    pub(super) name: &'static str,
    pub(super) advice: &'static str,
}

const SAVE: &str = "save it as JPEG or PNG and submit that";
const RENDER: &str = "render the page with the bill as JPEG or PNG and submit that";
const UNPACK: &str = "unpack it and submit each picture in it as a job of its own";
const PHOTO: &str =
    "convert it to JPEG; on the phone, set the camera to \"most compatible\" to have JPEG at once";
const SEND_PICTURE: &str = "submit the picture of the bill, as JPEG or PNG";
const DECODE: &str = "decode it and upload the picture's own bytes";
const FRAME: &str = "submit one picture of the bill, as JPEG or PNG";
const LINK: &str = "it may be an error or login page: upload the picture behind the link";
/// As far into a file as names of its kind are looked for.
const NAMES_WITHIN: usize = 4_096;

macro_rules! formats {
    ($($constant:ident = $format:literal, $name:literal, $advice:expr;)*) => {
        $(pub(super) const $constant: OtherFormat = OtherFormat {
            format: $format,
            name: $name,
            advice: $advice,
        };)*
    };
}

formats! {
    BIGTIFF = "bigtiff", "a BigTIFF", SAVE;
    PDF = "pdf", "a PDF document", RENDER;
    HEIC = "heic", "a HEIC photo", PHOTO;
    AVIF = "avif", "an AVIF picture", SAVE;
    JXL = "jxl", "a JPEG XL picture", SAVE;
    JP2 = "jp2", "a JPEG 2000 picture", SAVE;
    MP4 = "mp4", "a video", FRAME;
    SVG = "svg", "an SVG drawing", RENDER;
    PSD = "psd", "a Photoshop file", SAVE;
    ICO = "ico", "an icon", SAVE;
    PNM = "pnm", "a PNM picture", SAVE;
    JBIG2 = "jbig2", "a JBIG2 picture", SAVE;
    DJVU = "djvu", "a DjVu document", RENDER;
    DICOM = "dicom", "a DICOM image", SEND_PICTURE;
    POSTSCRIPT = "ps", "a PostScript document", RENDER;
    OFD = "ofd", "an OFD document", RENDER;
    DOCX = "docx", "a Word document", RENDER;
    XLSX = "xlsx", "an Excel workbook", RENDER;
    DOC = "doc", "an old Office document", RENDER;
    RTF = "rtf", "an RTF document", RENDER;
    ZIP = "zip", "a ZIP archive", UNPACK;
    GZIP = "gzip", "packed with gzip", UNPACK;
    RAR = "rar", "a RAR archive", UNPACK;
    SEVEN_ZIP = "7z", "a 7z archive", UNPACK;
    XML = "xml", "an XML file, not a picture", SEND_PICTURE;
    HTML = "html", "an HTML page", LINK;
    JSON = "json", "JSON text", SEND_PICTURE;
    DATA_URL = "data-url", "a data URL in text", DECODE;
    BASE64 = "base64", "a picture in base64 text", DECODE;
    TEXT = "text", "plain text", SEND_PICTURE;
}

/// Starts that are enough to know a file by.
const STARTS: [(&[u8], &OtherFormat); 23] = [
    (b"II+\0", &BIGTIFF),
    (b"MM\0+", &BIGTIFF),
    (b"\xff\x0a", &JXL),
    (b"\0\0\0\x0cJXL ", &JXL),
    (b"\0\0\0\x0cjP  ", &JP2),
    (b"\xff\x4f\xff\x51", &JP2),
    (b"8BPS", &PSD),
    (b"\0\0\x01\0", &ICO),
    (b"P4\n", &PNM),
    (b"P5\n", &PNM),
    (b"P6\n", &PNM),
    (b"\x97JB2\r\n\x1a\n", &JBIG2),
    (b"AT&TFORM", &DJVU),
    (b"%!PS", &POSTSCRIPT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", &DOC),
    (b"{\\rtf", &RTF),
    (b"\x1f\x8b", &GZIP),
    (b"Rar!\x1a\x07", &RAR),
    (b"7z\xbc\xaf\x27\x1c", &SEVEN_ZIP),
    (b"/9j/", &BASE64),
    (b"iVBORw0KGgo", &BASE64),
    (b"JVBERi0", &BASE64),
    (b"Qk0", &BASE64),
];

/// The kind of file that begins with these bytes; `None` where they are like no known one.
pub(super) fn named(bytes: &[u8]) -> Option<&'static OtherFormat> {
    let within = &bytes[..bytes.len().min(NAMES_WITHIN)];
    if let Some((_, known)) = STARTS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Some(known);
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(media_container(bytes));
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Some(archive(bytes));
    }
    if bytes.get(128..132) == Some(b"DICM") {
        return Some(&DICOM);
    }
    if has_pdf_header(bytes) {
        return Some(&PDF);
    }
    text(within)
}

/// A PDF's header may stand behind other bytes.
pub(super) fn has_pdf_header(bytes: &[u8]) -> bool {
    memmem::find(&bytes[..bytes.len().min(1_024)], b"%PDF-").is_some()
}

/// A file of ISO boxes: a photo or a video, by its brands.
fn media_container(bytes: &[u8]) -> &'static OtherFormat {
    let brands = bytes.get(8..bytes.len().min(64)).unwrap_or_default();
    let has = |names: &[&[u8]]| brands.chunks(4).any(|brand| names.contains(&brand));
    if has(&[b"avif", b"avis"]) {
        &AVIF
    } else if has(&[
        b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1",
    ]) {
        &HEIC
    } else {
        &MP4
    }
}

/// A ZIP, by the names of what is in it: its directory is at its end.
fn archive(bytes: &[u8]) -> &'static OtherFormat {
    let tail = &bytes[bytes.len().saturating_sub(64 << 10)..];
    let head = &bytes[..bytes.len().min(NAMES_WITHIN)];
    let holds = |name: &[u8]| {
        [head, tail]
            .iter()
            .any(|part| memmem::find(part, name).is_some())
    };
    if holds(b"OFD.xml") {
        &OFD
    } else if holds(b"word/") {
        &DOCX
    } else if holds(b"xl/") {
        &XLSX
    } else {
        &ZIP
    }
}

fn text(within: &[u8]) -> Option<&'static OtherFormat> {
    let without_mark = within.strip_prefix(b"\xef\xbb\xbf").unwrap_or(within);
    let start = without_mark.trim_ascii_start();
    let begins = |with: &[u8]| {
        start
            .get(..with.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    let holds = |name: &[u8]| memmem::find(start, name).is_some();
    if begins(b"data:") {
        Some(&DATA_URL)
    } else if begins(b"<svg") || (begins(b"<?xml") && holds(b"<svg")) {
        Some(&SVG)
    } else if begins(b"<!doctype html") || begins(b"<html") {
        Some(&HTML)
    } else if begins(b"<?xml") || begins(b"<EInvoice") {
        Some(&XML)
    } else if begins(b"{") || begins(b"[") {
        Some(&JSON)
    } else if is_text(start) {
        Some(&TEXT)
    } else {
        None
    }
}

fn is_text(bytes: &[u8]) -> bool {
    // The last character may be cut.
    let whole = &bytes[..bytes.len().saturating_sub(3)];
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() >= whole.len() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty()
        && !text.contains(|character: char| {
            character.is_control() && !matches!(character, '\n' | '\r' | '\t' | '\u{c}')
        })
}
