//! Frames of AMQP 0-9-1, made by hand: what a client library would never send.

/// `basic.ack` of a delivery that was never made: the broker closes the channel.
pub(crate) fn false_acknowledgement(channel: u16) -> Vec<u8> {
    let (delivery_tag, multiple) = (u64::MAX >> 1, 0);
    method(
        channel,
        60,
        80,
        &[&delivery_tag.to_be_bytes()[..], &[multiple]].concat(),
    )
}

/// `connection.open` for a connection that is open: the broker closes it.
pub(crate) fn second_opening() -> Vec<u8> {
    let (virtual_host, reserved) = (b"\x01/", [0, 0]);
    method(0, 10, 40, &[&virtual_host[..], &reserved].concat())
}

pub(crate) const METHOD: u8 = 1;

pub(crate) fn method(channel: u16, class: u16, method: u16, arguments: &[u8]) -> Vec<u8> {
    frame(
        METHOD,
        channel,
        &[&class.to_be_bytes()[..], &method.to_be_bytes(), arguments].concat(),
    )
}

pub(crate) fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    const END: u8 = 0xce;
    let length = u32::try_from(payload.len()).unwrap();
    [
        &[kind][..],
        &channel.to_be_bytes(),
        &length.to_be_bytes(),
        payload,
        &[END],
    ]
    .concat()
}
