//! The request's body: multipart, the picture as `file` or its address as `url`.

use crate::domain::picture::Format;
use crate::provider::wire::Shown;
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use std::borrow::Cow;
use url::Url;

/// The picture's bytes are shared, not copied.
pub(super) fn form(shown: Shown<'_>, auto_rotate: bool) -> reqwest::Result<Form> {
    let form = match shown {
        Shown::Picture(picture) => {
            let part = Part::stream(Body::from(picture.bytes.clone())).file_name(file_name(picture.format));
            let part = part.mime_str(picture.format.media_type())?;
            Form::new().part("file", part)
        }
        Shown::Url(url) => Form::new().text("url", escaped(&url).into_owned()),
    };
    Ok(if auto_rotate { form.text("auto_rotate", "true") } else { form })
}

/// The customer's own name for the picture may be personal.
fn file_name(format: Format) -> &'static str {
    match format {
        Format::Jpeg => "invoice.jpg",
        Format::Png => "invoice.png",
        Format::Bmp => "invoice.bmp",
    }
}

/// Chinese and special characters as the provider wants them. What is escaped already stays as it is, so that a signed URL still holds.
fn escaped(url: &str) -> Cow<'_, str> {
    if url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Cow::Borrowed(url);
    }
    Url::parse(url).map_or(Cow::Borrowed(url), |url| Cow::Owned(url.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_escaped_once() {
        for (url, expected) in [
            ("https://b.example/a.jpg?X-Sig=a%2Bb", "https://b.example/a.jpg?X-Sig=a%2Bb"),
            ("https://b.example/票 1.jpg", "https://b.example/%E7%A5%A8%201.jpg"),
            ("https://b.example/%E7%A5%A8/票.jpg", "https://b.example/%E7%A5%A8/%E7%A5%A8.jpg"),
        ] {
            assert_eq!(escaped(url), expected);
        }
    }
}
