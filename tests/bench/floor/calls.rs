//! The store and the two providers, called once each.

use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use bytes::{Bytes, BytesMut};
use invoice_worker::config::Config;
use invoice_worker::provider::huawei::inline;
use invoice_worker::provider::signature::{Payload, Signer, Unsigned};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Client};
use serde_json::Value;
use url::Url;

const FORM: &str = "application/x-www-form-urlencoded";

pub(super) struct Providers {
    s3: aws_sdk_s3::Client,
    bucket: String,
    prefix: String,
    http: Client,
    recognition: Url,
    signer: Signer,
    verification: Url,
    api_id: String,
    api_secret: String,
}

impl Providers {
    pub(super) fn new(config: &Config) -> Self {
        let Config {
            storage,
            recognition,
            verification,
            ..
        } = config;
        let (id, secret) = (
            storage.access_key_id.expose(),
            storage.secret_access_key.expose(),
        );
        let s3 = aws_sdk_s3::config::Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(storage.region.clone()))
            .credentials_provider(Credentials::new(id, secret, None, None, "configuration"))
            .endpoint_url(&storage.endpoint_url)
            .force_path_style(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3),
            bucket: storage.bucket.clone(),
            prefix: config.checkpoint.prefix.clone(),
            http: Client::new(),
            recognition: recognition.url.parse().unwrap(),
            signer: Signer::new(recognition.app_key.clone(), recognition.app_secret.clone()),
            verification: verification.url.parse().unwrap(),
            api_id: verification.api_id.expose().to_owned(),
            api_secret: verification.api_secret.expose().to_owned(),
        }
    }

    pub(super) async fn fetch(&self, key: &str) -> Bytes {
        let mut object = Box::pin(self.s3.get_object().bucket(&self.bucket).key(key).send())
            .await
            .unwrap();
        let length = usize::try_from(object.content_length.unwrap()).unwrap();
        let mut picture = BytesMut::with_capacity(length);
        while let Some(chunk) = object.body.next().await {
            picture.extend_from_slice(&chunk.unwrap());
        }
        picture.freeze()
    }

    /// Finds nothing: every job is new.
    pub(super) async fn look_up(&self, job: &str) {
        let key = format!("{}{job}/recognition", self.prefix);
        let object = self.s3.get_object().bucket(&self.bucket).key(key);
        assert!(Box::pin(object.send()).await.is_err(), "{job} is new");
    }

    pub(super) async fn keep(&self, job: &str, what: &str, bytes: Vec<u8>) {
        let key = format!("{}{job}/{what}", self.prefix);
        let object = self.s3.put_object().bucket(&self.bucket).key(key);
        Box::pin(object.body(bytes.into()).send()).await.unwrap();
    }

    pub(super) async fn recognise(&self, picture: &Bytes) -> Value {
        let body = inline(picture);
        let payload = Payload::of(&body);
        let unsigned = Unsigned {
            method: "POST",
            url: &self.recognition,
            headers: &[("content-type", FORM)],
            payload,
        };
        let mut request = self
            .http
            .post(self.recognition.clone())
            .header(CONTENT_TYPE, FORM);
        for (name, value) in self
            .signer
            .sign(&unsigned, Timestamp::now(), SignedDuration::ZERO)
        {
            request = request.header(name, value);
        }
        let answer: Value = request
            .body(body)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(answer["code"], 200);
        answer
    }

    pub(super) async fn verify(&self, picture: &Bytes) -> Value {
        let file = Part::stream(Body::from(picture.clone()))
            .file_name("invoice.jpg")
            .mime_str("image/jpeg")
            .unwrap();
        let request = self
            .http
            .post(self.verification.clone())
            .header("x-df-api-id", &self.api_id);
        let request = request
            .header("x-df-api-secret", &self.api_secret)
            .multipart(Form::new().part("file", file));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "OK");
        answer
    }
}
