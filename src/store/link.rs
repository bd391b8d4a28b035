//! Addresses that let somebody else read one object, for a while.

use super::{Objects, Store, failure};
use crate::domain::failure::{Failure, Stage};
use aws_sdk_s3::presigning::PresigningConfig;
use std::time::Duration;

impl Store {
    /// The object's address, signed now and valid for so long. Whoever has it can read the object:
    /// it is never logged.
    ///
    /// Nobody is asked for it, unless the credentials have to be renewed.
    pub async fn presign(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
        valid: Duration,
    ) -> Result<String, Failure> {
        let unsigned = || {
            Failure::new(
                Stage::Storage,
                "request",
                "no address of the object can be signed",
            )
        };
        let Objects::S3(client, _) = &self.objects else {
            return Err(unsigned());
        };
        let expires = PresigningConfig::expires_in(valid).map_err(|_| unsigned())?;
        let request = client
            .get_object()
            .bucket(bucket)
            .key(key)
            .set_version_id(version_id.map(str::to_owned));
        let signed = Box::pin(request.presigned(expires))
            .await
            .map_err(failure::of)?;
        Ok(signed.uri().to_owned())
    }
}
