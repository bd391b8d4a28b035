//! Being written.
#[derive(Debug)]
pub struct Message;
#[derive(Debug)]
pub struct Properties;
