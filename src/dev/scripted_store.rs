//! A store in this process that a script plays, for simulations and tests.

use crate::domain::failure::Failure;
use crate::store::{ObjectName, ObjectStore, Store, StoredObject, WriteOutcome};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::future::ready;
use std::sync::Arc;

/// The objects of a store by key, whatever its buckets are called.
pub trait StoreScript: Send + Sync {
    fn read(&self, key: &str) -> Result<Bytes, Failure>;

    /// An object that `is_to_be_new` leaves what is there.
    fn write(&self, key: &str, bytes: Bytes, is_to_be_new: bool) -> Result<WriteOutcome, Failure>;
}

pub fn scripted_store(script: impl StoreScript + 'static) -> Store {
    Store::over(Arc::new(ScriptedStore(script)))
}

struct ScriptedStore<S>(S);

impl<S: StoreScript> ObjectStore for ScriptedStore<S> {
    fn get<'a>(
        &'a self,
        name: ObjectName<'a>,
        _: Option<usize>,
    ) -> BoxFuture<'a, Result<StoredObject, Failure>> {
        Box::pin(ready(self.0.read(name.key).map(StoredObject::of_bytes)))
    }

    fn put<'a>(
        &'a self,
        name: ObjectName<'a>,
        bytes: Bytes,
        is_to_be_new: bool,
    ) -> BoxFuture<'a, Result<WriteOutcome, Failure>> {
        Box::pin(ready(self.0.write(name.key, bytes, is_to_be_new)))
    }
}
