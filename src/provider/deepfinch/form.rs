//! The request's body: multipart, the picture as `file` or its address as `url`.

use crate::domain::picture::Format;
use crate::provider::Shown;
use reqwest::Body;
use reqwest::multipart::{Form, Part};

/// The picture's bytes are shared, not copied.
pub(super) fn form(shown: Shown<'_>, auto_rotate: bool) -> reqwest::Result<Form> {
    let form = match shown {
        Shown::Picture(picture) => {
            let part = Part::stream(Body::from(picture.bytes.clone()))
                .file_name(file_name(picture.format));
            let part = part.mime_str(picture.format.media_type())?;
            Form::new().part("file", part)
        }
        Shown::Url(url) => Form::new().text("url", url.into_owned()),
    };
    Ok(if auto_rotate {
        form.text("auto_rotate", "true")
    } else {
        form
    })
}

/// The customer's own name for the picture may be personal.
fn file_name(format: Format) -> &'static str {
    match format {
        Format::Jpeg => "invoice.jpg",
        Format::Png => "invoice.png",
        Format::Bmp => "invoice.bmp",
        Format::Tiff => "invoice.tiff",
        Format::Webp => "invoice.webp",
        Format::Gif => "invoice.gif",
    }
}
