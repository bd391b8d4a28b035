//! What is on a page, before anything is drawn: images, text, and whether the text has its fonts.

use super::fonts::PageFonts;
use super::scan::{Placed, is_own_jpeg};
use hayro::hayro_interpret::font::{Glyph, GlyphRun};
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask,
};
use hayro::kurbo::{BezPath, Rect, Shape};

/// A rectangle has four corners, a way back, and perhaps its close.
const RECTANGLE_ELEMENTS: usize = 6;

/// The drawing instructions of a page, summed up.
pub(super) struct Survey<'f> {
    fonts: &'f PageFonts,
    page: Rect,
    clips: Vec<Rect>,
    /// A clip or group is there that changes what an image looks like.
    is_unusual: bool,
    /// JPEGs that are drawn as they are.
    pub(super) jpegs: Vec<Placed>,
    /// Anything else that can be seen.
    pub(super) others: usize,
    pub(super) has_text: bool,
    pub(super) lacks_font: bool,
    /// The most pixels that an image has for a point of the page.
    pub(super) finest: f64,
}

impl<'f> Survey<'f> {
    pub(super) fn new(fonts: &'f PageFonts, page: Rect) -> Self {
        Self {
            fonts,
            page,
            clips: Vec::new(),
            is_unusual: false,
            jpegs: Vec::new(),
            others: 0,
            has_text: false,
            lacks_font: false,
            finest: 0.0,
        }
    }

    /// The JPEG that is the whole page.
    pub(super) fn scan(&self) -> Option<&Placed> {
        match self.jpegs.as_slice() {
            [scan] if self.others == 0 && !self.is_unusual && scan.covers(self.page) => Some(scan),
            _ => None,
        }
    }
}

impl<'a> Device<'a> for Survey<'_> {
    fn draw_path(&mut self, _path: &BezPath, _props: DrawProps<'a>, mode: &DrawMode) {
        self.others += usize::from(!matches!(mode, DrawMode::Invisible));
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        let is_rectangle = clip.path.elements().len() <= RECTANGLE_ELEMENTS;
        self.is_unusual |= !is_rectangle;
        self.push_clip_rect(&clip.path.bounding_box());
    }

    fn push_clip_rect(&mut self, rect: &Rect) {
        self.clips.push(*rect);
    }

    fn pop_clip(&mut self) {
        self.clips.pop();
    }

    fn push_transparency_group(
        &mut self,
        opacity: f32,
        mask: Option<SoftMask<'a>>,
        blend_mode: BlendMode,
    ) {
        self.is_unusual |= opacity < 1.0 || mask.is_some() || blend_mode != BlendMode::Normal;
    }

    fn pop_transparency_group(&mut self) {}

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, _props: DrawProps<'a>, mode: &DrawMode) {
        // The text that lies unseen over a scan.
        if matches!(mode, DrawMode::Invisible) {
            return;
        }
        self.others += 1;
        for glyph in run.glyphs() {
            match &**glyph {
                Glyph::Outline(glyph) => {
                    self.has_text = true;
                    self.lacks_font = self.lacks_font || self.fonts.lacks(glyph);
                }
                Glyph::Type3(_) => {}
            }
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        let sides = (image.width(), image.height());
        let placed = Placed::new(sides, props.transform);
        self.finest = self.finest.max(placed.pixels_for_a_point());
        match image {
            Image::Raster(raster) if is_own_jpeg(raster.stream()) => {
                self.is_unusual |= self
                    .clips
                    .iter()
                    .any(|clip| !placed.is_within(*clip, self.page));
                let data = raster.stream().raw_data();
                // More than one is drawn anyway.
                let data = if self.jpegs.is_empty() {
                    data.into_owned()
                } else {
                    Vec::new()
                };
                self.jpegs.push(placed.with(data));
            }
            Image::Raster(_) | Image::Stencil(_) => self.others += 1,
        }
    }
}
