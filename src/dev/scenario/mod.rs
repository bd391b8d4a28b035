//! What a provider or the store answers, and to which calls: one language for the faults of the
//! sandbox and the answers of `policy test`.
//!
//! The sandbox plays a [`Fault`] over HTTP, the simulation hands it to the pipeline in virtual
//! time. A table has these keys; where two names stand, both are read in both kinds of files.
//!
//! | key | meaning | played by |
//! | --- | --- | --- |
//! | `stage` | `storage`, `recognition`, `verification` | both |
//! | `answer`, `code` | a code of the error-code policy (`"316"`, `"APIG.0308"`, `"SlowDown"`, `"http.502"`); `"genuine"`, `"200"` of recognition or `"OK"` of the others is the good answer | both |
//! | | on the wire: `"timeout"` is never answered, `"malformed"` is not what the API documents | both |
//! | | `"connect"`: nothing could be sent | simulation |
//! | | `"closed"`, `"reset"`, `"truncated"`, `"garbage"`, `"oversize"`, `"slow"`: see [`WireFault`] | sandbox |
//! | `note_no`, `province`, `auto_rotate` | which calls; texts may end in `*` | both |
//! | `sample`, `key`, `operation` | which pictures and objects | sandbox |
//! | `job`, `image` | which jobs of the scenario | simulation |
//! | `after`, `from`; `until` | since the start | both |
//! | `calls` | `"all"`, `[1, 3]` or `{ from = 2, to = 5 }`, from 1: of the picture's calls at this stage (sandbox), of all calls that the table fits (simulation) | both |
//! | `times` | given so often, then no more | both |
//! | `probability` | 0 to 1 | sandbox |
//! | `http_status`, `message`, `retry_after` | instead of the documented ones | both |
//! | `qr` | verification found the QR code | both |
//! | `nothing_read` | recognition `200` with empty fields | both |
//! | `registry` | verification `OK`: `genuine`, `voided`, `red_lettered`, `unknown` | both |
//! | `delay`, `takes` | before the answer; for `slow`, the time over which it is spread | both |
//!
//! What one side cannot play it refuses with file, line and the reason.

mod answer;
pub(super) mod duration;
mod fault;
mod uses;
mod written;

pub(super) use answer::good_code;
pub use answer::{RegistryAnswer, ScriptedAnswer, WireFault};
pub(super) use fault::{CallFacts, fits};
pub use fault::{CallNumbers, Concerned, Fault};
pub(super) use uses::FaultUses;
pub(super) use written::{Unplayable, WrittenFault};
