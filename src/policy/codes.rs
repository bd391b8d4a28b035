//! Code names and the patterns that catch them.

use super::VendorName;

const ANY: &str = "*";
pub(super) const ANY_NUMBER: &str = "#";
const CLASSES: [(&str, &str); 3] = [
    ("http.3xx", "http.3"),
    ("http.4xx", "http.4"),
    ("http.5xx", "http.5"),
];
/// Whatever begins so: `KMS.DisabledException`.
const FAMILIES: [(&str, &str); 1] = [("KMS.*", "KMS.")];

/// Beside `http.NNN`.
const OF_THE_WIRE: [&str; 4] = ["connect", "timeout", "truncated", "malformed"];

/// Does `code`, exact or itself a pattern, fall under `pattern`?
pub(super) fn catches(pattern: &str, code: &str) -> bool {
    match pattern {
        ANY => true,
        ANY_NUMBER => {
            code == ANY_NUMBER
                || (!code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit()))
        }
        exact_or_class => {
            code == exact_or_class
                || in_class(exact_or_class, code)
                || in_family(exact_or_class, code)
        }
    }
}

fn in_class(class: &str, code: &str) -> bool {
    CLASSES.iter().any(|(name, prefix)| {
        *name == class
            && code.strip_prefix(prefix).is_some_and(|rest| {
                rest.len() == 2 && rest.bytes().all(|byte| byte.is_ascii_digit())
            })
    })
}

fn in_family(family: &str, code: &str) -> bool {
    FAMILIES.iter().any(|(name, prefix)| {
        *name == family && code.len() > prefix.len() && code.starts_with(prefix)
    })
}

/// Patterns that catch any number of codes: a code under them alone is not *named*.
pub(super) fn is_open(pattern: &str) -> bool {
    matches!(pattern, ANY | ANY_NUMBER)
}

/// Does it stand for any number of codes?
pub(super) fn is_pattern(name: &str) -> bool {
    let mut patterns = CLASSES.iter().chain(&FAMILIES);
    is_open(name) || patterns.any(|(pattern, _)| *pattern == name)
}

/// A name as it may stand in a table, in the form in which failures carry it; or what is wrong with
/// it.
pub(super) fn parse(name: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let exact = !name.is_empty()
        && name.len() <= crate::domain::failure::MAX_CODE_BYTES
        && name.bytes().all(plain)
        && !name.ends_with("xx");
    if is_pattern(name) || exact {
        Ok(normalise(name))
    } else {
        Err(format!(
            "{name:?} is neither a code nor one of the patterns http.3xx, http.4xx, http.5xx, KMS.*, # and *"
        ))
    }
}

/// The gateway calls itself `APIG` or `APIGW`; failures always carry the first.
pub fn normalise(name: &str) -> String {
    name.strip_prefix("APIGW.")
        .map_or_else(|| name.to_owned(), |rest| format!("APIG.{rest}"))
}

/// Is it one of the registry's own codes, as DeepFinch passes them on? They are numbers, whatever
/// the number; every other answer was given on the way to the registry.
pub(super) fn is_registrys(vendor: VendorName, pattern: &str) -> bool {
    vendor == VendorName::DEEPFINCH && catches(ANY_NUMBER, pattern)
}

/// The name of what happened to a call on the wire, in contrast to a code that came in a body.
pub(super) fn is_of_the_wire(code: &str) -> bool {
    code.starts_with("http.") || OF_THE_WIRE.contains(&code)
}

/// Is it a good answer's code? What that means is not a matter of configuration. The table of a
/// vendor of its own says which of its codes is one.
pub(super) fn may_be_success(vendor: VendorName, code: &str) -> bool {
    match vendor {
        VendorName::HUAWEI => code == "200",
        VendorName::DEEPFINCH => code == "OK",
        VendorName::S3 | VendorName::WORKER => false,
        _ => !is_open(code) && !is_of_the_wire(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_catches_its_class_and_nothing_else() {
        for (pattern, code, expected) in [
            ("317", "317", true),
            ("317", "3170", false),
            ("http.5xx", "http.502", true),
            ("http.5xx", "http.5xx", true),
            ("http.5xx", "http.429", false),
            ("http.5xx", "http.5020", false),
            ("http.5xx", "502", false),
            ("http.3xx", "http.301", true),
            ("KMS.*", "KMS.DisabledException", true),
            ("KMS.*", "KMS.*", true),
            ("KMS.*", "KMS.", false),
            ("KMS.*", "KMSDisabled", false),
            ("#", "326", true),
            ("#", "", false),
            ("#", "http.502", false),
            ("#", "*", false),
            ("*", "", true),
            ("*", "#", true),
        ] {
            assert_eq!(catches(pattern, code), expected, "{pattern} {code}");
        }
    }

    #[test]
    fn names_that_could_never_match_are_refused() {
        for name in [
            "",
            "http.2xx",
            "http.*",
            "##",
            "a b",
            "代码",
            &"x".repeat(65),
        ] {
            assert!(parse(name).is_err(), "{name}");
        }
        assert_eq!(parse("APIGW.0308").as_deref(), Ok("APIG.0308"));
    }
}
