//! What the store's answers say about the time, in their `Date` header.

use crate::clock::server_clock::{ServerClock, http_date};
use crate::clock::skew::ClockReading;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use jiff::Timestamp;
use std::sync::Arc;

/// The last answer's time. Cheap to clone; clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct StoreClock(Arc<ServerClock>);

impl StoreClock {
    pub(super) fn reading(&self) -> Option<ClockReading> {
        self.0.reading()
    }
}

impl Intercept for StoreClock {
    fn name(&self) -> &'static str {
        "StoreClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        self.0.learn(date.and_then(http_date), Timestamp::now());
        Ok(())
    }
}
