mod call;
mod codes;
mod mapping;

use super::*;
use serde_json::Value;

const SAMPLE: &[u8] = include_bytes!("../../../../tests/data/providers/verification_sample.json");
const FAILED_SAMPLE: &[u8] =
    include_bytes!("../../../../tests/data/providers/verification_failed_sample.json");

fn read(status: u16, body: &Value) -> Result<Reply<Verified>, Failure> {
    read_answer(status, body.to_string().as_bytes())
}
