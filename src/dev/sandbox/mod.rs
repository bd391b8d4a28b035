//! Both providers' HTTP APIs and an S3 server on this machine, for the demo, for development and
//! for the tests.
//!
//! Strict where the real ones are (signatures, limits, rates), and at fault where a [`SandboxScenario`]
//! says so. Recognition is done by the QR code: the sandbox knows the sample invoices, and of other
//! bills what their codes say.
//!
//! | path | what answers |
//! | --- | --- |
//! | `POST /ocr/medical-invoice` | recognition, behind its gateway |
//! | `POST /ocr/medical/verify_e_invoice` | verification |
//! | `GET /sandbox/calls` | every call so far, with what it was answered and whether it is paid for |
//! | `POST /sandbox/reset` | forgets the calls; the scenario begins again |
//! | anything else | S3, path style |

mod app;
mod bill;
mod calls;
mod codes;
mod deviation;
mod download;
mod gateway;
mod picture;
mod recognition;
mod replay;
mod reply;
mod running;
pub mod samples;
mod scenario;
mod script;
mod server;
mod signature;
mod storage;
mod verification;
mod window;

pub use super::scenario::Fault;
pub use calls::{CallCount, CallLog, SandboxCall};
pub use deviation::{Deviation, Deviations};
pub use running::{Sandbox, SandboxCredentials, SandboxOptions};
pub use samples::Sample;
pub use scenario::{SandboxRecognition, SandboxScenario, SandboxStorage, SandboxVerification};
