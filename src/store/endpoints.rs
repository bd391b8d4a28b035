//! The store's endpoint of each bucket, resolved once: the SDK evaluates its rules for every key
//! anew, which costs more than the signature.

use aws_sdk_s3::config::endpoint::{
    DefaultResolver, Endpoint, EndpointFuture, Params, ResolveEndpoint,
};
use std::collections::HashMap;
use std::sync::RwLock;

/// The SDK's own resolver, and what it answered for each bucket.
///
/// The region, the endpoint and the style of addresses are the same for every request of a client,
/// and no rule reads the key, so the bucket alone decides. Buckets are those of the configuration;
/// no job brings others.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    resolver: DefaultResolver,
    of_buckets: RwLock<HashMap<String, Endpoint>>,
}

impl Endpoints {
    fn known(&self, bucket: &str) -> Option<Endpoint> {
        let of_buckets = self.of_buckets.read();
        of_buckets.ok()?.get(bucket).cloned()
    }

    fn learn(&self, bucket: &str, endpoint: &Endpoint) {
        if let Ok(mut of_buckets) = self.of_buckets.write() {
            of_buckets.insert(bucket.to_owned(), endpoint.clone());
        }
    }
}

impl ResolveEndpoint for Endpoints {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        let bucket = params.bucket().unwrap_or_default();
        if let Some(endpoint) = self.known(bucket) {
            return EndpointFuture::ready(Ok(endpoint));
        }
        EndpointFuture::new(async move {
            let endpoint = self.resolver.resolve_endpoint(params).await?;
            self.learn(bucket, &endpoint);
            Ok(endpoint)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(bucket: &str, key: &str) -> Params {
        let params = Params::builder()
            .bucket(bucket)
            .key(key)
            .region("us-east-1")
            .endpoint("https://store.test/")
            .force_path_style(false);
        params.build().unwrap()
    }

    #[tokio::test]
    async fn every_key_of_a_bucket_has_the_endpoint_that_the_rules_name() {
        let (rules, endpoints) = (DefaultResolver::new(), Endpoints::default());
        for (bucket, key) in [
            ("claims", "a.jpg"),
            ("claims", "2026/11/b.jpg"),
            ("Claims.with.dots", "a.jpg"),
            ("other", "a.jpg"),
            ("claims", "a.jpg"),
        ] {
            let params = params(bucket, key);
            let expected = rules.resolve_endpoint(&params).await.unwrap();
            assert_eq!(endpoints.resolve_endpoint(&params).await.unwrap(), expected);
        }
        assert_eq!(endpoints.of_buckets.read().unwrap().len(), 3);
    }

    #[tokio::test]
    async fn an_endpoint_that_cannot_be_resolved_is_not_remembered() {
        let endpoints = Endpoints::default();
        let params = params("arn:aws:not-s3:us-west-2:123456789012:accesspoint:x", "a");
        assert!(endpoints.resolve_endpoint(&params).await.is_err());
        assert!(endpoints.of_buckets.read().unwrap().is_empty());
    }
}
