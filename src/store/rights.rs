//! The rights on a bucket that the credentials lack: each one is tried, and named as AWS names it.
//!
//! Without the right to list, a store answers 403 for a missing object, so that a missing
//! checkpoint looks like a forbidden one.

use super::client::Store;
use crate::domain::failure::Failure;
use bytes::Bytes;
use std::fmt;

/// No object has this name.
const ABSENT: &str = "invoice-worker-check";
const DENIED: &str = "AccessDenied";

/// A right that the worker needs and does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingS3Permission {
    pub action: S3Action,
    /// An ARN, with a pattern where it is about objects.
    pub resource: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum S3Action {
    List,
    Read,
    Write,
}

impl fmt::Display for MissingS3Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            S3Action::List => "s3:ListBucket",
            S3Action::Read => "s3:GetObject",
            S3Action::Write => "s3:PutObject",
        };
        write!(formatter, "{action} on {}", self.resource)
    }
}

impl Store {
    /// The rights that are missing to read objects of the bucket, whose names begin with `prefix`.
    /// `known` is an object that is there.
    ///
    /// # Errors
    /// The store fails in another way than by denying.
    pub async fn missing_rights_to_read(
        &self,
        bucket: &str,
        prefix: &str,
        known: Option<&str>,
    ) -> Result<Vec<MissingS3Permission>, Failure> {
        let mut missing = Vec::new();
        let is_readable = match known {
            Some(key) => {
                // None of its bytes: another writer may have put anything there.
                let is_readable = !is_denied(self.get(bucket, key, 0).await)?;
                if !is_readable {
                    missing.push(self.right(S3Action::Read, bucket, prefix));
                }
                is_readable
            }
            None => false,
        };
        if !is_denied(self.get(bucket, &format!("{prefix}{ABSENT}"), 0).await)? {
            return Ok(missing);
        }
        // One of two rights; where it may list, it is the other one.
        if is_readable || is_denied(self.objects.list_one(bucket, prefix).await)? {
            missing.push(self.right(S3Action::List, bucket, prefix));
        } else if missing.is_empty() {
            missing.push(self.right(S3Action::Read, bucket, prefix));
        }
        Ok(missing)
    }

    /// The rights that are missing to read and write objects whose names begin with `prefix`.
    /// `probe` is an object that is written as a test and stays.
    pub async fn missing_rights_to_keep(
        &self,
        bucket: &str,
        prefix: &str,
        probe: &str,
    ) -> Result<Vec<MissingS3Permission>, Failure> {
        let is_denied_to_write =
            is_denied(self.put(bucket, probe, Bytes::from_static(b"{}")).await)?;
        let known = (!is_denied_to_write).then_some(probe);
        let mut missing = self.missing_rights_to_read(bucket, prefix, known).await?;
        if is_denied_to_write {
            missing.insert(0, self.right(S3Action::Write, bucket, prefix));
        }
        Ok(missing)
    }

    fn right(&self, action: S3Action, bucket: &str, prefix: &str) -> MissingS3Permission {
        // An access point is named by its ARN already.
        let bucket = if bucket.starts_with("arn:") {
            bucket.to_owned()
        } else {
            format!("arn:{}:s3:::{bucket}", partition(&self.region))
        };
        let resource = match action {
            S3Action::List => bucket,
            S3Action::Read | S3Action::Write => format!("{bucket}/{prefix}*"),
        };
        MissingS3Permission { action, resource }
    }
}

fn is_denied<T>(outcome: Result<T, Failure>) -> Result<bool, Failure> {
    match outcome {
        Ok(_) => Ok(false),
        Err(failure) if failure.code == DENIED => Ok(true),
        Err(failure) => Err(failure),
    }
}

/// The part of AWS that the region belongs to, as its ARNs begin.
fn partition(region: &str) -> &'static str {
    match region {
        chinese if chinese.starts_with("cn-") => "aws-cn",
        american if american.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
