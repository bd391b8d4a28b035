//! Paid answers, kept: in this process's memory, in front of the user's S3.
//!
//! A recognition and a same-day verdict are kept by the image's SHA-256 (never by bill: a forged
//! image must not inherit a verdict), a final result by job, image and question. Objects hold
//! personal data: the bucket's life-cycle rule expires them.
//!
//! Beside them lie marks of the bills that jobs were about, under keyed hashes.
//!
//! Others may write to the bucket. So every object is sealed for its key, and one without a valid
//! seal is treated as absent.

mod answer_store;
mod bill_claim;
mod bill_look;
mod bill_marks;
mod carried;
mod checkpoints;
mod config;
mod envelope;
mod final_result;
mod found_bill;
mod kept;
mod names;
mod paid_answer;
mod paid_note;
mod sealed_objects;
mod store_probe;

pub use answer_store::{AnswerStore, Patience};
pub(crate) use bill_look::BillLook;
pub use carried::CarriedAnswers;
pub use checkpoints::Checkpoints;
pub use config::{Config, StoreKind};
pub use final_result::FinalResult;
pub use found_bill::{BillClaim, Claimant};
pub use kept::{
    Beside, FirstLook, StoredResult, UnkeptVerification, UnparkedRun, Verification,
    VerificationAnswer,
};
pub use paid_answer::DatedAnswer;
pub(crate) use paid_answer::{Kept, Known, PaidAnswer, Recalled};
