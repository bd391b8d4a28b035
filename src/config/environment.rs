//! The variables that override keys, and misspelled ones.

use super::error::twin;
use super::setting::{Setting, default_of};
use crate::settings::text::{flaw, header_flaw};
use std::collections::BTreeMap;
use std::ffi::OsString;
use toml::{Table, Value};

const PREFIX: &str = "INVOICE_WORKER__";
/// Names the configuration file; empty is as good as unset.
pub const FILE_VARIABLE: &str = "INVOICE_WORKER_CONFIG";
/// The prefix of variables that configure the tests of this repository.
const TEST_PREFIX: &str = "INVOICE_WORKER_TEST_";
/// The beginning of every name that is meant for this program, in lower case and without
/// underscores, which are easily miscounted.
const BARE_PREFIX: &str = "invoiceworker";
/// The most edits between a misspelled name and the suggested one.
const MOST_EDITS: usize = 3;

/// The names and values of the process; a value that is not UTF-8 is a mistake only if the name is
/// meant for this program.
pub(super) type Variables = BTreeMap<OsString, OsString>;

/// Collects the settings from the variables, in the order of their names, so that the same
/// environment gives the same messages.
pub(super) fn read(
    variables: &Variables,
    defaults: &Table,
    settings: &mut Vec<Setting>,
    mistakes: &mut Vec<String>,
) {
    let ours = variables
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value)))
        .filter(|(name, _)| is_ours(name));
    for (name, value) in ours {
        let Some(value) = value.to_str() else {
            mistakes.push(format!("environment variable {name}: is not UTF-8"));
            continue;
        };
        if let Some(list) = name
            .strip_prefix(PREFIX)
            .and_then(|rest| list_of(rest, defaults))
        {
            settings.push(Setting {
                section: list.to_owned(),
                entry: None,
                key: String::new(),
                value: as_toml(value).unwrap_or_else(|| Value::String(value.to_owned())),
                place: format!("environment variable {name}"),
                entries: Vec::new(),
                from_environment: true,
            });
            continue;
        }
        let Some((section, key)) = name
            .strip_prefix(PREFIX)
            .and_then(|rest| key_of(rest, defaults))
        else {
            mistakes.push(format!(
                "environment variable {name}: {}",
                unknown(name, defaults)
            ));
            continue;
        };
        // A secret and its file are one key. Where both are set, one has to be empty, as compose
        // files leave them; otherwise it is not clear which one applies.
        let other_name = format!("{PREFIX}{section}__{}", twin(key)).to_ascii_uppercase();
        if default_of(defaults, section, &twin(key)).is_some()
            && let Some(other) = variables
                .get(&OsString::from(&other_name))
                .filter(|other| !other.is_empty())
        {
            if !value.is_empty() && !other.is_empty() && !key.ends_with("_file") {
                mistakes.push(format!(
                    "environment variable {name}: given twice, here and as {other_name}; keep one"
                ));
            }
            if value.is_empty() {
                continue;
            }
        }
        let value = match default_of(defaults, section, key) {
            // Text is taken as it is; any other value is written as in the file.
            Some(Value::String(_)) | None => Value::String(value.to_owned()),
            Some(_) => as_toml(value).unwrap_or_else(|| Value::String(value.to_owned())),
        };
        let place = format!("environment variable {name}");
        settings.push(Setting {
            section: section.to_owned(),
            entry: None,
            key: key.to_owned(),
            value,
            place,
            entries: Vec::new(),
            from_environment: true,
        });
    }
}

/// Says what is wrong with a text.
type FlawFinder = fn(&str) -> Option<&'static str>;

/// The variables that the AWS SDK puts into headers, URLs and signatures.
const AWS_VARIABLES: [(&str, FlawFinder); 11] = [
    ("AWS_ACCESS_KEY_ID", header_flaw),
    ("AWS_SECRET_ACCESS_KEY", header_flaw),
    ("AWS_SESSION_TOKEN", header_flaw),
    ("AWS_REGION", header_flaw),
    ("AWS_DEFAULT_REGION", header_flaw),
    ("AWS_ENDPOINT_URL", header_flaw),
    ("AWS_ENDPOINT_URL_S3", header_flaw),
    ("AWS_ROLE_ARN", header_flaw),
    ("AWS_ROLE_SESSION_NAME", header_flaw),
    ("AWS_PROFILE", flaw),
    ("AWS_EXECUTION_ENV", flaw),
];

/// The variables of the AWS credential chain with unusable values, each with its problem.
pub(super) fn flaws_of_aws(variables: &Variables) -> Vec<(&'static str, &'static str)> {
    let flaw = |(name, flaw): (&'static str, FlawFinder)| {
        let value = variables.get(&OsString::from(name))?;
        let found = value.to_str().map_or(Some("is not UTF-8"), flaw)?;
        Some((name, found))
    };
    AWS_VARIABLES.into_iter().filter_map(flaw).collect()
}

/// Whether the variable is meant for this program, spelled correctly or not.
fn is_ours(name: &str) -> bool {
    let bare = |name: &str| name.replace('_', "").to_ascii_lowercase();
    // An underscore has to follow: a longer word belongs to another program.
    let begins = name.to_ascii_lowercase().starts_with("invoice_worker_")
        || bare(name).starts_with(BARE_PREFIX) && name.contains("__");
    begins && name != FILE_VARIABLE && !name.starts_with(TEST_PREFIX) && !is_from_kubernetes(name)
}

/// Whether Kubernetes made the variable: it gives every container the addresses of the services of
/// its namespace, and one of them may be called `invoice-worker`.
fn is_from_kubernetes(name: &str) -> bool {
    let is_protocol = |text: &str| {
        let mut parts = text.splitn(3, '_');
        let number = parts
            .next()
            .is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
        let protocol = parts
            .next()
            .is_some_and(|protocol| matches!(protocol, "TCP" | "UDP" | "SCTP"));
        number
            && protocol
            && parts
                .next()
                .is_none_or(|part| matches!(part, "ADDR" | "PORT" | "PROTO"))
    };
    !name.contains("__")
        && (name.ends_with("_SERVICE_HOST")
            || name.ends_with("_SERVICE_PORT")
            || name.contains("_SERVICE_PORT_")
            || name.ends_with("_PORT")
            || name.split("_PORT_").skip(1).any(is_protocol))
}

/// A value as it is written in the file; `None` for what is none.
fn as_toml(value: &str) -> Option<Value> {
    let table = format!("value = {value}").parse::<Table>();
    table.ok()?.remove("value")
}

/// The list of sections of this name, if there is one.
fn list_of<'a>(name: &str, defaults: &'a Table) -> Option<&'a str> {
    let mut lists = defaults.iter().filter(|(_, value)| value.is_array());
    let found = lists.find(|(list, _)| list.to_ascii_uppercase() == name)?;
    Some(found.0.as_str())
}

/// The section and key of `SECTION__KEY`, if they exist.
fn key_of<'a>(rest: &str, defaults: &'a Table) -> Option<(&'a str, &'a str)> {
    let is_upper = !rest.bytes().any(|byte| byte.is_ascii_lowercase());
    let (section, key) = rest.split_once("__").filter(|_| is_upper)?;
    known(defaults)
        .find(|(known, name)| known.eq_ignore_ascii_case(section) && name.eq_ignore_ascii_case(key))
}

fn known(defaults: &Table) -> impl Iterator<Item = (&str, &str)> {
    let sections = defaults
        .iter()
        .filter_map(|(section, keys)| Some((section.as_str(), keys.as_table()?)));
    sections.flat_map(|(section, keys)| keys.keys().map(move |key| (section, key.as_str())))
}

/// The problem with an unknown name, and the name that was probably meant.
fn unknown(name: &str, defaults: &Table) -> String {
    let bare = |text: &str| text.replace('_', "").to_ascii_lowercase();
    let written = bare(name);
    let written = written.strip_prefix(BARE_PREFIX).unwrap_or(&written);
    if written == "config" {
        return format!("is not known; did you mean {FILE_VARIABLE}?");
    }
    let distance = |(section, key): (&str, &str)| {
        strsim::damerau_levenshtein(&bare(&format!("{section}{key}")), written)
    };
    let nearest = known(defaults)
        .map(|pair| (distance(pair), pair))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((distance, (section, key))) if distance <= MOST_EDITS => {
            format!(
                "is not known; did you mean {}?",
                format!("{PREFIX}{section}__{key}").to_ascii_uppercase()
            )
        }
        _ => {
            let section = name
                .strip_prefix(PREFIX)
                .and_then(|rest| rest.split("__").next())
                .unwrap_or_default()
                .to_ascii_lowercase();
            if let Some(keys) = defaults.get(&section).and_then(Value::as_table) {
                return format!(
                    "names no key; [{section}] has {}",
                    keys.keys().cloned().collect::<Vec<_>>().join(", ")
                );
            }
            let sections = defaults.keys().cloned().collect::<Vec<_>>().join(", ");
            format!("names no key; write {PREFIX}SECTION__KEY, where SECTION is one of {sections}")
        }
    }
}

#[cfg(test)]
mod tests;
