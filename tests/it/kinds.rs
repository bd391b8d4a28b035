//! Each kind of file that a claims desk gets ends as it should: what either provider is sent, or the
//! code and the words with which the job is refused.

use crate::harness::kinds::{End, kinds};
use crate::harness::system::{On, Setup};
use invoice_worker::app;
use invoice_worker::domain::failure::Failure;
use invoice_worker::image::inspect;
use invoice_worker::policy::Policy;
use invoice_worker::provider::View;
use invoice_worker::provider::huawei::encoded_len;
use invoice_worker::randomness::Randomness;

/// The providers' own limits.
const RECOGNITION_ENCODED_BYTES: usize = 4 << 20;
const VERIFICATION_BYTES: usize = 5 << 20;

/// `original`, or the sides of the picture that was made, all of which are within the limits.
async fn sent(view: Result<View, Failure>, original: &[u8], is_verification: bool) -> String {
    let view = match view {
        Ok(view) => view,
        Err(failure) => return failure.code,
    };
    let bytes = match &view {
        View::Inline(picture) => picture.bytes.clone(),
        View::Made(source) => match source.picture().await {
            Ok(picture) => picture.bytes.clone(),
            Err(failure) => return failure.code,
        },
        View::Object(_) | View::Url(_) => panic!("no provider was to fetch it"),
    };
    if is_verification {
        assert!(bytes.len() <= VERIFICATION_BYTES);
    } else {
        assert!(encoded_len(&bytes) <= RECOGNITION_ENCODED_BYTES);
    }
    if bytes == original {
        return "original".to_owned();
    }
    let seen = inspect(&bytes, 1).unwrap();
    assert_eq!(seen.orientation, 1);
    let drawn = image::load_from_memory(&bytes).unwrap();
    assert!(!drawn.color().has_alpha());
    format!("{}x{}", seen.width, seen.height)
}

#[tokio::test]
async fn each_kind_of_file_ends_as_a_claims_desk_wants() {
    let system = Setup::new(On::Memory).await.prepare().await;
    let (policy, chance) = (Policy::builtin(), Randomness::seeded(1));
    let pipeline = app::pipeline(&system.config, policy, chance).await.unwrap();
    let mut loader = pipeline.loader;
    loader.pdf = loader
        .pdf
        .with_program(env!("CARGO_BIN_EXE_invoice-worker"));
    let mut wrong = Vec::new();
    for kind in kinds() {
        let (what, bytes) = (kind.what, kind.bytes);
        let outcome = loader.load_bytes(what, bytes.clone().into(), true).await;
        let ended = match outcome {
            Ok(image) => {
                let recognition = sent(image.recognition, &bytes, false).await;
                let verification = image.verification.expect("it was asked");
                let verification = sent(verification, &bytes, true).await;
                (recognition, verification)
            }
            Err(refused) => {
                let failure = refused.stopped.failure;
                (failure.code, failure.message.to_string())
            }
        };
        let is_right = match kind.end {
            End::Sent(recognition, verification) => {
                ended.0 == recognition && ended.1 == verification
            }
            End::Refused(code, named) => ended.0 == code && ended.1.contains(named),
        };
        if !is_right {
            wrong.push(format!("{what}: {ended:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
