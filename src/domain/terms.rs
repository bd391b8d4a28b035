//! The terms by which a bill says whom and what it is about.

use super::invoice::{DetailKind, Gender, NoteKind};
use super::spelling::folded;

/// `门诊发票`, `门急诊`, `急诊`, `住院票据`. A title that names both is unknown.
pub(crate) fn note_kind(text: &str) -> NoteKind {
    let folded = folded(text);
    let names = |terms: &[&str]| terms.iter().any(|term| folded.contains(term));
    let is_outpatient = names(&[
        "门诊",
        "門診",
        "急诊",
        "急診",
        "急)诊",
        "门特",
        "门慢",
        "outpatient",
    ]);
    let is_inpatient = names(&["住院", "出院"]) || folded.starts_with("inpatient");
    match (is_outpatient, is_inpatient) {
        (true, false) => NoteKind::Outpatient,
        (false, true) => NoteKind::Inpatient,
        (true, true) | (false, false) => NoteKind::Unknown,
    }
}

/// `男`, `性别：女`, `M`, `female`. The title of a column, `男/女`, is unknown.
pub(crate) fn gender(text: &str) -> Gender {
    let folded = folded(text);
    match (folded.contains('男'), folded.contains('女'), &*folded) {
        (true, false, _) | (false, false, "m" | "male") => Gender::Male,
        (false, true, _) | (false, false, "f" | "female") => Gender::Female,
        _ => Gender::Unknown,
    }
}

/// `西药`, `中成药`, `诊疗项目`.
pub(crate) fn detail_kind(text: &str) -> Option<DetailKind> {
    match &*folded(text) {
        "西药" | "西药费" => Some(DetailKind::WesternMedicine),
        "中药" | "中成药" | "中草药" | "中药饮片" => Some(DetailKind::ChineseMedicine),
        "诊疗项目" | "诊疗" => Some(DetailKind::Treatment),
        "未知" => Some(DetailKind::Unknown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_bill_is_read_as_a_person_does() {
        for (text, expected) in [
            ("门诊发票", NoteKind::Outpatient),
            ("急诊", NoteKind::Outpatient),
            ("门（急）诊票据", NoteKind::Outpatient),
            ("门急诊收费票据", NoteKind::Outpatient),
            ("河南省医疗门诊收费票据(电子)", NoteKind::Outpatient),
            ("住院发票", NoteKind::Inpatient),
            ("出院结算", NoteKind::Inpatient),
            ("门诊/住院", NoteKind::Unknown),
            ("其他", NoteKind::Unknown),
        ] {
            assert_eq!(note_kind(text), expected, "{text}");
        }
    }

    #[test]
    fn a_gender_is_read_and_the_title_of_a_column_is_none() {
        for (text, expected) in [
            ("男", Gender::Male),
            ("性别：男", Gender::Male),
            ("男性", Gender::Male),
            ("M", Gender::Male),
            ("女", Gender::Female),
            ("性别 女", Gender::Female),
            ("Female", Gender::Female),
            ("男/女", Gender::Unknown),
            ("男女", Gender::Unknown),
            ("□男 □女", Gender::Unknown),
            ("?", Gender::Unknown),
            ("未知", Gender::Unknown),
        ] {
            assert_eq!(gender(text), expected, "{text}");
        }
    }
}
