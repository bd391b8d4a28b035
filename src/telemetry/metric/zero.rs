//! The values that metrics begin with. A counter that appears with its first event hides that event
//! from every alert on an increase, so each label that is known begins at 0.

use super::record::{self, PublishKind, StoreOperation};
use crate::domain::account::AccountName;
use crate::domain::failure::Stage;
use crate::domain::result::{Status, Verdict};
use crate::policy::{CodeLabel, Policy};
use crate::seal::SealKind;
use metrics::{counter, gauge, histogram};

const ACCOUNTS: [AccountName; 3] = [
    AccountName::STORAGE,
    AccountName::RECOGNITION,
    AccountName::VERIFICATION,
];
const CHECKPOINTS: [&str; 4] = ["recognition", "verification", "result", "unparked"];
const SEALS: [SealKind; 5] = [
    SealKind::Checkpoint,
    SealKind::Progress,
    SealKind::Heartbeat,
    SealKind::Command,
    SealKind::Event,
];
const WITHOUT_LABELS: [&str; 7] = [
    "invoice_broker_reconnects_total",
    "invoice_settle_lost_total",
    "invoice_ledger_lost_total",
    "invoice_results_returned_total",
    "invoice_heartbeats_foreign_total",
    "invoice_redelivered_total",
    "invoice_poison_total",
];

pub(super) fn without_policy() {
    for name in WITHOUT_LABELS {
        counter!(name).absolute(0);
    }
    for seal in SEALS {
        counter!("invoice_seal_refused_total", "kind" => seal.as_str()).absolute(0);
    }
    for kind in CHECKPOINTS {
        counter!("invoice_checkpoint_hits_total", "kind" => kind).absolute(0);
    }
    jobs();
    for account in ACCOUNTS {
        record::stage_closed(account, false);
        record::closed_until(account.as_str(), None);
        record::next_probe(account, None);
        if account != AccountName::STORAGE {
            calls_with(account);
        }
    }
    for operation in StoreOperation::ALL {
        let _ = histogram!("invoice_store_request_duration_seconds", "operation" => operation.as_str(), "code" => "ok");
    }
    for kind in PublishKind::ALL {
        let _ = histogram!("invoice_publish_confirm_seconds", "kind" => kind.as_str());
    }
    gauge!("invoice_jobs_in_flight").set(0.0);
    gauge!("invoice_image_memory_bytes").set(0.0);
    gauge!("invoice_workers_alive").set(1.0);
    record::nearest_deadline(None);
}

/// Begins the counters that have a code as label at 0, for each code that the policy names.
pub fn begin_at_zero(policy: &Policy) {
    for CodeLabel {
        stage,
        code,
        billed,
        may_park,
    } in policy.code_labels()
    {
        if stage != Stage::Storage {
            counter!("invoice_provider_calls_total", "stage" => stage.as_str(), "code" => code.to_owned(), "billed" => billed.as_str())
                .absolute(0);
        }
        if may_park {
            counter!("invoice_parked_total", "stage" => stage.as_str(), "code" => code.to_owned())
                .absolute(0);
            counter!("invoice_returned_total", "stage" => stage.as_str(), "code" => code.to_owned())
                .absolute(0);
        }
    }
}

fn jobs() {
    let completed = Verdict::ALL.map(|verdict| (Status::Completed, Some(verdict)));
    let others = [Status::Undetermined, Status::InvalidJob].map(|status| (status, None));
    for (status, verdict) in completed.into_iter().chain(others) {
        let verdict = verdict.map_or("none", Verdict::as_str);
        counter!("invoice_jobs_total", "status" => status.as_str(), "verdict" => verdict)
            .absolute(0);
    }
    for status in [Status::Completed, Status::Undetermined, Status::InvalidJob] {
        let _ = histogram!("invoice_job_duration_seconds", "status" => status.as_str());
    }
}

fn calls_with(account: AccountName) {
    let stage = account.to_string();
    counter!("invoice_control_calls_total", "stage" => stage.clone()).absolute(0);
    let _ = histogram!("invoice_provider_call_duration_seconds", "stage" => stage.clone());
    let _ = histogram!("invoice_provider_wait_seconds", "stage" => stage);
}
