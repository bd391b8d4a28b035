//! What must hold for whatever a stranger sends: one function for each parser, which takes the
//! bytes and panics where it does not hold.
//!
//! Written once, checked twice: by the fuzz targets beside it for as long as one likes, and by
//! `cargo test` (tests/it/fuzz.rs) for a few seconds, over the corpus and what becomes of it under
//! small changes.

mod amount;
mod answer;
mod config;
mod headers;
mod heartbeat;
mod image;
mod job;
mod policy;
mod progress;
mod scenario;

use invoice_worker::settings::located::FileError;

pub use amount::amount;
pub use answer::{recognition, verification};
pub use config::config;
pub use headers::headers;
pub use heartbeat::heartbeat;
pub use image::image;
pub use job::job;
pub use policy::policy;
pub use progress::progress;
pub use scenario::scenario;

/// Panics where something does not hold for these bytes.
pub type Property = fn(&[u8]);

/// Each under the name of its fuzz target and its folder in the corpus.
pub const ALL: [(&str, Property); 11] = [
    ("amount", amount),
    ("config", config),
    ("headers", headers),
    ("heartbeat", heartbeat),
    ("image", image),
    ("job", job),
    ("policy", policy),
    ("progress", progress),
    ("recognition", recognition),
    ("scenario", scenario),
    ("verification", verification),
];

/// Something that must be in no message: planted before a stranger's bytes, wherever they continue
/// from there.
const PERSONAL: &str = "Zhang-San-110101199003070011";

/// Lines count from 1; text that ends in a line break has an empty last one.
fn lines(text: &str) -> usize {
    1 + text.matches('\n').count()
}

/// A mistake is told with the file and a line that exists, and in one line.
fn names_its_line(error: &FileError, text: &str, expected: &str) {
    let FileError::Wrong {
        file,
        line,
        problem,
    } = error
    else {
        panic!("nothing was to be read: {error}")
    };
    assert!(
        (1..=lines(text)).contains(line) && file == expected,
        "{error}"
    );
    assert!(!problem.is_empty() && !problem.contains('\n'), "{error}");
}
