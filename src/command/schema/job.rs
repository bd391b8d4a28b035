//! The shape of a job, for its schema. What a worker takes is decided by `Job::parse` alone, which
//! reads field by field so that each mistake has its name; a test holds the two together.

use schemars::JsonSchema;
use serde_json::{Map, Value};

/// A job for `invoice.jobs`. Other fields are ignored; an empty text is as good as none.
#[derive(JsonSchema)]
#[schemars(rename = "Job")]
#[expect(dead_code, reason = "only its schema is of use")]
pub(super) struct JobDocument {
    /// The version of this message.
    schema: Option<JobVersion>,
    /// Your name for the job, 1 to 200 bytes of UTF-8. The AMQP property `message_id` takes its
    /// place where it is left out.
    #[schemars(length(max = 200))]
    job_id: Option<String>,
    image: ImageDocument,
    /// False: recognition only, and the verdict is `recognized`.
    #[schemars(extend("default" = true))]
    verify: Option<bool>,
    /// A time with an offset, after which no attempt starts.
    #[schemars(extend("format" = "date-time"))]
    deadline: Option<String>,
    /// True: the reply queue gets a message of type `invoice.progress` whenever the job is parked.
    #[schemars(extend("default" = false))]
    progress: Option<bool>,
    expect: Option<ExpectDocument>,
    /// Whom the job is for, at most 64 bytes of UTF-8: told in the ledger.
    #[schemars(length(max = 64))]
    submitter: Option<String>,
    /// Comes back untouched in the result.
    metadata: Option<Map<String, Value>>,
}

#[derive(JsonSchema)]
#[schemars(rename = "JobVersion")]
#[expect(dead_code, reason = "only its schema is of use")]
enum JobVersion {
    #[schemars(rename = "invoice.job/1")]
    One,
    #[schemars(rename = "")]
    Unnamed,
}

/// Where the image is.
#[derive(JsonSchema)]
#[schemars(rename = "JobImage", untagged)]
#[expect(dead_code, reason = "only its schema is of use")]
enum ImageDocument {
    /// An object of the store.
    Object {
        /// Default: `storage.bucket`. Others have to be among `storage.buckets`.
        #[schemars(length(max = 255))]
        bucket: Option<String>,
        #[schemars(length(min = 1, max = 1024))]
        key: String,
        #[schemars(length(max = 1024))]
        version_id: Option<String>,
        /// The page of a TIFF, from 1.
        #[schemars(range(min = 1, max = 1000))]
        page: Option<u32>,
    },
    /// An address that the providers fetch, and the worker never does.
    Url {
        #[schemars(length(min = 1, max = 1024), extend("format" = "uri"))]
        url: String,
    },
}

/// What you expect of the bill, for the checks alone.
#[derive(JsonSchema)]
#[schemars(rename = "JobExpectations")]
#[expect(dead_code, reason = "only its schema is of use")]
struct ExpectDocument {
    patient_name: Option<String>,
    /// The first day on which the treatment is insured.
    #[schemars(extend("format" = "date"))]
    from: Option<String>,
    /// The last such day.
    #[schemars(extend("format" = "date"))]
    until: Option<String>,
    /// Any of these; an empty list: any at all.
    #[schemars(length(max = 1000))]
    hospitals: Option<Vec<String>>,
    /// An amount, best as text: "939.48".
    #[schemars(extend("type" = ["string", "number", "null"]))]
    total_at_most: Option<String>,
}
