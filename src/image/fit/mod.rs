//! Made fit, for each provider by itself, and only where the original does not fit.
//!
//! The plan is a function of header and limits; the pixels are decoded when a provider is called,
//! within a budget of memory of their own.

mod budget;
mod draw;
mod encode;
mod finder_patterns;
mod made;
mod pixels;
mod plan;
mod qr_code;
mod sides;
mod tiff_pixels;
mod trim;
mod turn;

pub use budget::DecodingBudget;
pub use draw::{Drawn, draw, qr_of_original};
pub use made::MadePicture;
pub use plan::{Plan, Reason, Redraw, Show};

#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod limits_tests;
#[cfg(test)]
mod tests;
