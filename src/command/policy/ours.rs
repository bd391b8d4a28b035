//! Codes that this program makes up itself: no provider answered them, so no rule decides about
//! them.

/// Says what a code of ours means and what to do; `None` for any other code.
pub(super) fn meaning(code: &str) -> Option<&'static str> {
    let meaning = match code {
        "job.malformed" | "job.unsupported_version" => {
            "the message is no job, the error says where; mend the submitter"
        }
        "job.deadline" => {
            "the job's deadline passed before another attempt could be started; its `calls` say what it met before. Replay it; where the \
             deadline is the job's own, submit it anew with a later one"
        }
        "job.poison" => {
            "the worker died of this job again and again, alone; look at its image before you replay it"
        }
        "image.not_found" => {
            "the store has no such object or bucket; mend the job and submit it again"
        }
        "image.forbidden" => {
            "the store does not let us read the object; `policy explain AccessDenied` says more"
        }
        "image.url_invalid" => {
            "the job's URL is none that a provider could fetch; mend the job and submit it again"
        }
        "image.too_large" | "image.too_small" | "image.unsupported_format" | "image.corrupt" => {
            "no provider would take this picture, so no call was made or paid; submit another one"
        }
        "worker.panic" => "a defect of this program, logged with its place; please report it",
        "worker.busy" => {
            "its turn in the rate or in worker.image_memory did not come for ten minutes and the job was handed on; more of it, or nothing to do"
        }
        "worker.stopping" => "a worker was asked to stop and handed the job on; nothing to do",
        "budget" => {
            "a budget of the configuration is used up, or it is not known what was spent of it: the job waits, at the cost of no \
             attempt, until the day or month is over; a larger budget.amount and a restart open it sooner"
        }
        "redelivered" => {
            "another worker may still be at work on the job, so it waits for worker.redelivery_wait; nothing to do"
        }
        _ => return None,
    };
    Some(meaning)
}
