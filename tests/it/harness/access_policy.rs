//! Access policies of S3, decided as AWS decides them: a denial wins over what is allowed, and what
//! nothing allows is denied. What `deploy/s3` does not use is not understood, and panics.

use serde_json::Value;

/// One request to the store, as policies see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessRequest<'a> {
    /// The ARN of whom the credentials belong to.
    pub(crate) principal: &'a str,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) is_encrypted: bool,
}

/// Whether the principal's own policies and the bucket's, taken together, allow it.
pub(crate) fn allows(policies: &[Value], request: AccessRequest<'_>) -> bool {
    let has = |effect: &str| {
        policies
            .iter()
            .flat_map(|policy| policy["Statement"].as_array().expect("a list"))
            .any(|statement| statement["Effect"] == effect && applies(statement, request))
    };
    has("Allow") && !has("Deny")
}

fn applies(statement: &Value, request: AccessRequest<'_>) -> bool {
    let any = |key: &str, text: &str| {
        texts(&statement[key])
            .iter()
            .any(|pattern| fits(pattern, text))
    };
    any("Action", request.action)
        && any("Resource", request.resource)
        && is_meant(&statement["Principal"], request.principal)
        && holds(&statement["Condition"], request)
}

/// A principal's own policy names no principal.
fn is_meant(principal: &Value, asking: &str) -> bool {
    match principal {
        Value::Null => true,
        Value::String(all) => all == "*",
        named => texts(&named["AWS"]).contains(&asking),
    }
}

fn holds(condition: &Value, request: AccessRequest<'_>) -> bool {
    let Value::Object(operators) = condition else {
        return condition.is_null();
    };
    operators.iter().all(|(operator, keys)| {
        keys.as_object().expect("keys").iter().all(|(key, values)| {
            match (operator.as_str(), key.as_str()) {
                ("StringNotEquals", "aws:PrincipalArn") => {
                    !texts(values).contains(&request.principal)
                }
                ("Bool", "aws:SecureTransport") => {
                    texts(values).contains(&request.is_encrypted.to_string().as_str())
                }
                other => panic!("{other:?} is not understood here"),
            }
        })
    })
}

/// One or a list of them, as AWS writes both.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().map(|one| one.as_str().expect("text")).collect(),
        other => panic!("neither text nor a list: {other}"),
    }
}

/// A star stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(before) else {
        return false;
    };
    (0..=rest.len()).any(|skipped| rest.is_char_boundary(skipped) && fits(after, &rest[skipped..]))
}
