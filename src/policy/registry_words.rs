//! The registry's words, from TOML.

use super::values::named;
use crate::domain::invoice::StatusAnswer;
use crate::domain::registry_words::{RegistryState, RegistryWord, RegistryWords, normalised};
use crate::settings::located::{Problem, Source};
use serde::Deserialize;
use std::sync::{Arc, LazyLock};
use toml::Spanned;

const BUILTIN: &str = include_str!("../../config/registry-words.toml");
/// Many times what there are words: a longer list is a mistake.
const MAX_WORDS: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenWords {
    words: Spanned<Vec<String>>,
    means: Spanned<String>,
    #[serde(default)]
    states: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordsFile {
    registry_word: Vec<WrittenWords>,
}

/// The words that are compiled in.
///
/// # Panics
/// When our own file is wrong: a test reads it.
pub(super) fn builtin() -> Arc<RegistryWords> {
    static READ: LazyLock<Arc<RegistryWords>> = LazyLock::new(|| {
        let source = Source::new(BUILTIN, "config/registry-words.toml");
        let words = source
            .parse()
            .and_then(|file: WordsFile| lift(file.registry_word, &RegistryWords::default()))
            .unwrap_or_else(|problem| panic!("{}", source.error(problem)));
        Arc::new(words)
    });
    Arc::clone(&READ)
}

/// `earlier`, and behind them those that are written.
pub(super) fn lift(
    written: Vec<WrittenWords>,
    earlier: &RegistryWords,
) -> Result<RegistryWords, Problem> {
    let mut words = earlier.clone();
    for entry in written {
        let means = named(
            &entry.means,
            "meaning of a word",
            &[
                ("yes", StatusAnswer::Yes),
                ("no", StatusAnswer::No),
                ("unknown", StatusAnswer::Unknown),
            ],
        )?;
        let states = entry.states.iter().map(|state| {
            named(
                state,
                "state",
                &[
                    ("printed", RegistryState::Printed),
                    ("red_lettered", RegistryState::RedLettered),
                    ("voided", RegistryState::Voided),
                    ("posted", RegistryState::Posted),
                ],
            )
        });
        let states: Vec<RegistryState> = states.collect::<Result<_, _>>()?;
        if entry.words.get_ref().is_empty() {
            return Err(Problem::with(&entry.words, "no word"));
        }
        words
            .0
            .extend(entry.words.get_ref().iter().map(|word| RegistryWord {
                word: normalised(word),
                means,
                states: states.clone(),
            }));
        if words.0.len() > MAX_WORDS {
            return Err(Problem::with(
                &entry.words,
                format!("more than {MAX_WORDS} words"),
            ));
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use crate::domain::invoice::StatusAnswer::{No, Unknown, Yes};
    use crate::domain::registry_words::RegistryState::{Posted, Printed, Voided};
    use crate::policy::Policy;

    #[test]
    fn a_word_of_the_operator_is_read_without_a_release() {
        let policy = Policy::with_overrides(
            "[[registry_word]]\nwords = [\"N\", \"未作废\"]\nmeans = \"no\"\n\
             [[registry_word]]\nwords = [\"是\"]\nmeans = \"unknown\"\nstates = [\"printed\"]\n",
            "own.toml",
        )
        .unwrap();
        let words = policy.registry_words();
        for (state, word, expected) in [
            (Voided, "n", Some(No)),
            (Voided, "Ｎ", Some(No)),
            (Voided, "未 作废", Some(No)),
            (Voided, "是", Some(Yes)),
            (Printed, "是", Some(Unknown)),
            (Voided, "1.0", Some(Yes)),
            (Posted, "已入账", Some(Yes)),
            (Posted, "已作废", None),
            (Voided, "正常", None),
        ] {
            assert_eq!(words.answer(state, word), expected, "{state:?} {word}");
        }
        assert_eq!(Policy::builtin().registry_words().answer(Voided, "N"), None);
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        for (text, problem) in [
            (
                "[[registry_word]]\nwords = [\"N\"]\nmeans = \"nein\"\n",
                "own.toml, line 3",
            ),
            (
                "[[registry_word]]\nwords = []\nmeans = \"no\"\n",
                "own.toml, line 2: no word",
            ),
            (
                "[[registry_word]]\nwords = [\"N\"]\nmeans = \"no\"\nstates = [\"void\"]\n",
                "own.toml, line 4",
            ),
            (
                "[[registry_word]]\nword = [\"N\"]\nmeans = \"no\"\n",
                "own.toml, line",
            ),
        ] {
            let error = Policy::with_overrides(text, "own.toml").unwrap_err();
            assert!(error.to_string().starts_with(problem), "{error}");
        }
    }
}
