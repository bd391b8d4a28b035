//! The parameters behind the question mark of a broker's URL.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A dead peer is noticed within two heartbeats; without heartbeats, never.
const HEARTBEAT_SECONDS: RangeInclusive<u16> = 1..=3600;
/// The AMQP library accepts no smaller frame.
const FRAME_MAX: RangeInclusive<u32> = 8192..=u32::MAX;
/// A worker needs some channels beside those that it publishes on.
const CHANNEL_MAX: RangeInclusive<u16> = 8..=u16::MAX;
const CONNECTION_TIMEOUT_MS: RangeInclusive<u64> = 1..=60_000;

/// A parameter that is absent is left to the broker, or has the worker's own default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct UrlParameters {
    pub(super) heartbeat_seconds: Option<u16>,
    pub(super) frame_max: Option<u32>,
    pub(super) channel_max: Option<u16>,
    pub(super) connection_timeout: Option<Duration>,
    pub(super) mechanism: Option<LoginMechanism>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoginMechanism {
    Plain,
    AmqPlain,
    /// The client's certificate is the login.
    External,
}

impl UrlParameters {
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut parameters = Self::default();
        let mut seen = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (name, value) = decoded(name)
                .zip(decoded(value))
                .ok_or("has a parameter that is not UTF-8")?;
            if seen.contains(&name) {
                return Err(format!("has the parameter {} twice", shown(&name)));
            }
            match name.as_str() {
                "heartbeat" => {
                    parameters.heartbeat_seconds = Some(number(&name, &value, &HEARTBEAT_SECONDS)?);
                }
                "frame_max" => parameters.frame_max = Some(number(&name, &value, &FRAME_MAX)?),
                "channel_max" => {
                    parameters.channel_max = Some(number(&name, &value, &CHANNEL_MAX)?);
                }
                "connection_timeout" => {
                    parameters.connection_timeout = Some(Duration::from_millis(number(
                        &name,
                        &value,
                        &CONNECTION_TIMEOUT_MS,
                    )?));
                }
                "auth_mechanism" => parameters.mechanism = Some(LoginMechanism::parse(&value)?),
                "cacertfile" => {
                    return Err(
                        "has the parameter cacertfile; set broker.ca_file instead".to_owned()
                    );
                }
                "certfile" => {
                    return Err(
                        "has the parameter certfile; set broker.client_cert_file instead"
                            .to_owned(),
                    );
                }
                "keyfile" => {
                    return Err(
                        "has the parameter keyfile; set broker.client_key_file instead".to_owned(),
                    );
                }
                _ => {
                    let known =
                        "heartbeat, frame_max, channel_max, connection_timeout and auth_mechanism";
                    return Err(format!(
                        "has the parameter {}, which is not known; known are {known}",
                        shown(&name)
                    ));
                }
            }
            seen.push(name);
        }
        Ok(parameters)
    }
}

impl LoginMechanism {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "plain" => Ok(Self::Plain),
            "amqplain" => Ok(Self::AmqPlain),
            "external" => Ok(Self::External),
            _ => Err("has an auth_mechanism other than plain, amqplain or external".to_owned()),
        }
    }
}

fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    name: &str,
    text: &str,
    allowed: &RangeInclusive<T>,
) -> Result<T, String> {
    text.parse()
        .ok()
        .filter(|number| allowed.contains(number))
        .ok_or_else(|| {
            let (least, most) = (allowed.start(), allowed.end());
            format!("has a {name} that is no whole number from {least} to {most}")
        })
}

/// The name of an unknown parameter, unless it may be a piece of a password.
fn shown(name: &str) -> &str {
    let is_name = name.len() <= 40
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_name { name } else { "(not shown)" }
}

/// The text with its percent codes decoded; `None` if the result is not UTF-8. A percent sign that
/// begins no code stays as it is.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let code = (byte == b'%')
            .then(|| behind.get(..2))
            .flatten()
            .and_then(|digits| hex::decode(digits).ok());
        if let Some(code) = code {
            bytes.extend_from_slice(&code);
            rest = &behind[2..];
        } else {
            bytes.push(byte);
            rest = behind;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_honoured() {
        let query = "heartbeat=5&frame_max=8192&channel_max=100&connection_timeout=3000&auth_mechanism=EXTERNAL";
        let expected = UrlParameters {
            heartbeat_seconds: Some(5),
            frame_max: Some(8192),
            channel_max: Some(100),
            connection_timeout: Some(Duration::from_secs(3)),
            mechanism: Some(LoginMechanism::External),
        };
        assert_eq!(UrlParameters::parse(query), Ok(expected));
    }
}
