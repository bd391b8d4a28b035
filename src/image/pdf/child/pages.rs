//! Which page, and whether it is taken out or drawn.

use super::super::fault::PdfFault;
use super::document::Document;
use super::draw::{self, drawn};
use super::fonts::Fonts;
use super::survey::Survey;
use crate::domain::qr::QrClaim;
use hayro::hayro_interpret::{Context, InterpreterCache, TransformExt, interpret_page};
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::Rect;
use image::{DynamicImage, ImageReader, Limits};
use std::io::Cursor;

/// A bill is looked for on so many pages.
const MAX_SEARCHED: usize = 10;
/// A QR code is looked for in a picture that is no longer than this: it is enough, and quick.
const SEARCHED_SIDE: u32 = 2_000;
/// A scan that is decoded to look for a QR code.
const MAX_DECODED_BYTES: u64 = 256 << 20;

/// A page's picture, of which the pixels are known where it was drawn.
struct PagePicture {
    file: Vec<u8>,
    drawn: Option<DynamicImage>,
}

/// The wanted page, from 1, and its picture.
///
/// # Errors
/// There is no such page, or it cannot be shown as it is meant.
pub(super) fn picture(
    document: &Document,
    wanted: Option<u32>,
    fonts: &Fonts,
) -> Result<(u32, Vec<u8>), PdfFault> {
    let pages = document.pages();
    let count = u32::try_from(pages.len()).unwrap_or(u32::MAX);
    if let Some(number) = wanted {
        let page = usize::try_from(number - 1)
            .ok()
            .and_then(|at| pages.get(at));
        let page = page.ok_or(PdfFault::NoSuchPage { pages: count })?;
        return Ok((number, of(page, fonts)?.file));
    }
    let (first, others) = pages.split_first().ok_or(PdfFault::Damaged)?;
    let of_first = of(first, fonts);
    // A document of one page needs no code.
    if others.is_empty() || of_first.as_ref().is_ok_and(shows_bill) {
        return Ok((1, of_first?.file));
    }
    for (page, number) in others.iter().zip(2..).take(MAX_SEARCHED - 1) {
        // A page that cannot be shown is not the one with the bill.
        if let Ok(picture) = of(page, fonts)
            && shows_bill(&picture)
        {
            return Ok((number, picture.file));
        }
    }
    Ok((1, of_first?.file))
}

fn of<'a>(page: &'a Page<'a>, fonts: &Fonts) -> Result<PagePicture, PdfFault> {
    let fonts = fonts.of_page();
    let (width, height) = page.render_dimensions();
    let whole = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let mut survey = Survey::new(&fonts, whole);
    let interpreter = InterpreterCache::new();
    let mut context = Context::new(
        page.initial_transform(true).to_kurbo(),
        whole,
        &interpreter,
        page.xref(),
        fonts.settings(),
    );
    interpret_page(page, &mut context, &mut survey);
    if survey.lacks_font || survey.has_text && fonts.is_unknown() {
        return Err(fonts.fault());
    }
    if let Some(file) = survey.scan().and_then(super::scan::Placed::file) {
        return Ok(PagePicture { file, drawn: None });
    }
    let image = drawn(page, &fonts, survey.finest)?;
    Ok(PagePicture {
        file: draw::file(&image)?,
        drawn: Some(image),
    })
}

fn shows_bill(picture: &PagePicture) -> bool {
    let image = match &picture.drawn {
        Some(image) => image.clone(),
        None => match decoded(&picture.file) {
            Some(image) => image,
            None => return false,
        },
    };
    let grey = if image.width().max(image.height()) > SEARCHED_SIDE {
        image.thumbnail(SEARCHED_SIDE, SEARCHED_SIDE).into_luma8()
    } else {
        image.into_luma8()
    };
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    let pixels = grey.as_raw();
    let mut prepared =
        rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * width + x]);
    let codes = prepared.detect_grids();
    let mut texts = codes.iter().filter_map(|code| code.decode().ok());
    texts.any(|(_, text)| QrClaim::read(&text).is_some())
}

fn decoded(jpeg: &[u8]) -> Option<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(jpeg))
        .with_guessed_format()
        .ok()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    reader.decode().ok()
}
