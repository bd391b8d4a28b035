//! Being written.
#[derive(Debug, Default, Clone)]
pub struct Headers;
