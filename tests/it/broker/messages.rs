//! A message with everything that one may carry.

use bytes::Bytes;
use invoice_worker::broker::{Headers, Message, Properties};

pub(super) fn job_with_every_property() -> Message {
    let text = |text: &str| Some(text.to_owned());
    let mut headers = Headers::default();
    headers.set_text(
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    );
    headers.set_text("发票", "增值税");
    headers.set_number("attempt", -7);
    Message {
        body: Bytes::from_static(b"{\"job_id\":\"1\"}"),
        properties: Properties {
            content_type: text("application/json"),
            content_encoding: text("identity"),
            reply_to: text("replies"),
            correlation_id: text("correlation"),
            message_id: text("message"),
            kind: text("invoice.job"),
            app_id: text("claims"),
            timestamp: Some(1_800_000_000),
            priority: Some(3),
            expiration: None,
            headers,
        },
    }
}
