//! Which names can be codes of which stage. An override for a name that nothing ever answers would
//! wait in vain for its day.

use super::{Rule, Stage, codes};
use std::fmt::Write as _;

/// A name that looks like one of S3's, and is so close to a known one, is that one misspelt.
const MISSPELT: usize = 2;

/// The names of the built-in table, with everything whose form says that it can be answered.
pub(super) struct Vocabulary<'a>(pub(super) &'a [Rule]);

impl Vocabulary<'_> {
    /// Says what is wrong with a name that no answer of the stage can carry.
    pub(super) fn check(&self, stage: Stage, name: &str) -> Result<(), String> {
        let nearest = self.nearest(stage, name);
        let misspelt = nearest.is_some_and(|(_, distance)| distance <= MISSPELT);
        let known = codes::is_open(name) && (name, stage) != (codes::ANY_NUMBER, Stage::Storage)
            || self.names(stage).any(|known| known == name)
            || is_http_status(name)
            || match stage {
                Stage::Recognition => is_number(name) || is_gateways(name),
                Stage::Verification => is_number(name),
                Stage::Storage => {
                    (is_camel_case(name) || name.strip_prefix("KMS.").is_some_and(is_camel_case))
                        && !misspelt
                }
                Stage::Job | Stage::Image | Stage::Worker => false,
            };
        if known {
            return Ok(());
        }
        let mut problem = format!("{name:?} is no code of {stage}");
        // Writing to a string never fails.
        let _ = match nearest {
            Some((meant, _)) => write!(problem, "; did you mean {meant:?}?"),
            None => write!(problem, "; there are {}", possible(stage)),
        };
        Err(problem)
    }

    fn names(&self, stage: Stage) -> impl Iterator<Item = &str> {
        let table = self
            .0
            .iter()
            .filter(move |rule| rule.stage == stage)
            .flat_map(|rule| &rule.codes)
            .map(String::as_str);
        table.chain(of_the_wire(stage).iter().copied())
    }

    /// The name that was probably meant, and how far it is away. Numbers and statuses are not
    /// guessed.
    fn nearest(&self, stage: Stage, name: &str) -> Option<(&str, usize)> {
        let lower = name.to_ascii_lowercase();
        let distance =
            |known: &str| strsim::damerau_levenshtein(&known.to_ascii_lowercase(), &lower);
        let names = self
            .names(stage)
            .filter(|known| !is_number(known) && !is_http_status(known) && !codes::is_open(known));
        let nearest = names
            .map(|known| (known, distance(known)))
            .min_by_key(|(_, distance)| *distance);
        nearest.filter(|(_, distance)| *distance <= name.len() / 3)
    }
}

/// The names for a call without an answer that could be read, beside `http.NNN`.
fn of_the_wire(stage: Stage) -> &'static [&'static str] {
    match stage {
        Stage::Storage => &[
            "http.3xx",
            "http.4xx",
            "http.5xx",
            "connect",
            "timeout",
            "truncated",
            "request",
        ],
        Stage::Recognition | Stage::Verification => &[
            "http.3xx",
            "http.4xx",
            "http.5xx",
            "connect",
            "timeout",
            "malformed",
        ],
        Stage::Job | Stage::Image | Stage::Worker => &[],
    }
}

fn possible(stage: Stage) -> &'static str {
    match stage {
        Stage::Storage => {
            "S3's names (NoSuchKey), 404, http.NNN, http.3xx, http.4xx, http.5xx, connect, timeout, truncated, request and *"
        }
        Stage::Recognition => {
            "numbers, APIG.NNNN, http.NNN, http.3xx, http.4xx, http.5xx, connect, timeout, malformed, # and *"
        }
        Stage::Verification => {
            "numbers, the statuses that the built-in table names, http.NNN, http.3xx, http.4xx, http.5xx, connect, timeout, malformed, # and *"
        }
        Stage::Job | Stage::Image | Stage::Worker => "none",
    }
}

/// Is the name written like a number that was one in the answer?
fn is_number(name: &str) -> bool {
    name.parse::<i64>()
        .is_ok_and(|number| number.to_string() == name)
}

fn is_gateways(name: &str) -> bool {
    name.strip_prefix("APIG.")
        .is_some_and(|number| number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_http_status(name: &str) -> bool {
    let status = name
        .strip_prefix("http.")
        .filter(|status| status.len() == 3)
        .and_then(|status| status.parse::<u16>().ok());
    status.is_some_and(|status| (100..=599).contains(&status))
}

/// `XAmzContentSHA256Mismatch` is one of them.
fn is_camel_case(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::*;

    #[test]
    fn a_code_that_a_stage_can_answer_may_be_overridden() {
        let builtin = Policy::builtin();
        for (stage, names) in [
            (
                Stage::Storage,
                "NoSuchKey 404 http.404 http.503 http.3xx http.4xx http.5xx KMS.DisabledException connect timeout truncated request * KeyTooLongError \
              XAmzContentSHA256Mismatch",
            ),
            (
                Stage::Recognition,
                "200 777 -1 999999 APIG.0308 APIG.9999 http.418 http.4xx http.5xx connect timeout malformed # *",
            ),
            (
                Stage::Verification,
                "316 777 OUT_OF_QUOTA DETETION_FAILED VERIFY_FAILED http.502 http.4xx http.5xx connect timeout malformed # *",
            ),
        ] {
            for name in names.split_whitespace() {
                assert_eq!(
                    Vocabulary(builtin.rules()).check(stage, name),
                    Ok(()),
                    "{stage} {name}"
                );
            }
        }
    }

    #[test]
    fn every_code_of_the_built_in_table_may_be_overridden() {
        let builtin = Policy::builtin();
        for (stage, code) in builtin
            .rules()
            .iter()
            .flat_map(|rule| rule.codes.iter().map(|code| (rule.stage, code)))
        {
            assert_eq!(Vocabulary(builtin.rules()).check(stage, code), Ok(()));
        }
    }
}
