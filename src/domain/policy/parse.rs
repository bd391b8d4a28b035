use super::Policy;

#[derive(Debug, thiserror::Error)]
#[error("{file}, line {line}: {problem}")]
pub struct PolicyError {
    pub file: String,
    pub line: usize,
    pub problem: String,
}

impl Policy {
    /// The policy that is compiled in.
    pub fn builtin() -> Self {
        unimplemented!()
    }

    /// The built-in policy with the rules of `text` in place of those with the same stage, code and `when`.
    pub fn with_overrides(_text: &str, _file: &str) -> Result<Self, PolicyError> {
        unimplemented!()
    }
}
