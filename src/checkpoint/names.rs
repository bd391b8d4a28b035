//! The names of what is kept, below `checkpoint.prefix`.

use jiff::civil::Date;

pub(super) fn recognition_name(image: &str) -> String {
    format!("recognition/{image}.json")
}

pub(super) fn verification_name(image: &str, day: Date) -> String {
    format!("verification/{day}/{image}.json")
}

pub(super) fn result_name(question: &str) -> String {
    format!("result/{question}.json")
}

pub(super) fn unparked_name(run: &str) -> String {
    format!("unparked/{run}.json")
}
