//! The requests that a store of objects answers.

use super::object::StoredObject;
use crate::clock::skew::ClockReading;
use crate::domain::failure::{Failure, Stage};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::future::ready;
use std::time::Duration;

/// An object, and which version of it; the current one where none is named.
#[derive(Clone, Copy, Debug)]
pub struct ObjectName<'a> {
    pub bucket: &'a str,
    pub key: &'a str,
    pub version_id: Option<&'a str>,
}

impl<'a> ObjectName<'a> {
    pub(super) fn current(bucket: &'a str, key: &'a str) -> Self {
        Self {
            bucket,
            key,
            version_id: None,
        }
    }
}

/// The result of a write that must not replace an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    New,
    /// There was one already, which stays as it is.
    Exists,
}

/// One request a call, without retries. S3 is one; the simulation has its script.
pub trait ObjectStore: Send + Sync {
    /// Asks for an object, or for no more than its first so many bytes.
    fn get<'a>(
        &'a self,
        name: ObjectName<'a>,
        first_bytes: Option<usize>,
    ) -> BoxFuture<'a, Result<StoredObject, Failure>>;

    /// Writes an object. One that is to be new leaves what is there, in a store that honours
    /// conditions.
    fn put<'a>(
        &'a self,
        name: ObjectName<'a>,
        bytes: Bytes,
        is_to_be_new: bool,
    ) -> BoxFuture<'a, Result<WriteOutcome, Failure>>;

    /// Lists one object whose key begins with `prefix`, to find out whether listing is allowed.
    fn list_one<'a>(
        &'a self,
        _bucket: &'a str,
        _prefix: &'a str,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(ready(Ok(())))
    }

    /// An address with which the object can be read for so long. A store of this process has none.
    fn presign<'a>(
        &'a self,
        _: ObjectName<'a>,
        _valid: Duration,
    ) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(ready(Err(unsigned())))
    }

    /// Whether its answers say what time it is.
    fn tells_time(&self) -> bool {
        false
    }

    /// The time in the last answer.
    fn clock_reading(&self) -> Option<ClockReading> {
        None
    }
}

/// No address of the object can be had.
pub(super) fn unsigned() -> Failure {
    let problem = "no address of the object can be signed";
    Failure::new(Stage::Storage, "request", problem)
}
