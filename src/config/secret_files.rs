//! Secrets that lie in files of their own, read into the keys they belong to.

use super::load::read_file;
use super::problem::Problems;
use super::secret::Secret;
use super::{Config, ConfigError};
use std::path::Path;

impl Config {
    pub(super) fn read_secret_files(&mut self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        let mut read = |key: &str, secret: &mut Secret, file: &str| {
            if file.is_empty() {
                return;
            }
            if !secret.is_empty() {
                return problems.add(key, format!("given twice, here and as {key}_file; keep one"));
            }
            match read_file(Path::new(file)) {
                Ok(text) => *secret = Secret::new(text.trim_end_matches(['\r', '\n'])),
                Err(problem) => problems.add(&format!("{key}_file"), problem),
            }
        };
        read("storage.access_key_id", &mut self.storage.access_key_id, &self.storage.access_key_id_file);
        read("storage.secret_access_key", &mut self.storage.secret_access_key, &self.storage.secret_access_key_file);
        read("recognition.app_key", &mut self.recognition.app_key, &self.recognition.app_key_file);
        read("recognition.app_secret", &mut self.recognition.app_secret, &self.recognition.app_secret_file);
        read("recognition.app_code", &mut self.recognition.app_code, &self.recognition.app_code_file);
        read("verification.api_id", &mut self.verification.api_id, &self.verification.api_id_file);
        read("verification.api_secret", &mut self.verification.api_secret, &self.verification.api_secret_file);
        if !self.broker.urls_file.as_os_str().is_empty() {
            if self.broker.urls != Self::default().broker.urls {
                problems.add("broker.urls", "given twice, here and as broker.urls_file; keep one");
            }
            match read_file(&self.broker.urls_file) {
                Ok(text) => self.broker.urls = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Secret::new).collect(),
                Err(problem) => problems.add("broker.urls_file", problem),
            }
        }
        ConfigError::from_problems(&problems, &self.places)
    }
}
