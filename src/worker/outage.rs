//! Why a worker has no generation, as far as a person does different things about it.

use crate::broker::BrokerError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outage {
    OutOfReach,
    /// The broker is there and refuses the login, or a right.
    Refused,
    /// A queue of ours is not there, and this worker may not declare it.
    Missing,
}

impl Outage {
    pub(super) fn of(error: &BrokerError) -> Self {
        if error.is_refusal() {
            Self::Refused
        } else if error.is_missing() {
            Self::Missing
        } else {
            Self::OutOfReach
        }
    }

    pub(super) fn message(self) -> &'static str {
        match self {
            Self::OutOfReach => "the broker is out of reach; trying again until it answers",
            Self::Refused => "the broker refuses this user; trying again until it does not",
            Self::Missing => {
                "a queue or the control exchange does not exist; trying again until it does"
            }
        }
    }
}
