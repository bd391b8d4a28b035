//! Which rights on a bucket the credentials lack, found out by trying each, and named as AWS names
//! it.
//!
//! Without the right to list, a store answers 403 where an object is missing, as if it were
//! forbidden. So a checkpoint that is not there yet cannot be told from one that may not be read.

use super::client::Store;
use crate::domain::failure::Failure;
use bytes::Bytes;
use std::fmt;

/// No object has this name.
const ABSENT: &str = "invoice-worker-check";
const DENIED: &str = "AccessDenied";

/// A right that the worker needs and does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRight {
    pub action: RightAction,
    /// An ARN, with a pattern where it is about objects.
    pub resource: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightAction {
    List,
    Read,
    Write,
}

impl fmt::Display for MissingRight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            RightAction::List => "s3:ListBucket",
            RightAction::Read => "s3:GetObject",
            RightAction::Write => "s3:PutObject",
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
    ) -> Result<Vec<MissingRight>, Failure> {
        let mut missing = Vec::new();
        let is_readable = match known {
            Some(key) => {
                // None of its bytes: another writer may have put anything there.
                let is_readable = !is_denied(self.get(bucket, key, 0).await)?;
                if !is_readable {
                    missing.push(self.right(RightAction::Read, bucket, prefix));
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
            missing.push(self.right(RightAction::List, bucket, prefix));
        } else if missing.is_empty() {
            missing.push(self.right(RightAction::Read, bucket, prefix));
        }
        Ok(missing)
    }

    /// As [`Store::missing_rights_to_read`], and to write: `probe` is an object that is written for
    /// it and stays.
    pub async fn missing_rights_to_keep(
        &self,
        bucket: &str,
        prefix: &str,
        probe: &str,
    ) -> Result<Vec<MissingRight>, Failure> {
        let is_denied_to_write =
            is_denied(self.put(bucket, probe, Bytes::from_static(b"{}")).await)?;
        let known = (!is_denied_to_write).then_some(probe);
        let mut missing = self.missing_rights_to_read(bucket, prefix, known).await?;
        if is_denied_to_write {
            missing.insert(0, self.right(RightAction::Write, bucket, prefix));
        }
        Ok(missing)
    }

    fn right(&self, action: RightAction, bucket: &str, prefix: &str) -> MissingRight {
        // An access point is named by its ARN already.
        let bucket = if bucket.starts_with("arn:") {
            bucket.to_owned()
        } else {
            format!("arn:{}:s3:::{bucket}", partition(&self.region))
        };
        let resource = match action {
            RightAction::List => bucket,
            RightAction::Read | RightAction::Write => format!("{bucket}/{prefix}*"),
        };
        MissingRight { action, resource }
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
