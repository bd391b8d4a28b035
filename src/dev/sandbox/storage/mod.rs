//! The S3 server: s3s-fs for objects, listings and signatures, and in front of it what it lacks:
//! versions, and conditions that hold against concurrent writers.
//!
//! Objects are files under one folder and survive in it; their versions are kept as long as the
//! sandbox runs. Keys are file names: `a` and `a/b` cannot both be objects.

mod gate;
mod history;
mod store;

pub(super) use gate::answer;
pub(super) use store::Store;

use futures_util::future::BoxFuture;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};

/// The one user there is.
struct Account {
    access_key_id: String,
    secret_access_key: SecretKey,
}

/// The protocol over a store, for one account.
pub(super) fn service(store: Store, access_key_id: &str, secret_access_key: &str) -> S3Service {
    let mut builder = S3ServiceBuilder::new(store);
    builder.set_auth(Account {
        access_key_id: access_key_id.to_owned(),
        secret_access_key: SecretKey::from(secret_access_key),
    });
    builder.build()
}

impl S3Auth for Account {
    fn get_secret_key<'life0, 'life1, 'async_trait>(
        &'life0 self,
        access_key: &'life1 str,
    ) -> BoxFuture<'async_trait, S3Result<SecretKey>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        let known = access_key == self.access_key_id;
        let answer = if known {
            Ok(self.secret_access_key.clone())
        } else {
            Err(s3_error!(InvalidAccessKeyId))
        };
        Box::pin(std::future::ready(answer))
    }
}
