//! A small text file, read whole.

use super::units::Size;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Far more than any configuration file has: a device or a log that was named by mistake is not
/// read to its end.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The text of a file of settings or certificates, of which no more than [`MAX_FILE_BYTES`] are
/// read.
///
/// # Errors
/// Says which file cannot be read, and why.
pub fn read_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    match read {
        Ok(_) if text.len() as u64 > MAX_FILE_BYTES => Err(format!(
            "{shown}: is longer than {}, and no more is read",
            Size(MAX_FILE_BYTES)
        )),
        Ok(_) => Ok(text),
        Err(error) => Err(format!("{shown}: cannot be read: {error}")),
    }
}
