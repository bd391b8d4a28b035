//! Which calls are made for how many paid ones, in which order.

use super::call::{CertifyCall, PlannedCall};
use super::settings::CertifySettings;
use crate::domain::stage::Stage;

/// The calls in the order in which they are made. Those that should cost nothing come first, while
/// there is still room for one that is paid for all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifyPlan {
    pub calls: Vec<PlannedCall>,
    /// Paid calls for which there is no room, and the number of paid calls that would include each.
    pub left_out: Vec<(PlannedCall, u32)>,
}

impl CertifyPlan {
    pub fn new(settings: &CertifySettings, pictures: usize, spend: u32) -> Self {
        let mut calls: Vec<PlannedCall> = CertifyCall::REFUSED
            .into_iter()
            .filter(|call| settings.is_signed || *call != CertifyCall::RecognitionLateSignature)
            .map(PlannedCall::of)
            .collect();
        let mut left_out = Vec::new();
        for (number, call) in (1..).zip(paid(settings, pictures)) {
            if number <= spend {
                calls.push(call);
            } else {
                left_out.push((call, number));
            }
        }
        Self { calls, left_out }
    }

    /// The calls of a stage that are paid for by the documents.
    pub fn paid(&self, stage: Stage) -> usize {
        let paid = |planned: &&PlannedCall| {
            let call = planned.call;
            call.stage() == stage && !call.is_free()
        };
        self.calls.iter().filter(paid).count()
    }
}

/// The paid calls, the most telling first.
fn paid(settings: &CertifySettings, pictures: usize) -> Vec<PlannedCall> {
    let usual = [
        CertifyCall::RecognitionPicture,
        CertifyCall::VerificationPicture,
    ];
    let about = |picture| usual.map(|call| PlannedCall { call, picture });
    let mut calls: Vec<PlannedCall> = (0..pictures.max(1)).flat_map(about).collect();
    let one = |call, is_made: bool| is_made.then_some(PlannedCall::of(call));
    let with_app_code = settings.is_signed && settings.has_app_code;
    calls.extend(
        [
            one(CertifyCall::RecognitionOtherPayload, settings.is_signed),
            one(CertifyCall::RecognitionAppCode, with_app_code),
            one(CertifyCall::RecognitionTurned, true),
            one(CertifyCall::VerificationRotated, true),
            one(CertifyCall::VerificationTurned, true),
            one(CertifyCall::RecognitionSmallSides, true),
        ]
        .into_iter()
        .flatten(),
    );
    calls
}
