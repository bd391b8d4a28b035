//! The programs that take turns.

use super::floor;
use super::rig::setup::BenchSetup;
use super::rig::subject::Subject;
use invoice_worker::checkpoint::StoreKind;
use invoice_worker::config::Config;
use invoice_worker::ledger::LedgerStore;
use invoice_worker::policy::Transfer;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Worker(StoreKind, Transfer),
    /// It keeps nothing.
    Floor,
    /// It makes the store requests that a worker with checkpoints cannot do without: the image, one
    /// look-up, two writes.
    DurableFloor,
    /// The default configuration without the ledger.
    WithoutLedger,
    /// A worker of another build.
    Beside,
}

impl Contender {
    /// The default configuration comes first.
    pub(crate) const ALL: [Self; 4] = [
        Self::Worker(StoreKind::S3, Transfer::Inline),
        Self::DurableFloor,
        Self::Worker(StoreKind::Memory, Transfer::Inline),
        Self::Floor,
    ];
    pub(crate) const BY_URL: [Self; 2] = [
        Self::Worker(StoreKind::S3, Transfer::Url),
        Self::Worker(StoreKind::Memory, Transfer::Url),
    ];

    pub(crate) fn name(self) -> String {
        let (checkpoints, transfer) = match self {
            Self::Floor => return "floor".to_owned(),
            Self::DurableFloor => return "durable floor".to_owned(),
            Self::WithoutLedger => return "worker, no ledger".to_owned(),
            Self::Beside => return "worker of --beside".to_owned(),
            Self::Worker(checkpoints, transfer) => (checkpoints, transfer),
        };
        let checkpoints = match checkpoints {
            StoreKind::S3 => "checkpoints in S3",
            StoreKind::Memory => "in memory",
            StoreKind::None => "no checkpoints",
        };
        let transfer = match transfer {
            Transfer::Inline => "",
            Transfer::Url => ", by url",
        };
        format!("worker, {checkpoints}{transfer}")
    }

    /// Starts its process, which finds nothing that an earlier one kept. `beside` is the binary of
    /// another build.
    pub(crate) fn start(self, setup: &mut BenchSetup, beside: Option<&Path>) -> Subject {
        setup.forget_answers();
        let default = Config::default();
        setup.config.checkpoint.store = default.checkpoint.store;
        setup.config.ledger.store = default.ledger.store;
        match self {
            Self::WithoutLedger => {
                setup.config.ledger.store = LedgerStore::None;
                Subject::worker(setup, "worker")
            }
            Self::Beside => Subject::worker_of(setup, beside.expect("it was given")),
            Self::Floor => Subject::of_this_program(setup, floor::ARGUMENT),
            Self::DurableFloor => Subject::of_this_program(setup, floor::DURABLE_ARGUMENT),
            Self::Worker(checkpoints, transfer) => {
                setup.config.checkpoint.store = checkpoints;
                setup.config.recognition.transfer = transfer;
                setup.config.verification.transfer = transfer;
                Subject::worker(setup, "worker")
            }
        }
    }

    /// A worker drains; a floor never ends by itself.
    pub(crate) async fn end(self, subject: Subject) {
        match self {
            Self::Worker(..) | Self::WithoutLedger | Self::Beside => {
                assert!(subject.stop().await.success(), "it drains");
            }
            Self::Floor | Self::DurableFloor => subject.kill().await,
        }
    }
}
