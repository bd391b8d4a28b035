//! Where a worker is stopped: at a byte on one of its wires, with what it sent kept back, or the
//! answer.

use crate::harness::proxy::Direction;
use invoice_worker::domain::failure::Stage;

pub(super) const IMAGE: &str = "GET /claims/samples/";
pub(super) const FIRST_LOOK: &str = "GET /claims/checkpoints/recognition/";
pub(super) const KEEP_RECOGNITION: &str = "PUT /claims/checkpoints/recognition/";
pub(super) const KEEP_MARK: &str = "PUT /claims/checkpoints/seen/";
pub(super) const KEEP_VERIFICATION: &str = "PUT /claims/checkpoints/verification/";
pub(super) const KEEP_RESULT: &str = "PUT /claims/checkpoints/result/";
pub(super) const RECOGNITION: &str = "POST /ocr/medical-invoice";
pub(super) const VERIFICATION: &str = "POST /ocr/medical/verify_e_invoice";
/// The type of a result.
pub(super) const RESULT: &str = "invoice.result";
/// The type of a progress message.
pub(super) const PROGRESS_MESSAGE: &str = "invoice.progress";
/// A header that parked jobs have.
pub(super) const PARKED: &str = "invoice-progress";
/// A header that copies in the failed queue have.
pub(super) const FAILED: &str = "invoice-failure";
/// Of a parked suspect.
pub(super) const SUSPECT: &str = "invoice-suspect";
/// Of a replayed job.
pub(super) const REPLAYED: &str = "invoice-replay";
/// A method frame of 13 bytes, class 60 (basic), method 80 (ack).
pub(super) const ACKNOWLEDGEMENT: &str = "\0\0\0\x0d\0<\0P";

#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) wire: Wire,
    pub(super) sees: &'static str,
    pub(super) holds: Direction,
    pub(super) until: Until,
    /// What is sent side by side with it is held as well.
    pub(super) also: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Wire {
    Broker,
    /// Store and providers.
    Sandbox,
}

/// What has to have come about before the worker is as far as it gets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// It tried.
    Sent,
    /// A checkpoint whose key begins so is in the store.
    Stored(&'static str),
    /// The provider answered, and will send its bill.
    Answered(Stage),
    /// The result is where it belongs.
    Replied,
    Parked,
    /// Parked as a suspect. It comes back at once, and gets no image.
    Suspected,
    InTheFailedQueue,
    /// The broker no longer counts the job as delivered.
    Settled,
}

impl Stop {
    /// What the worker sends does not arrive.
    pub(super) const fn before(wire: Wire, sees: &'static str) -> Self {
        Self {
            wire,
            sees,
            holds: Direction::ToServer,
            until: Until::Sent,
            also: None,
        }
    }

    /// It arrives and has its effect, and the worker hears nothing of it.
    pub(super) const fn after(wire: Wire, sees: &'static str, until: Until) -> Self {
        Self {
            wire,
            sees,
            holds: Direction::ToClient,
            until,
            also: None,
        }
    }

    /// What comes before the acknowledgement has come about, and that does not arrive.
    pub(super) const fn unacknowledged(until: Until) -> Self {
        Self {
            wire: Wire::Broker,
            sees: ACKNOWLEDGEMENT,
            holds: Direction::ToServer,
            until,
            also: None,
        }
    }

    /// Neither what was read nor the mark of the bill arrives at the store.
    pub(super) const NOTHING_READ: Self = Self {
        also: Some(KEEP_MARK),
        ..Self::before(Wire::Sandbox, KEEP_RECOGNITION)
    };

    /// Only the mark of the bill arrives at the store.
    pub(super) const MARK_ALONE: Self = Self {
        until: Until::Stored("checkpoints/seen/"),
        ..Self::before(Wire::Sandbox, KEEP_RECOGNITION)
    };

    /// Only what was read arrives at the store.
    pub(super) const RECOGNITION_ALONE: Self = Self {
        until: Until::Stored("checkpoints/recognition/"),
        ..Self::before(Wire::Sandbox, KEEP_MARK)
    };

    /// Neither the verification nor the result that follows from it arrives at the store.
    pub(super) const NOTHING_CONCLUDED: Self = Self {
        also: Some(KEEP_RESULT),
        ..Self::before(Wire::Sandbox, KEEP_VERIFICATION)
    };

    /// Only the result arrives at the store.
    pub(super) const RESULT_ALONE: Self = Self {
        until: Until::Stored("checkpoints/result/"),
        ..Self::before(Wire::Sandbox, KEEP_VERIFICATION)
    };

    /// Only the verification arrives at the store.
    pub(super) const VERIFICATION_ALONE: Self = Self {
        until: Until::Stored("checkpoints/verification/"),
        ..Self::before(Wire::Sandbox, KEEP_RESULT)
    };

    /// The broker has the acknowledgement, and the worker gets nothing more to do.
    pub(super) const ACKNOWLEDGED: Self =
        Self::after(Wire::Broker, ACKNOWLEDGEMENT, Until::Settled);
}
