//! Parses `telemetry.log`: a level, or levels by target. Directives that the library would misread
//! are refused.

use std::str::FromStr;
use tracing_subscriber::filter::{LevelFilter, Targets};

const OURS: &str = "invoice_worker";
/// These libraries log only errors unless a directive names them. Their errors are returned to us
/// and are logged once, where they are handled.
const QUIET: [&str; 5] = ["aws_config", "aws_smithy_runtime", "h2", "hyper", "rustls"];
/// The names of levels in other programs.
const OTHER_NAMES: [(&str, &str); 9] = [
    ("warning", "warn"),
    ("err", "error"),
    ("fatal", "error"),
    ("critical", "error"),
    ("notice", "info"),
    ("information", "info"),
    ("verbose", "debug"),
    ("all", "trace"),
    ("none", "off"),
];
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Parses `info`, or levels by target such as `invoice_worker=debug,warn`. The default level is
/// `info`.
pub(super) fn parse(directives: &str) -> Result<Targets, String> {
    let mut targets = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_targets(QUIET.map(|target| (target, LevelFilter::ERROR)));
    let mut general = None;
    for directive in directives.split(',').map(str::trim) {
        match directive.split_once('=') {
            _ if directive.is_empty() => {
                return Err(
                    "is empty, or has a comma too many; write a level such as \"info\"".to_owned(),
                );
            }
            None => {
                if general.replace(level(directive)?).is_some() {
                    return Err("has two levels without a target; one is for everything".to_owned());
                }
            }
            Some((target, level_name)) => {
                targets = targets.with_target(checked(target.trim())?, level(level_name.trim())?);
            }
        }
    }
    Ok(match general {
        Some(level) => targets.with_default(level),
        None => targets,
    })
}

fn level(name: &str) -> Result<LevelFilter, String> {
    let lower = name.to_ascii_lowercase();
    if LEVELS.contains(&lower.as_str()) {
        return LevelFilter::from_str(&lower).map_err(|error| error.to_string());
    }
    let shown: String = name.chars().take(40).collect();
    if let Some(target) = checked(name)
        .ok()
        .filter(|target| *target == OURS || target.contains("::"))
    {
        return Err(format!(
            "{shown:?} is a target and no level; write {target}=debug"
        ));
    }
    let other = OTHER_NAMES
        .iter()
        .find(|(other, _)| *other == lower)
        .map(|(_, level)| *level);
    let nearest = || {
        LEVELS
            .into_iter()
            .find(|level| strsim::damerau_levenshtein(level, &lower) <= 1)
    };
    let meant = other
        .or_else(nearest)
        .map(|level| format!("did you mean {level}? "))
        .unwrap_or_default();
    Err(format!(
        "{shown:?} is not a level; {meant}there are {}",
        LEVELS.join(", ")
    ))
}

/// A target is the path of a module; a directive with any other text would have no effect.
fn checked(target: &str) -> Result<&str, String> {
    let is_path = target.split("::").all(|part| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    let shown: String = target.chars().take(40).collect();
    let first = target.split("::").next().unwrap_or_default();
    let bare = first.replace(['-', '_'], "").to_ascii_lowercase();
    if first != OURS && strsim::damerau_levenshtein(&bare, &OURS.replace('_', "")) <= 2 {
        return Err(format!("{shown:?} is no target; did you mean {OURS}?"));
    }
    if is_path {
        Ok(target)
    } else {
        Err(format!(
            "{shown:?} is no target; write a module's path, such as {OURS}::worker"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    fn enabled_level(directives: &str, target: &str) -> Option<Level> {
        let filter = parse(directives).unwrap();
        let levels = [
            Level::TRACE,
            Level::DEBUG,
            Level::INFO,
            Level::WARN,
            Level::ERROR,
        ];
        levels
            .into_iter()
            .find(|level| filter.would_enable(target, level))
    }

    #[test]
    fn a_directive_is_a_level_or_a_level_for_a_target() {
        let ours = "invoice_worker::worker";
        for (directives, target, expected) in [
            ("info", ours, Some(Level::INFO)),
            ("INFO", ours, Some(Level::INFO)),
            ("warn", ours, Some(Level::WARN)),
            ("off", ours, None),
            ("invoice_worker=debug,warn", ours, Some(Level::DEBUG)),
            (
                " warn , invoice_worker::worker = trace ",
                ours,
                Some(Level::TRACE),
            ),
            ("invoice_worker=debug,warn", "moka", Some(Level::WARN)),
            // No directive names our target, so it keeps the default level.
            ("hyper=debug", ours, Some(Level::INFO)),
            ("hyper=debug", "hyper::proto", Some(Level::DEBUG)),
            ("info", "hyper::proto", Some(Level::ERROR)),
        ] {
            assert_eq!(
                enabled_level(directives, target),
                expected,
                "{directives}: {target}"
            );
        }
    }

    #[test]
    fn an_invalid_directive_is_refused_with_a_suggestion() {
        for (directives, says) in [
            ("", "is empty"),
            ("info,", "a comma too many"),
            ("warning", "did you mean warn?"),
            ("WARNING", "did you mean warn?"),
            ("err", "did you mean error?"),
            ("inof", "did you mean info?"),
            ("loud", "there are off, error, warn, info, debug, trace"),
            ("3", "there are off, error"),
            ("info,debug", "two levels without a target"),
            ("invoice_worker", "write invoice_worker=debug"),
            (
                "invoice_worker::breaker",
                "write invoice_worker::breaker=debug",
            ),
            ("invoice_worker=loud", "\"loud\" is not a level"),
            ("invoice_worker=", "\"\" is not a level"),
            ("invoice-worker=debug", "did you mean invoice_worker?"),
            ("Invoice_Worker=debug", "did you mean invoice_worker?"),
            (
                "invoice_workr::breaker=debug",
                "did you mean invoice_worker?",
            ),
            ("=debug", "\"\" is no target"),
            ("a=b=c", "\"b=c\" is not a level"),
            ("hyper[{field}]=debug", "is no target"),
            ("info;hyper=debug", "is no target"),
        ] {
            let problem = parse(directives).unwrap_err();
            assert!(problem.contains(says), "{directives:?}: {problem}");
        }
    }
}
