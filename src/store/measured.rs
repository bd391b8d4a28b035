//! A store whose requests are measured.

use super::object::StoredObject;
use super::object_store::{ObjectName, ObjectStore, WriteOutcome};
use super::request_timer::RequestTimer;
use crate::clock::skew::ClockReading;
use crate::domain::failure::Failure;
use crate::policy::Policy;
use crate::telemetry::metric::StoreOperation;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// The policy names the codes that are labels of their own.
pub(super) struct MeasuredStore {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) policy: Arc<Policy>,
}

impl MeasuredStore {
    fn timed<'a, T: Send + 'a>(
        &self,
        operation: StoreOperation,
        bucket: &str,
        request: BoxFuture<'a, Result<T, Failure>>,
    ) -> BoxFuture<'a, Result<T, Failure>> {
        let mut timer = RequestTimer::start(operation, bucket, &self.policy);
        Box::pin(async move {
            let outcome = request.instrument(timer.span()).await;
            match &outcome {
                Ok(_) => timer.answered(),
                Err(failure) => timer.failed(failure),
            }
            outcome
        })
    }
}

impl ObjectStore for MeasuredStore {
    fn get<'a>(
        &'a self,
        name: ObjectName<'a>,
        first_bytes: Option<usize>,
    ) -> BoxFuture<'a, Result<StoredObject, Failure>> {
        let mut timer = RequestTimer::start(StoreOperation::Get, name.bucket, &self.policy);
        Box::pin(async move {
            let request = self.objects.get(name, first_bytes);
            match request.instrument(timer.span()).await {
                Ok(object) => {
                    timer.answered();
                    Ok(object.timed(timer))
                }
                Err(failure) => {
                    timer.failed(&failure);
                    Err(failure)
                }
            }
        })
    }

    fn put<'a>(
        &'a self,
        name: ObjectName<'a>,
        bytes: Bytes,
        is_to_be_new: bool,
    ) -> BoxFuture<'a, Result<WriteOutcome, Failure>> {
        let request = self.objects.put(name, bytes, is_to_be_new);
        self.timed(StoreOperation::Put, name.bucket, request)
    }

    fn list_one<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        let request = self.objects.list_one(bucket, prefix);
        self.timed(StoreOperation::List, bucket, request)
    }

    /// No request is made for it.
    fn presign<'a>(
        &'a self,
        name: ObjectName<'a>,
        valid: Duration,
    ) -> BoxFuture<'a, Result<String, Failure>> {
        self.objects.presign(name, valid)
    }

    fn tells_time(&self) -> bool {
        self.objects.tells_time()
    }

    fn clock_reading(&self) -> Option<ClockReading> {
        self.objects.clock_reading()
    }
}
