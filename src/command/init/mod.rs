//! `init`: writes a commented configuration, from five answers. Secrets lie in files beside it.

mod questions;
mod secrets;
mod template;

use crate::config::{Config, ConfigError};
use crate::settings::secret::{Secret, TO_BE_REPLACED};
use anyhow::{Context, bail};
use base64_simd::STANDARD;
use clap::Args;
use questions::{Answers, Choices};
use secrets::SecretFile;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use template::{SetKey, filled};

#[derive(Args, Debug)]
pub(super) struct InitArguments {
    /// The configuration to write
    #[arg(value_name = "FILE", default_value = "invoice-worker.toml")]
    file: PathBuf,
    #[command(flatten)]
    answers: Answers,
    /// The folder for the secrets, one file each; those that are there are kept [default: secrets,
    /// beside FILE]
    #[arg(long, value_name = "FOLDER")]
    secrets: Option<PathBuf>,
    /// Writes over a configuration that is there
    #[arg(long)]
    force: bool,
}

#[expect(clippy::print_stderr, reason = "what is to be done next")]
pub(super) fn run(arguments: InitArguments) -> anyhow::Result<ExitCode> {
    let file = arguments.file.display().to_string();
    if !arguments.force && arguments.file.exists() {
        bail!("{file} is there already; --force writes over it");
    }
    let asked = arguments
        .answers
        .complete(&mut std::io::stdin().lock(), &mut std::io::stderr().lock());
    let choices = asked?;
    let beside = arguments.file.parent().unwrap_or(Path::new(""));
    let folder = arguments.secrets.unwrap_or_else(|| beside.join("secrets"));
    let folder = std::path::absolute(&folder)
        .with_context(|| format!("{} is no folder", folder.display()))?;
    let text = filled(&choices.keys(&folder)?);
    choices.validate(&text)?;

    let files = choices.secret_files(seal_key()?);
    let written = secrets::write_missing(&folder, &files)?;
    let mut options = OpenOptions::new();
    options.write(true);
    if arguments.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    match options.open(&arguments.file) {
        Ok(mut opened) => opened
            .write_all(text.as_bytes())
            .with_context(|| format!("cannot write {file}"))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{file} is there already; --force writes over it")
        }
        Err(error) => return Err(error).with_context(|| format!("cannot write {file}")),
    }
    let replaced = files
        .iter()
        .filter(|secret| secret.is_to_be_replaced() && written.contains(&secret.name))
        .map(|secret| folder.join(secret.name).display().to_string())
        .collect::<Vec<_>>();
    eprintln!("{file} is written.");
    if !replaced.is_empty() {
        eprintln!(
            "Put your secrets in the place of \"{TO_BE_REPLACED}\" in\n  {}",
            replaced.join("\n  ")
        );
    }
    eprintln!("Then: invoice-worker check -c {file}");
    Ok(ExitCode::SUCCESS)
}

impl Choices {
    /// The keys that differ from their defaults. Secrets are named by their files.
    fn keys(&self, folder: &Path) -> anyhow::Result<Vec<SetKey>> {
        let path = |name: &str| {
            let path = folder.join(name);
            let path = path.to_str().map(str::to_owned);
            path.context("the folder for the secrets has a name that is not UTF-8")
        };
        let mut keys = vec![
            SetKey::new("broker", "urls_file", path("broker_urls")?),
            SetKey::new("seal", "key_file", path("seal_key")?),
            SetKey::new("storage", "bucket", self.bucket.as_str()),
            SetKey::new("recognition", "url", self.recognition_url.as_str()),
            SetKey::new("recognition", "app_key_file", path("app_key")?),
            SetKey::new("recognition", "app_secret_file", path("app_secret")?),
            SetKey::new("recognition", "rate_per_second", self.rate),
            SetKey::new("verification", "api_id_file", path("api_id")?),
            SetKey::new("verification", "api_secret_file", path("api_secret")?),
            SetKey::new("verification", "rate_per_second", self.rate),
        ];
        // AWS has its own chain of credentials; other stores have none.
        if self.has_store_of_its_own() {
            keys.extend([
                SetKey::new("storage", "endpoint_url", self.endpoint_url.as_str()),
                SetKey::new("storage", "access_key_id_file", path("access_key_id")?),
                SetKey::new(
                    "storage",
                    "secret_access_key_file",
                    path("secret_access_key")?,
                ),
            ]);
        }
        Ok(keys)
    }

    /// Refuses answers with which the worker could not run, before anything is written.
    fn validate(&self, text: &str) -> Result<(), ConfigError> {
        let mut config = Config::parse(text, "the new configuration")?;
        // The secrets themselves are not known yet, and a check of the file says so.
        let secret = || Secret::new("not-known-yet");
        config.broker.urls = vec![Secret::new(&self.broker_url)];
        config.recognition.app_key = secret();
        config.recognition.app_secret = secret();
        config.verification.api_id = secret();
        config.verification.api_secret = secret();
        if self.has_store_of_its_own() {
            config.storage.access_key_id = secret();
            config.storage.secret_access_key = secret();
        }
        if self.bucket.is_empty() {
            return Err(ConfigError::of("storage.bucket", "is empty"));
        }
        config.validate()
    }

    fn secret_files(&self, seal_key: String) -> Vec<SecretFile> {
        let mut files = vec![
            SecretFile::new("broker_urls", self.broker_url.as_str()),
            SecretFile::new("seal_key", seal_key),
        ];
        let mut unknown = vec!["app_key", "app_secret", "api_id", "api_secret"];
        if self.has_store_of_its_own() {
            unknown.extend(["access_key_id", "secret_access_key"]);
        }
        files.extend(
            unknown
                .into_iter()
                .map(|name| SecretFile::new(name, TO_BE_REPLACED)),
        );
        files
    }

    fn has_store_of_its_own(&self) -> bool {
        !self.endpoint_url.is_empty()
    }
}

/// 32 bytes of the operating system's randomness: the program's own may be guessed.
fn seal_key() -> anyhow::Result<String> {
    let mut key = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut key))
        .context("cannot draw a key for [seal]")?;
    Ok(STANDARD.encode_to_string(key))
}
