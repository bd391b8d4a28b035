//! Differences that a setting answers come with it.

use super::differences::{Change, status};
use super::*;

#[test]
fn a_difference_that_a_setting_answers_comes_with_it() {
    use CertifyCall as C;
    let cases: &[(C, Change, &str)] = &[
        (
            C::RecognitionOtherPayload,
            |made| status(made, "APIG.0303", 401),
            "[recognition]\n# the gateway refuses UNSIGNED-PAYLOAD, and takes a signed body\nsign_payload = true\n",
        ),
        (
            C::RecognitionPicture,
            |made| status(made, "APIG.0303", 401),
            "[recognition]\n# the gateway refuses a signed body, and takes UNSIGNED-PAYLOAD\nsign_payload = false\n",
        ),
        (
            C::RecognitionOtherPayload,
            |made| status(made, "APIG.0308", 429),
            "[recognition]\n# calls at 10 a second were refused as too fast; half of it is a guess\nrate_per_second = 5.0\n",
        ),
        (
            C::VerificationTurned,
            |made| status(made, "DETETION_FAILED", 400),
            "[verification]\n# a picture that lies is not read without it\nauto_rotate = true\n",
        ),
        (
            C::VerificationRotated,
            |made| status(made, "timeout", 200),
            "[verification]\n# a call was not answered within 30 s\ntimeout = \"60s\"\n",
        ),
    ];
    for (call, change, expected) in cases {
        let mut seen = documented();
        change(
            seen.made
                .iter_mut()
                .find(|made| made.call() == *call)
                .unwrap(),
        );
        let judged = assumptions().filter_map(|assumption| (assumption.judge)(&seen).proposal);
        let text = toml_of(&judged.collect::<Vec<_>>());
        assert_eq!(text, *expected, "{call}");
        assert!(text.parse::<toml::Table>().is_ok(), "{text}");
    }
}

#[test]
fn a_smaller_limit_is_proposed_where_half_was_taken() {
    let mut seen = documented();
    for made in &mut seen.made {
        match made.call() {
            CertifyCall::VerificationLargeFile => {
                made.picture_bytes = 5 << 20;
                status(made, "INVALID_ARGUMENT", 400);
            }
            CertifyCall::VerificationHalfFile => made.picture_bytes = 5 << 19,
            _ => {}
        }
    }
    let judged = assumptions().filter_map(|assumption| (assumption.judge)(&seen).proposal);
    let text = toml_of(&judged.collect::<Vec<_>>());
    assert!(text.ends_with("max_image_bytes = \"2560KiB\"\n"), "{text}");
}
