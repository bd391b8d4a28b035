//! The sections `[policy]` and `[worker]`.

use crate::domain::job::LARGEST_BODY_BYTES;
use crate::settings::problem::Problems;
use crate::settings::units::{Size, Span, span};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// A file of rules that replace built-in ones. Empty: none.
    pub file: String,
    pub timezone: String,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            file: String::new(),
            timezone: "Asia/Shanghai".into(),
        }
    }
}

impl PolicyConfig {
    pub fn validate(&self, problems: &mut Problems) {
        if TimeZone::get(&self.timezone).is_err() {
            problems.add(
                "policy.timezone",
                format!(
                    "{:?} is not a time zone of the IANA database",
                    self.timezone
                ),
            );
        }
        if !self.file.is_empty()
            && let Err(error) = std::fs::metadata(&self.file)
        {
            problems.add(
                "policy.file",
                format!("{} cannot be read: {error}", self.file),
            );
        }
    }

    /// The time zone, UTC where the name is unknown: [`PolicyConfig::validate`] refuses that.
    pub fn timezone(&self) -> TimeZone {
        TimeZone::get(&self.timezone).unwrap_or(TimeZone::UTC)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerConfig {
    /// Upper bound of the prefetch count of each job queue.
    pub max_in_flight: u16,
    /// Bytes of image data held at once, all jobs together.
    pub image_memory: Size,
    /// A font file with Chinese characters, for PDF documents that do not embed theirs. Empty: none.
    pub pdf_font: String,
    /// The time that a job may take from its first delivery.
    pub job_deadline: Span,
    /// The wait of a redelivered job without a checkpoint: its earlier call may still be running.
    pub redelivery_wait: Span,
    /// Whether the bill's QR code is read here.
    pub read_qr: ReadQr,
    /// How long a bill is remembered for the flag `seen_before`; zero: never.
    pub seen_before: Span,
    /// The largest body of a job in bytes, packed and unpacked.
    pub max_job_bytes: Size,
    pub shutdown_grace: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadQr {
    /// Where the picture is decoded anyway, or the account's rate leaves a processor idle.
    Auto,
    Never,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            max_in_flight: 64,
            image_memory: Size(512 << 20),
            pdf_font: String::new(),
            job_deadline: span("96h"),
            redelivery_wait: span("35s"),
            read_qr: ReadQr::Auto,
            seen_before: span("30d"),
            max_job_bytes: Size(1 << 20),
            shutdown_grace: span("75s"),
        }
    }
}

impl WorkerConfig {
    pub fn validate(&self, problems: &mut Problems) {
        problems.require(
            (1..=10_000).contains(&self.max_in_flight),
            "worker.max_in_flight",
            "must be between 1 and 10000",
        );
        if !self.pdf_font.is_empty()
            && let Err(error) = std::fs::metadata(&self.pdf_font)
        {
            problems.add(
                "worker.pdf_font",
                format!("{} cannot be read: {error}", self.pdf_font),
            );
        }
        let bodies = 1 << 10..=LARGEST_BODY_BYTES as u64;
        problems.require(
            bodies.contains(&self.max_job_bytes.0),
            "worker.max_job_bytes",
            "must be between 1KiB and 16MiB",
        );
        problems.require(
            self.job_deadline.duration().as_secs() >= 1,
            "worker.job_deadline",
            "must be at least one second",
        );
        problems.require(
            !self.shutdown_grace.duration().is_zero(),
            "worker.shutdown_grace",
            "must be longer than zero",
        );
    }
}
