//! The words in which the registry says what has happened to a bill. They are data:
//! `config/registry-words.toml`, and what `policy.file` adds to it.

use super::invoice::{RegistryStatus, StatusAnswer};
use super::spelling::compact;
use rust_decimal::Decimal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryState {
    Printed,
    RedLettered,
    Voided,
    Posted,
}

impl RegistryState {
    pub const ALL: [Self; 4] = [Self::Printed, Self::RedLettered, Self::Voided, Self::Posted];

    pub fn of(self, status: &mut RegistryStatus) -> &mut StatusAnswer {
        match self {
            Self::Printed => &mut status.printed,
            Self::RedLettered => &mut status.red_lettered,
            Self::Voided => &mut status.voided,
            Self::Posted => &mut status.posted,
        }
    }
}

/// One word, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryWord {
    /// The word as [`normalised`] writes it.
    pub word: String,
    pub means: StatusAnswer,
    /// Empty: all.
    pub states: Vec<RegistryState>,
}

/// The words in their order: the last one that names a word counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryWords(pub Vec<RegistryWord>);

impl RegistryWords {
    /// What the word says about this state; `None` where no entry names it.
    pub fn answer(&self, state: RegistryState, text: &str) -> Option<StatusAnswer> {
        let word = normalised(text);
        let mut entries = self.0.iter().rev();
        entries
            .find(|entry| {
                entry.word == word && (entry.states.is_empty() || entry.states.contains(&state))
            })
            .map(|entry| entry.means)
    }

    /// Whether the word says "no" about every state.
    pub fn is_no(&self, text: &str) -> bool {
        let says_no = |state| self.answer(state, text) == Some(StatusAnswer::No);
        RegistryState::ALL.into_iter().all(says_no)
    }

    /// Whether the word is the name of this state and of no other.
    pub fn names(&self, state: RegistryState, text: &str) -> bool {
        let named = |other| self.answer(other, text) == Some(StatusAnswer::Yes);
        named(state)
            && RegistryState::ALL
                .into_iter()
                .all(|other| other == state || !named(other))
    }
}

/// Without blanks, in half-width small letters; a whole number without its decimals.
pub fn normalised(text: &str) -> String {
    let compact = compact(text).to_lowercase();
    match Decimal::from_str_exact(&compact) {
        Ok(number) if number.is_integer() => number.normalize().to_string(),
        _ => compact,
    }
}
