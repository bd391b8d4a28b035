//! The problems of a configuration, each with its key.

/// The problems of all sections, so that one start reports all of them.
#[derive(Debug, Default)]
pub struct Problems(Vec<(String, String)>);

impl Problems {
    /// `key` is the full key (`recognition.url`); `problem` says what is wrong and how to mend it,
    /// without the value of a secret.
    pub fn add(&mut self, key: &str, problem: impl Into<String>) {
        self.0.push((key.to_owned(), problem.into()));
    }

    pub fn require(&mut self, holds: bool, key: &str, problem: &str) {
        if !holds {
            self.add(key, problem);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Key and problem, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, problem)| (key.as_str(), problem.as_str()))
    }
}
