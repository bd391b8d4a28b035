//! A scenario: jobs, the answers that their calls get, and what is expected to come of it. Written
//! in TOML; its answers are in the language of [`crate::dev::scenario`]:
//!
//! ```toml
//! [[scenario]]
//! name = "317: once in place, then parked"
//! start = "2026-03-02T09:00:00+08:00"   # this is the default
//! workers = 1                           # one broker and the checkpoints are theirs together
//! job_deadline = "96h"                  # worker.job_deadline
//! unwritable = ["0s", "16m"]            # between these times the store takes no checkpoints; never by default
//! unconfirmed = ["0s", "16m"]           # between these times it keeps them, and answers that it does not
//! stop_after = "2h"                     # else it ends when every job is answered, after 40 days at the latest
//!
//! [[scenario.job]]                      # none at all: one job with these values
//! id = "job"
//! at = "0s"                             # when it is submitted; times are counted from the start
//! repeat = 1                            # more: so many jobs, job-1, job-2 …, each with an image of its own unless `image` says else
//! every = "5m"                          # between two of these; all at once by default
//! image = "job"                         # the same name is the same picture
//! province = "浙江"                     # as it is recognised; "" is not read
//! days_old = 10                         # the bill, on the day of the start; or `billing_date`, a date or "unknown"
//! note_no = "job"
//! verify = true
//! deadline = "11h"                      # of the job itself, counted from its submission; none by default
//! progress = false
//!
//! [[scenario.answer]]                   # the first that fits a call gives it; a call that none fits gets the good answer
//! stage = "verification"                # storage | recognition | verification
//! code = "317"                          # "200" of recognition, "OK" of the others is the good answer; or `answer`
//! job = "job"                           # which calls it fits: of these jobs; "job-*" is several
//! image = "job"
//! note_no = "job"
//! province = "浙江"
//! auto_rotate = true                    # verification only
//! from = "0s"                           # at or after this time
//! until = "10m"                         # before this time
//! times = 1                             # given so often, then no more
//! calls = [1, 3]                        # or: to the first and third of all the calls that it fits; { from = 2, to = 5 }
//! http_status = 500                     # "http.502" has its own
//! message = "per day"
//! qr = true                             # verification found the QR code in the picture
//! retry_after = "30s"
//! nothing_read = true                   # recognition 200
//! registry = "voided"                   # verification OK: genuine | voided | red_lettered | unknown
//! takes = "2s"                          # before it is given
//!
//! [scenario.expect]                     # all of it optional, but something must be expected
//! calls = ["0s recognition 200", "0s verification 317", "30s verification OK"]   # each with the job's id behind it, if there are several
//! downloads = 1                         # or, like calls: ["0s SlowDown", "2s OK"]
//! paid = 3                              # calls that were, or may have been, paid for
//! ends = "completed genuine"            # "undetermined verification 317", "invalid_job image.not_found", "waiting"
//! answered_at = "30s"                   # both also by job: { first = "completed genuine", "rest-*" = "waiting" }
//! ```
//!
//! Calls at the same moment are compared in the order of their jobs.

mod answers;
mod expect;
mod file;
mod job;

pub use file::PolicyScenario;

pub(super) use expect::{ByJob, Downloads, ExpectedCall};
pub(super) use job::SimulatedJob;
