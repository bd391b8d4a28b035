//! `img_status`: what has happened to the bill since it was issued. Its form and its values are
//! barely documented, and a verdict hangs on it: what cannot be understood is unknown, never
//! "clean".

use crate::domain::date;
use crate::domain::invoice::{RegistryStatus, StatusAnswer};
use crate::domain::registry_words::{RegistryState, RegistryWords};
use crate::provider::wire::extra::Extra;
use crate::provider::wire::json::{self, Elements, Fields};
use serde_json::value::RawValue;

const LIST: &str = "img_status";
const NOTHING: RegistryStatus = RegistryStatus {
    printed: StatusAnswer::No,
    red_lettered: StatusAnswer::No,
    voided: StatusAnswer::No,
    posted: StatusAnswer::No,
};
/// The documented names of the states.
pub(super) const STATES: [(&str, RegistryState); 4] = [
    ("yidayin", RegistryState::Printed),
    ("yikaihongpiao", RegistryState::RedLettered),
    ("yizuofei", RegistryState::Voided),
    ("yiruzhang", RegistryState::Posted),
];

/// The union of all that was sent; `None` when nothing was.
pub(super) fn read<'a>(
    sent: impl Iterator<Item = &'a RawValue>,
    words: &RegistryWords,
    extra: &mut Extra,
) -> Option<RegistryStatus> {
    let mut union: Option<RegistryStatus> = None;
    for raw in sent {
        let items = json::elements(raw).unwrap_or_else(|| Elements {
            kept: vec![raw],
            left_out: 0,
        });
        let statuses = items.kept.into_iter().enumerate();
        let statuses = statuses.filter_map(|(index, item)| read_item(item, index, words, extra));
        for mut status in statuses.chain((items.left_out > 0).then(unknown)) {
            let union = union.get_or_insert(NOTHING);
            for state in RegistryState::ALL {
                let slot = state.of(union);
                *slot = stronger(*slot, *state.of(&mut status));
            }
        }
    }
    union
}

/// An object of states, or the name of one. `None` for what says nothing.
fn read_item(
    raw: &RawValue,
    index: usize,
    words: &RegistryWords,
    extra: &mut Extra,
) -> Option<RegistryStatus> {
    match Fields::parse(raw.get()) {
        Some(fields) => read_object(fields, index, words, extra),
        None if json::elements(raw).is_some_and(|elements| elements.kept.is_empty()) => None,
        None => read_name(raw, words),
    }
}

fn read_object(
    mut fields: Fields<'_>,
    index: usize,
    words: &RegistryWords,
    extra: &mut Extra,
) -> Option<RegistryStatus> {
    let mut status = NOTHING;
    let mut documented = false;
    for (key, state) in STATES {
        if let Some(raw) = fields.raw(key) {
            documented = true;
            *state.of(&mut status) = answer(raw, state, words);
        }
    }
    let undocumented = fields.say_anything();
    fields.into_cells(LIST, index, extra);
    match (documented, undocumented) {
        (true, _) => Some(status),
        (false, true) => Some(unknown()),
        (false, false) => None,
    }
}

fn read_name(raw: &RawValue, words: &RegistryWords) -> Option<RegistryStatus> {
    let text = json::text(raw);
    if text.as_deref().is_some_and(|text| words.is_no(text)) {
        return None;
    }
    let named = RegistryState::ALL.into_iter().find(|state| {
        text.as_deref()
            .is_some_and(|text| words.names(*state, text))
    });
    Some(match named {
        Some(state) => {
            let mut status = NOTHING;
            *state.of(&mut status) = StatusAnswer::Yes;
            status
        }
        None => unknown(),
    })
}

/// A word that is known, or the day on which it happened.
fn answer(raw: &RawValue, state: RegistryState, words: &RegistryWords) -> StatusAnswer {
    let Some(text) = json::text(raw) else {
        return StatusAnswer::Unknown;
    };
    match words.answer(state, &text) {
        Some(answer) => answer,
        None if date::names_a_day(&text) => StatusAnswer::Yes,
        None => StatusAnswer::Unknown,
    }
}

/// Something was said, about which state cannot be told.
fn unknown() -> RegistryStatus {
    RegistryStatus {
        printed: StatusAnswer::Unknown,
        red_lettered: StatusAnswer::Unknown,
        voided: StatusAnswer::Unknown,
        posted: StatusAnswer::Unknown,
    }
}

fn stronger(one: StatusAnswer, other: StatusAnswer) -> StatusAnswer {
    match (one, other) {
        (StatusAnswer::Yes, _) | (_, StatusAnswer::Yes) => StatusAnswer::Yes,
        (StatusAnswer::Unknown, _) | (_, StatusAnswer::Unknown) => StatusAnswer::Unknown,
        (StatusAnswer::No, StatusAnswer::No) => StatusAnswer::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use StatusAnswer::{No, Unknown, Yes};

    fn status(sent: &[&str]) -> Option<[StatusAnswer; 4]> {
        let sent: Vec<Box<RawValue>> = sent
            .iter()
            .map(|json| RawValue::from_string((*json).to_owned()).unwrap())
            .collect();
        let policy = Policy::builtin();
        let sent = sent.iter().map(AsRef::as_ref);
        let status = read(sent, policy.registry_words(), &mut Extra::default())?;
        Some([
            status.printed,
            status.red_lettered,
            status.voided,
            status.posted,
        ])
    }

    #[test]
    fn nothing_sent_is_no_status() {
        for json in [
            "null",
            "[]",
            "{}",
            "\"\"",
            "[null]",
            "[{}]",
            "[\"\"]",
            "[[]]",
            "0",
            "false",
            "\"否\"",
            r#"{"other": null}"#,
        ] {
            assert_eq!(status(&[json]), None, "{json}");
        }
        assert_eq!(status(&[]), None);
    }

    #[test]
    fn every_form_is_read() {
        for (json, expected) in [
            (r#"{"yizuofei": "1"}"#, [No, No, Yes, No]),
            (r#"[{"yizuofei": "1"}]"#, [No, No, Yes, No]),
            (
                r#"[{"yidayin": 1}, {"yikaihongpiao": "是"}, {"yizuofei": 0}, {"yiruzhang": true}]"#,
                [Yes, Yes, No, Yes],
            ),
            (r#"["已打印", "yiruzhang"]"#, [Yes, No, No, Yes]),
            (r#""已开红票""#, [No, Yes, No, No]),
            (r#"{"yizuofei": null, "other": "x"}"#, [No, No, No, No]),
        ] {
            assert_eq!(status(&[json]), Some(expected), "{json}");
        }
    }

    #[test]
    fn every_value_is_read_or_unknown() {
        for (value, expected) in [
            ("null", No),
            ("\"\"", No),
            ("0", No),
            ("\"0\"", No),
            ("0.0", No),
            ("false", No),
            ("\"false\"", No),
            ("\"否\"", No),
            ("1", Yes),
            ("\"1\"", Yes),
            ("1.0", Yes),
            ("true", Yes),
            ("\"True\"", Yes),
            ("\"是\"", Yes),
            ("\"已作废\"", Yes),
            ("\"2021-10-17\"", Yes),
            ("\"2021年10月17日\"", Yes),
            ("\"20260603101530\"", Yes),
            ("20260603101530", Yes),
            ("\"2026年06月03日 10时15分\"", Yes),
            ("\"2026-06-03T10:15:30+08:00\"", Yes),
            ("\"2026-06-03 10:15:30.0\"", Yes),
            ("\"１\"", Yes),
            ("\"０\"", No),
            ("\"已 作废\"", Yes),
            ("\"\u{200b}否\"", No),
            ("1780452930", Unknown),
            ("\"0001-01-01T00:00:00\"", Unknown),
            ("\"\u{fffd}\"", Unknown),
            ("2", Unknown),
            ("-1", Unknown),
            ("\"未作废\"", Unknown),
            ("\"已打印\"", Unknown),
            ("[]", Unknown),
            ("{\"a\": 1}", Unknown),
        ] {
            assert_eq!(
                status(&[&format!("{{\"yizuofei\": {value}}}")]),
                Some([No, No, expected, No]),
                "{value}"
            );
        }
    }

    #[test]
    fn a_status_without_a_state_leaves_all_unknown() {
        for json in [
            "\"正常\"",
            "[\"x\"]",
            "7",
            "[[1]]",
            r#"[{"name": "yizuofei", "value": 1}]"#,
        ] {
            assert_eq!(status(&[json]), Some([Unknown; 4]), "{json}");
        }
    }

    #[test]
    fn both_results_are_united_and_yes_goes_first() {
        assert_eq!(
            status(&["[]", r#"{"yizuofei": 1}"#]),
            Some([No, No, Yes, No])
        );
        assert_eq!(
            status(&[r#"{"yizuofei": 0, "yidayin": 1}"#, r#"{"yizuofei": 1}"#]),
            Some([Yes, No, Yes, No])
        );
        assert_eq!(
            status(&["[\"x\"]", "[\"已作废\"]"]),
            Some([Unknown, Unknown, Yes, Unknown])
        );
    }
}
