//! Messages on the control exchange. They are sealed when they are sent, and accepted only if a
//! worker of this fleet sealed them.

use super::heartbeat::{Heartbeat, KIND, MAX_BYTES};
use super::peer_register::{Admission, PeerRegister};
use super::resume::{self, Resume, ResumeAdmission, ResumeRegister};
use crate::broker::{Message, SEAL};
use crate::seal::{SealKind, Sealer};
use crate::telemetry::metric;
use jiff::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a worker publishes its whole state (contract, control messages). Changes are published
/// at once.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(2);

/// A message on the control exchange, by its seal.
pub enum ControlMessage {
    /// A worker with our seal wrote it.
    Sealed(Heartbeat),
    /// An operator with our seal wrote it.
    Resume(Resume),
    /// It has our seal, and cannot be read: it has the format of another version.
    Unreadable,
    /// It has no valid seal of ours.
    Unsealed,
}

/// The meaning of a control message for this worker.
#[derive(Debug)]
pub enum Received {
    /// A worker of this fleet sent it, lately, and it was not received before.
    Peer(Heartbeat),
    /// Another fleet uses the same exchange.
    OtherFleet,
    /// An operator of this fleet opens what is closed; it was not received before.
    Resume(Resume),
    Ignored,
}

/// This worker's side of the control exchange.
pub struct ControlExchange {
    name: String,
    sealer: Sealer,
    register: Mutex<PeerRegister>,
    resumes: Mutex<ResumeRegister>,
}

/// An operator's message, sealed.
pub fn seal_resume(resume: &Resume, sealer: &Sealer) -> Message {
    let json = resume.to_json();
    let seal = sealer.seal(SealKind::Command, &[&json]);
    let mut message = Message::json(resume::KIND, json);
    message.properties.headers.set_text(SEAL, &seal);
    message
}

/// Reads a message, and checks that its seal was made with our key.
pub fn read_control_message(message: &Message, sealer: &Sealer) -> ControlMessage {
    let body = &message.body;
    let seal = message
        .properties
        .headers
        .text(SEAL)
        .filter(|_| body.len() <= MAX_BYTES);
    let kind = kind_of(message);
    if !seal.is_some_and(|seal| sealer.accepts(kind, &[body], &seal)) {
        return ControlMessage::Unsealed;
    }
    let read = match kind {
        SealKind::Command => Resume::parse(body).map(ControlMessage::Resume),
        _ => Heartbeat::parse(body).map(ControlMessage::Sealed),
    };
    read.unwrap_or(ControlMessage::Unreadable)
}

/// What a control message has to be sealed as. The message's type says which it is, and the seal
/// that this is true.
fn kind_of(message: &Message) -> SealKind {
    if message.properties.kind.as_deref() == Some(resume::KIND) {
        SealKind::Command
    } else {
        SealKind::Heartbeat
    }
}

impl ControlExchange {
    pub fn new(name: String, fleet: String, sealer: Sealer) -> Self {
        Self {
            name,
            sealer,
            resumes: Mutex::new(ResumeRegister::new(fleet.clone())),
            register: Mutex::new(PeerRegister::new(fleet)),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns this worker's next message.
    pub fn seal(&self, heartbeat: Heartbeat, now: Timestamp) -> Message {
        let json = self.register().stamp(heartbeat, now).to_json();
        let seal = self.sealer.seal(SealKind::Heartbeat, &[&json]);
        let mut message = Message::json(KIND, json);
        message.properties.headers.set_text(SEAL, &seal);
        message
    }

    /// Reads a message and decides whether it counts. Messages that are not from this fleet are
    /// logged and counted.
    pub fn receive(&self, message: &Message, now: Timestamp) -> Received {
        let heartbeat = match read_control_message(message, &self.sealer) {
            ControlMessage::Sealed(heartbeat) => heartbeat,
            ControlMessage::Resume(resume) => return self.receive_resume(resume, now),
            ControlMessage::Unreadable => {
                tracing::debug!("a control message of another version cannot be read");
                return Received::Ignored;
            }
            ControlMessage::Unsealed => {
                metric::seal_refused(kind_of(message));
                self.record_unsealed(now);
                return Received::Ignored;
            }
        };
        let admission = self.register().admit(&heartbeat, now);
        match admission {
            Admission::Peer => Received::Peer(heartbeat),
            Admission::Repeated | Admission::OutOfTime => {
                tracing::debug!(
                    peer = heartbeat.worker,
                    ?admission,
                    "a heartbeat is ignored"
                );
                Received::Ignored
            }
            Admission::OtherFleet { is_first } => {
                metric::foreign_heartbeat();
                if is_first {
                    tracing::warn!(
                        exchange = self.name,
                        peer = heartbeat.worker,
                        mend = "give each deployment its own broker.control_exchange",
                        "workers with other queues or accounts use the same control exchange; they are not counted as peers"
                    );
                }
                Received::OtherFleet
            }
        }
    }

    fn receive_resume(&self, resume: Resume, now: Timestamp) -> Received {
        let admission = self
            .resumes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admit(&resume, now);
        match admission {
            ResumeAdmission::Accepted => return Received::Resume(resume),
            ResumeAdmission::OutOfTime if self.register().reports_refusal(now) => tracing::warn!(
                by = resume.by,
                sent_at_ms = resume.sent_at_ms,
                "a resume command outside its time window is ignored: compare the clocks, or look for a client that sends a recorded one; at \
                 most one line in ten minutes says so"
            ),
            ResumeAdmission::OutOfTime
            | ResumeAdmission::Repeated
            | ResumeAdmission::TooMany
            | ResumeAdmission::OtherFleet => {
                tracing::debug!(
                    by = resume.by,
                    ?admission,
                    "an operator's resume is ignored"
                );
            }
        }
        Received::Ignored
    }

    fn record_unsealed(&self, now: Timestamp) {
        if self.register().reports_refusal(now) {
            tracing::warn!(
                exchange = self.name,
                mend = "workers of one fleet need the same seal.key, others a broker.control_exchange of their own",
                "a control message has no valid seal of ours and is ignored; at most one line in ten minutes says so"
            );
        }
    }

    fn register(&self) -> MutexGuard<'_, PeerRegister> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
