//! Do all workers of a fleet seal with the same key? One object, which each of them reads at start
//! and seals anew, tells.
//!
//! A worker with another key would find no answer of the others, and they none of its own:
//! everything would be bought twice.

use super::object::{carries_seal, sealed, unsealed};
use super::{Checkpoints, MAX_OBJECT_BYTES};
use crate::domain::failure::Failure;

impl Checkpoints {
    /// The key of the object that another worker of this fleet has sealed with a key that this
    /// worker does not have. `None`: they agree, this worker is the first, or nothing is kept in a
    /// store.
    ///
    /// An object without any seal is overwritten. One with a seal of its own can be put there by
    /// anyone who may write to the bucket: it keeps new workers from starting, and stops none that
    /// runs.
    pub async fn seal_of_another_key(&self, fleet: &str) -> Result<Option<String>, Failure> {
        let Some((store, bucket)) = &self.durable else {
            return Ok(None);
        };
        let key = self.key(&format!("seal-{fleet}.json"));
        let found = store.get(bucket, &key, MAX_OBJECT_BYTES).await?;
        if let Some(object) = &found
            && carries_seal(object)
            && unsealed(&key, object, &self.sealer).is_none()
        {
            return Ok(Some(key));
        }
        let ours = sealed(&key, b"{}", &self.sealer);
        if found.as_ref() != Some(&ours) {
            store.put(bucket, &key, ours).await?;
        }
        Ok(None)
    }
}
