mod call;
mod codes;
mod irregular;
mod mapping;
mod registry;

use super::*;
use serde_json::Value;

const SAMPLE: &[u8] = include_bytes!("../../../../tests/data/providers/verification_sample.json");
const FAILED_SAMPLE: &[u8] =
    include_bytes!("../../../../tests/data/providers/verification_failed_sample.json");

fn read(status: u16, body: &Value) -> Result<Reply<Verified>, Failure> {
    read_answer(status, body.to_string().as_bytes())
}

/// The answer made of both result objects, as it is checkpointed. A code and a date identify the
/// bill, so that it is an answer; what a test sends under the same name replaces them.
fn mapped(standard: &str, additional: &str) -> Value {
    let identity = "{\"note_code\": \"1\", \"billing_date\": \"2021-10-17\", ";
    let standard = standard.replacen('{', identity, 1).replace(", }", "}");
    let data = format!(
        "{{\"invoice_standard_result\": {standard}, \"invoice_additional_result\": {additional}}}"
    );
    let body = format!("{{\"status\": \"OK\", \"data\": {data}}}");
    serde_json::to_value(read_answer(200, body.as_bytes()).ok().unwrap().answer).unwrap()
}
