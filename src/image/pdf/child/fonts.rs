//! Fonts that are not in the document: which stand in, and whether they have its characters.

use super::super::fault::PdfFault;
use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_interpret::InterpreterWarning;
use hayro::hayro_interpret::font::{
    FallbackFontQuery, FontData, FontQuery, OutlineGlyph, StandardFont,
};
use hayro::hayro_interpret::hayro_cmap::BfString;
use skrifa::{FontRef, MetadataProvider};
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A font's name is a stranger's text: so much of it is shown.
const MAX_NAME_CHARACTERS: usize = 40;
/// The codes of a font of the simple kind.
const SIMPLE_CODES: u32 = 0xff;

/// The fonts of this process.
pub(super) struct Fonts(Arc<StandIns>);

struct StandIns {
    configured: Option<File>,
    /// Stands in for fonts of large character sets: the configured one, or any.
    large: OnceLock<FontData>,
    /// Stands in for fonts that should be simple.
    simple: OnceLock<FontData>,
}

/// The fonts of one page, and what was noticed about them.
#[derive(Clone)]
pub(super) struct PageFonts {
    stand_ins: Arc<StandIns>,
    noticed: Arc<Noticed>,
}

#[derive(Default)]
struct Noticed {
    /// The names of the fonts that are not in the document.
    absent: Mutex<Vec<String>>,
    is_unknown: AtomicBool,
    is_picture_damaged: AtomicBool,
}

impl Fonts {
    pub(super) fn new(configured: Option<File>) -> Self {
        Self(Arc::new(StandIns {
            configured,
            large: OnceLock::new(),
            simple: OnceLock::new(),
        }))
    }

    pub(super) fn of_page(&self) -> PageFonts {
        PageFonts {
            stand_ins: Arc::clone(&self.0),
            noticed: Arc::default(),
        }
    }
}

impl StandIns {
    /// The configured font; where there is none, one that has no Chinese character.
    fn read(&self) -> FontData {
        let mut bytes = Vec::new();
        let file = self.configured.as_ref();
        match file.map(|mut file| file.read_to_end(&mut bytes)) {
            Some(Ok(_)) => Arc::new(bytes),
            Some(Err(_)) | None => copied(StandardFont::Helvetica),
        }
    }
}

impl PageFonts {
    /// The settings with which pages are read: fonts come from here, and warnings arrive here.
    pub(super) fn settings(&self) -> InterpreterSettings {
        let (fonts, warned) = (self.clone(), self.clone());
        InterpreterSettings {
            font_resolver: Arc::new(move |query| Some((fonts.resolved(query), 0))),
            warning_sink: Arc::new(move |warning| match warning {
                InterpreterWarning::UnsupportedFont => {
                    warned.noticed.is_unknown.store(true, Ordering::Relaxed);
                }
                InterpreterWarning::ImageDecodeFailure => {
                    warned
                        .noticed
                        .is_picture_damaged
                        .store(true, Ordering::Relaxed);
                }
                // An annotation is no part of the bill; others may come with other versions.
                _ => {}
            }),
            ..InterpreterSettings::default()
        }
    }

    /// Whether an image that had to be drawn could not be decoded.
    pub(super) fn is_picture_damaged(&self) -> bool {
        self.noticed.is_picture_damaged.load(Ordering::Relaxed)
    }

    /// Whether a font could not be used at all, so that another alphabet took its place.
    pub(super) fn is_unknown(&self) -> bool {
        self.noticed.is_unknown.load(Ordering::Relaxed)
    }

    /// Whether the glyph is not the character that the document means.
    pub(super) fn lacks(&self, glyph: &OutlineGlyph) -> bool {
        let Some(used) = glyph.font_data() else {
            return false;
        };
        let is = |font: &OnceLock<FontData>| {
            let font = font.get();
            font.is_some_and(|font| start(font) == start(&used.data))
        };
        if is(&self.stand_ins.simple) {
            return glyph.char_code() > SIMPLE_CODES;
        }
        if !is(&self.stand_ins.large) {
            return false;
        }
        match glyph.as_unicode() {
            Some(BfString::Char(character)) if character.is_whitespace() => false,
            Some(BfString::Char(character)) if self.stand_ins.configured.is_some() => {
                let font = FontRef::from_index((*used.data).as_ref(), 0);
                let mapped = font.ok().and_then(|font| font.charmap().map(character));
                mapped.is_none_or(|mapped| mapped.to_u32() != glyph.glyph_id().to_u32())
            }
            // Text that is not known to be characters of the font.
            Some(BfString::Char(_) | BfString::String(_)) | None => true,
        }
    }

    /// The fault where text lacks its font.
    pub(super) fn fault(&self) -> PdfFault {
        let absent = self
            .noticed
            .absent
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        PdfFault::Font {
            name: absent.first().cloned().unwrap_or_else(|| "?".to_owned()),
            is_configured: self.stand_ins.configured.is_some(),
        }
    }

    fn resolved(&self, query: &FontQuery) -> FontData {
        match query {
            FontQuery::Standard(standard) => standard.get_font_data().0,
            FontQuery::Fallback(query) if query.character_collection.is_none() => {
                let own = || copied(query.pick_standard_font());
                Arc::clone(self.stand_ins.simple.get_or_init(own))
            }
            FontQuery::Fallback(query) => {
                let mut absent = self
                    .noticed
                    .absent
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                absent.push(shown(query));
                Arc::clone(self.stand_ins.large.get_or_init(|| self.stand_ins.read()))
            }
        }
    }
}

/// Bytes of their own, by whose place they are known again.
fn copied(font: StandardFont) -> FontData {
    Arc::new((*font.get_font_data().0).as_ref().to_vec())
}

fn start(font: &FontData) -> *const u8 {
    (**font).as_ref().as_ptr()
}

fn shown(query: &FallbackFontQuery) -> String {
    let name = query.post_script_name.as_deref().unwrap_or("?");
    let is_shown = |character: &char| character.is_alphanumeric() || matches!(character, '-' | '_');
    let shown = name.chars().filter(is_shown);
    shown.take(MAX_NAME_CHARACTERS).collect()
}
