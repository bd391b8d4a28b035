//! Secrets that lie in files of their own, read into the keys they belong to.

use super::error::{ConfigError, Places};
use super::whole::Config;
use crate::settings::file::read_file;
use crate::settings::problem::Problems;
use crate::settings::secret::Secret;
use crate::settings::text;
use std::path::Path;

impl Config {
    pub(super) fn read_secret_files(&mut self) -> Result<(), ConfigError> {
        let mut files = SecretFiles {
            problems: Problems::default(),
            places: &mut self.places,
        };
        // This secret has a default, which a file replaces.
        if self.http.proxy == Self::default().http.proxy && !self.http.proxy_file.is_empty() {
            self.http.proxy = Secret::default();
        }
        files.secret("http.proxy", &mut self.http.proxy, &self.http.proxy_file);
        let management_url_file = self.broker.management_url_file.display().to_string();
        files.secret(
            "broker.management_url",
            &mut self.broker.management_url,
            &management_url_file,
        );
        files.secret("seal.key", &mut self.seal.key, &self.seal.key_file);
        files.secret(
            "seal.previous_key",
            &mut self.seal.previous_key,
            &self.seal.previous_key_file,
        );
        files.secret(
            "storage.access_key_id",
            &mut self.storage.access_key_id,
            &self.storage.access_key_id_file,
        );
        files.secret(
            "storage.secret_access_key",
            &mut self.storage.secret_access_key,
            &self.storage.secret_access_key_file,
        );
        files.secret(
            "recognition.app_key",
            &mut self.recognition.app_key,
            &self.recognition.app_key_file,
        );
        files.secret(
            "recognition.app_secret",
            &mut self.recognition.app_secret,
            &self.recognition.app_secret_file,
        );
        files.secret(
            "recognition.app_code",
            &mut self.recognition.app_code,
            &self.recognition.app_code_file,
        );
        files.secret(
            "verification.api_id",
            &mut self.verification.api_id,
            &self.verification.api_id_file,
        );
        files.secret(
            "verification.api_secret",
            &mut self.verification.api_secret,
            &self.verification.api_secret_file,
        );
        if !self.broker.urls_file.as_os_str().is_empty() {
            if self.broker.urls != Self::default().broker.urls {
                files.problems.add(
                    "broker.urls",
                    "given twice, here and as broker.urls_file; keep one",
                );
            }
            files.urls("broker.urls", &mut self.broker.urls, &self.broker.urls_file);
        }
        let problems = files.problems;
        ConfigError::from_problems(&problems, &self.places)
    }
}

struct SecretFiles<'a> {
    problems: Problems,
    places: &'a mut Places,
}

impl SecretFiles<'_> {
    /// Reads one secret. A line break at the end of the file is ignored; anything else around the
    /// secret is a problem.
    fn secret(&mut self, key: &str, secret: &mut Secret, file: &str) {
        if file.is_empty() {
            return;
        }
        if !secret.is_empty() {
            return self.problems.add(
                key,
                format!("given twice, here and as {key}_file; keep one"),
            );
        }
        let file_key = format!("{key}_file");
        let Some(text) = self.text(&file_key, Path::new(file)) else {
            return;
        };
        let value = text.strip_suffix('\n').map_or(text.as_str(), |line| {
            line.strip_suffix('\r').unwrap_or(line)
        });
        if value.is_empty() {
            return self.problems.add(&file_key, format!("{file} is empty"));
        }
        if let Some(flaw) = text::flaw(value) {
            return self
                .problems
                .add(&file_key, format!("the secret in {file} {flaw}"));
        }
        *secret = Secret::new(value);
        self.places.set(key, file.to_owned());
    }

    /// Reads one URL a line; surrounding blanks and empty lines are ignored.
    fn urls(&mut self, key: &str, urls: &mut Vec<Secret>, file: &Path) {
        let file_key = format!("{key}_file");
        let Some(text) = self.text(&file_key, file) else {
            return;
        };
        *urls = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(Secret::new)
            .collect();
        if urls.is_empty() {
            self.problems.add(
                &file_key,
                format!("{} is empty; it holds one URL a line", file.display()),
            );
        }
        self.places.set(key, file.display().to_string());
    }

    fn text(&mut self, file_key: &str, file: &Path) -> Option<String> {
        read_file(file)
            .map_err(|problem| self.problems.add(file_key, problem))
            .ok()
    }
}
