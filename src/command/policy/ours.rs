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
            "a worker process ended five times while it ran this job and no other; look at its image before you replay it"
        }
        "image.not_found" => {
            "the store has no such object or bucket; mend the job and submit it again"
        }
        "image.forbidden" => {
            "the job names a bucket that is neither storage.bucket nor in storage.buckets, or the store refuses this object: correct the job or \
             the configuration; for the store, see `policy explain AccessDenied`"
        }
        "image.url_invalid" => {
            "the job's URL is none that a provider could fetch; mend the job and submit it again"
        }
        "image.too_large" => {
            "no provider would take this picture, so no call was made or paid; submit another one, or raise storage.max_image_bytes or \
             worker.image_memory, where the message names it"
        }
        "image.too_small" | "image.unsupported_format" | "image.corrupt" => {
            "no provider would take this picture, so no call was made or paid; submit another one"
        }
        "worker.panic" => "a defect of this program, logged with its place; please report it",
        "worker.busy" => {
            "this worker could not process the job now and handed it on: its turn at the rate or at worker.image_memory did not come within ten \
             minutes (raise the limit or add workers), many jobs wait for one call about the same image (nothing to do), or PDF documents \
             cannot be read on this machine (the worker's log says why)"
        }
        "worker.stopping" => "a worker was asked to stop and handed the job on; nothing to do",
        "budget" => {
            "a budget of the configuration is used up, or it is not known what was spent of it: the job waits, at the cost of no \
             attempt, until the day or month is over; a larger budget.amount and a restart open it sooner"
        }
        "redelivered" => {
            "another worker may still be at work on the job, so it waits for worker.redelivery_wait; nothing to do"
        }
        "worker.lost" => {
            "the ledger's entry for a call that may have been under way when a worker died: the provider may have billed it; compare with \
             its statement (`ledger reconcile`)"
        }
        "registry_status_unknown" => {
            "the registry used a word for `voided` or `red_lettered` that is not known: ask the provider what it means, add it as \
             [[registry_word]] to policy.file, restart the workers, then `failed replay --code registry_status_unknown`"
        }
        "delivery_limit" => {
            "the broker gave the job up after too many deliveries without an acknowledgement; read the log of the worker that had it \
             before you replay it"
        }
        "other" => {
            "the metrics' label for codes that no rule names; the log lines of the calls and `invoice-worker cost --by code` name the code \
             itself"
        }
        _ => return None,
    };
    Some(meaning)
}
