//! The store of a scenario: pictures by its script, checkpoints as the workers write them.

use super::script::SimulationScript;
use crate::dev::StoreScript;
use crate::domain::failure::{Failure, Stage};
use crate::store::WriteOutcome;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Before every checkpoint's key; no job is called so.
pub(super) const CHECKPOINTS: &str = "checkpoints/";

pub(super) struct SimulatedStore {
    script: Arc<SimulationScript>,
    checkpoints: Mutex<HashMap<String, Bytes>>,
}

impl SimulatedStore {
    pub(super) fn of(script: &Arc<SimulationScript>) -> Self {
        Self {
            script: Arc::clone(script),
            checkpoints: Mutex::default(),
        }
    }

    fn checkpoints(&self) -> MutexGuard<'_, HashMap<String, Bytes>> {
        self.checkpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoreScript for SimulatedStore {
    fn read(&self, key: &str) -> Result<Bytes, Failure> {
        if !key.starts_with(CHECKPOINTS) {
            return self.script.download(key);
        }
        let missing = || Failure {
            http_status: Some(404),
            ..Failure::new(Stage::Storage, "NoSuchKey", "not written yet")
        };
        self.checkpoints().get(key).cloned().ok_or_else(missing)
    }

    fn write(&self, key: &str, bytes: Bytes, is_to_be_new: bool) -> Result<WriteOutcome, Failure> {
        let refused = || Failure {
            http_status: Some(500),
            ..Failure::new(Stage::Storage, "http.500", "it takes nothing")
        };
        if self.script.is_unwritable() {
            return Err(refused());
        }
        let mut checkpoints = self.checkpoints();
        if is_to_be_new && checkpoints.contains_key(key) {
            return Ok(WriteOutcome::Exists);
        }
        checkpoints.insert(key.to_owned(), bytes);
        if self.script.is_unconfirmed() {
            return Err(refused());
        }
        Ok(WriteOutcome::New)
    }
}
