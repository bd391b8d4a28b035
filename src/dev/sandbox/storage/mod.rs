//! The S3 server: s3s-fs for objects, listings and signatures, and in front of it what it lacks:
//! versions, and conditions that hold against concurrent writers.
//!
//! Objects are files under one folder and survive in it; their versions are kept as long as the
//! sandbox runs. Keys are file names: `a` and `a/b` cannot both be objects.

mod faults;
mod history;
mod store;

pub(super) use faults::answer;
pub(super) use store::SandboxStore;

use super::scenario::SandboxStorage;
use futures_util::future::BoxFuture;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};

/// The keys that are let in.
struct S3Keys(Vec<(String, SecretKey)>);

/// The protocol over a store, for the scenario's account.
pub(super) fn service(store: SandboxStore, scenario: &SandboxStorage) -> S3Service {
    let keys = [
        (&scenario.access_key_id, &scenario.secret_access_key),
        (
            &scenario.previous_access_key_id,
            &scenario.previous_secret_access_key,
        ),
    ];
    let keys = keys
        .into_iter()
        .filter(|(id, _)| !id.is_empty())
        .map(|(id, secret)| (id.clone(), SecretKey::from(secret.expose())));
    let mut builder = S3ServiceBuilder::new(store);
    builder.set_auth(S3Keys(keys.collect()));
    builder.build()
}

impl S3Auth for S3Keys {
    fn get_secret_key<'life0, 'life1, 'async_trait>(
        &'life0 self,
        access_key: &'life1 str,
    ) -> BoxFuture<'async_trait, S3Result<SecretKey>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        let known = self.0.iter().find(|(id, _)| id == access_key);
        let secret = known.map(|(_, secret)| secret.clone());
        let answer = secret.ok_or_else(|| s3_error!(InvalidAccessKeyId));
        Box::pin(std::future::ready(answer))
    }
}
