//! The text of a new configuration: every key with its comment, as config/invoice-worker.toml has
//! them. A key that is set stands there with its value; any other is a comment, so that its default
//! may change.

const TEMPLATE: &str = include_str!("../../../config/invoice-worker.toml");

/// The first line says what it is; the rest of the template's head is kept.
const HEAD: &str =
    "# Written by `invoice-worker init`. What is commented out has this value by default.\n";

/// A key of a section, and its value as TOML.
pub(super) struct SetKey {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) value: toml::Value,
}

impl SetKey {
    pub(super) fn new(
        section: &'static str,
        key: &'static str,
        value: impl Into<toml::Value>,
    ) -> Self {
        Self {
            section,
            key,
            value: value.into(),
        }
    }
}

/// The configuration in which these keys are set.
pub(super) fn filled(keys: &[SetKey]) -> String {
    let mut text = HEAD.to_owned();
    let mut section = "";
    // The template's own first line is about itself.
    for line in TEMPLATE.lines().skip(1) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        }
        let key = line.split_once(" = ").filter(|_| !line.starts_with('#'));
        let set = key.and_then(|(name, _)| {
            keys.iter()
                .find(|set| set.section == section && set.key == name)
        });
        match (key, set) {
            (Some((name, _)), Some(set)) => text.extend([name, " = ", &set.value.to_string()]),
            (Some(_), None) => text.extend(["# ", line]),
            (None, _) => text += line,
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn without_a_key_it_is_the_defaults_and_every_key_that_is_set_is_found() {
        assert_eq!(
            Config::parse(&filled(&[]), "it").unwrap(),
            Config::default()
        );
        let text = filled(&[
            SetKey::new("storage", "bucket", "a \"bucket\""),
            SetKey::new("recognition", "rate_per_second", 2.5),
            SetKey::new("storage", "path_style", true),
        ]);
        let config = Config::parse(&text, "it").unwrap();
        assert_eq!(config.storage.bucket, "a \"bucket\"");
        assert!(config.storage.path_style);
        assert!((config.recognition.rate_per_second - 2.5).abs() < f64::EPSILON);
        assert!((config.verification.rate_per_second - 10.0).abs() < f64::EPSILON);
        let lines = |text: &str| text.lines().count();
        assert_eq!(lines(&text), lines(TEMPLATE));
    }
}
