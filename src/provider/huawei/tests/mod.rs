mod call;
mod codes;
mod irregular;
mod mapping;

use super::*;
use serde_json::Value;

const SAMPLE: &[u8] = include_bytes!("../../../../tests/data/providers/recognition_sample.json");

fn read(status: u16, body: &Value) -> Result<Reply<Invoice>, Failure> {
    read_answer(status, body.to_string().as_bytes())
}

/// The invoice made of `data`, as it is published. A number identifies it, so that it is an answer.
fn mapped(data: &str) -> Value {
    let data = data
        .replacen('{', "{\"InvoiceNum\": \"1\", ", 1)
        .replace(", }", "}");
    let body = format!("{{\"code\": 200, \"data\": {data}}}");
    serde_json::to_value(read_answer(200, body.as_bytes()).ok().unwrap().answer).unwrap()
}
