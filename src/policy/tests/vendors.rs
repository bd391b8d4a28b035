use super::*;
use crate::domain::account::VendorName;

const LUMEN: VendorName = VendorName::new("lumen");
const CODES: &str = r#"
[[rule]]
stage = "recognition"
code = ["0"]
do = [{ action = "continue" }]
billed = "yes"
reason = "success"

[[rule]]
stage = "recognition"
code = ["400", "http.502"]
do = [{ action = "throttle" }]
billed = "no"
reason = "too fast"
"#;

fn ruled(policy: &Policy, code: &str, vendor: VendorName) -> (String, Decision) {
    let failure = Failure::new(Stage::Recognition, code, "").of_vendor(vendor);
    let ruling = policy.decide(&failure, &progress(), &facts());
    (ruling.rule, ruling.decision)
}

#[test]
fn a_code_means_what_its_own_vendors_table_says() {
    let policy = Policy::builtin().with_vendor(LUMEN, CODES).unwrap();
    let fail = Decision::Fail { invalid_job: None };
    for (code, lumens, huaweis) in [
        ("400", "lumen/400", "recognition/400"),
        ("0", "lumen/0", "recognition/999"),
        ("500", "lumen/unlisted", "recognition/500"),
        ("200", "lumen/unlisted", "recognition/200.2"),
        // What happens on the wire is the same with all vendors, where a table says nothing else.
        ("http.502", "lumen/400", "recognition/http.5xx"),
        ("http.503", "recognition/http.5xx", "recognition/http.5xx"),
        ("timeout", "recognition/timeout", "recognition/timeout"),
        (
            "malformed",
            "recognition/malformed",
            "recognition/malformed",
        ),
    ] {
        assert_eq!(ruled(&policy, code, LUMEN).0, lumens, "{code}");
        assert_eq!(
            ruled(&policy, code, VendorName::HUAWEI).0,
            huaweis,
            "{code}"
        );
    }
    assert_eq!(ruled(&policy, "500", LUMEN).1, fail, "no rule is guessed");
    let named = |code, vendor| {
        policy.names_answer(&Failure::new(Stage::Recognition, code, "").of_vendor(vendor))
    };
    assert!(named("0", LUMEN) && !named("0", VendorName::HUAWEI));
    assert!(named("500", VendorName::HUAWEI) && !named("500", LUMEN));
    assert!(named("timeout", LUMEN));
    assert!(policy.names(Stage::Recognition, "0"), "as a label");
}

#[test]
fn a_vendors_table_is_checked_as_the_built_in_one_is() {
    for (table, problem) in [
        (
            CODES.replace("\"0\"", "\"http.404\""),
            "needs a good answer to go on with",
        ),
        (
            format!("{CODES}\n[streak.outage]\nin_a_row = 3\n"),
            "counted alike for all vendors",
        ),
        (CODES.replace("throttle", "guess"), "guess"),
    ] {
        let error = Policy::builtin().with_vendor(LUMEN, &table).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(problem), "{error}");
        assert!(error.contains("the codes of lumen"), "{error}");
    }
}
