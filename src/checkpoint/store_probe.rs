//! What the store can do: keep checkpoints, find them again, honour conditions; and whether all
//! workers of a fleet seal with the same key. It is asked before anything is bought.

use super::checkpoints::Checkpoints;
use super::sealed_objects::Durable;
use crate::domain::failure::{Failure, Stage};
use crate::store::MissingS3Permission;
use bytes::Bytes;

/// The object with which the rights are tried: another one than the one for conditional writes,
/// which has to be there before.
const RIGHTS_PROBE: &str = "rights.json";
/// The object with which conditional writes are tried.
const PROBE: &str = "probe.json";

impl Checkpoints {
    /// Will another process find what is kept?
    pub fn is_durable(&self) -> bool {
        self.objects.durable().is_some()
    }

    /// Asks the store whether it honours conditional writes, and uses them if so. `None`: nothing
    /// is kept in a store.
    pub async fn probe(&self) -> Result<Option<bool>, Failure> {
        let Some(Durable { store, bucket }) = self.objects.durable() else {
            return Ok(None);
        };
        let key = self.objects.key(PROBE);
        self.conditional
            .get_or_try_init(|| store.honours_conditions(bucket, &key))
            .await
            .map(|honoured| Some(*honoured))
    }

    /// [`Store::keeps_versions`] of the bucket, asked about what [`Checkpoints::probe`] has left
    /// there; written anew, for it may be from a time before there were any.
    pub async fn keep_versions(&self) -> Result<Option<bool>, Failure> {
        let Some(Durable { store, bucket }) = self.objects.durable() else {
            return Ok(None);
        };
        let key = self.objects.key(PROBE);
        store.put(bucket, &key, Bytes::from_static(b"{}")).await?;
        store.keeps_versions(bucket, &key).await.map(Some)
    }

    /// The rights that are missing to keep checkpoints and to find them again. `None`: nothing is
    /// kept in a store.
    pub async fn missing_rights(&self) -> Result<Option<Vec<MissingS3Permission>>, Failure> {
        let Some(Durable { store, bucket }) = self.objects.durable() else {
            return Ok(None);
        };
        let (prefix, probe) = (self.objects.prefix(), self.objects.key(RIGHTS_PROBE));
        store
            .missing_rights_to_keep(bucket, prefix, &probe)
            .await
            .map(Some)
    }

    /// Whether checkpoints can be kept and found again now: one is written, read, and one that does
    /// not exist looked for.
    ///
    /// # Errors
    /// The store's failure, or the rights that are missing.
    pub async fn can_be_kept(&self) -> Result<(), Failure> {
        let missing = self.missing_rights().await?.unwrap_or_default();
        if missing.is_empty() {
            return Ok(());
        }
        let rights: Vec<String> = missing.iter().map(ToString::to_string).collect();
        Err(Failure::new(
            Stage::Storage,
            "AccessDenied",
            format!("the user of the store lacks {}", rights.join(" and ")),
        ))
    }

    /// Do all workers of a fleet seal with the same key? A worker with another key would find no
    /// answer of the others, and they none of its own: everything would be bought twice. So each of
    /// them reads one object at start and seals it anew.
    ///
    /// Answers the key of that object where another worker sealed it with a key that this worker
    /// does not have. `None`: they agree, this worker is the first, or nothing is kept in a store.
    ///
    /// An object without any seal is overwritten. One with a seal of its own can be put there by
    /// anyone who may write to the bucket: it keeps new workers from starting, and stops none that
    /// runs.
    pub async fn seal_of_another_key(&self, fleet: &str) -> Result<Option<String>, Failure> {
        let name = format!("seal-{fleet}.json");
        let is_sealed_by_another = self.objects.claim(&name).await?;
        Ok(is_sealed_by_another.then(|| self.objects.key(&name)))
    }

    /// Whether a write can leave what is there. A store that did not answer at the start is asked
    /// now; this process's memory can.
    pub(super) async fn writes_on_condition(&self) -> bool {
        matches!(self.probe().await, Ok(Some(true) | None))
    }
}
