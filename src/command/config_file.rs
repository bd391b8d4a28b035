//! The configuration file: `--config`, the environment's, or the one in its usual place.

use crate::config::{Config, ConfigError, FILE_VARIABLE};
use clap::Args;
use std::path::PathBuf;

/// Read where no file is named and this one exists.
const DEFAULT_FILE: &str = "config/invoice-worker.toml";

#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "shown as help, as it stands")]
pub(super) struct ConfigFile {
    /// The configuration file [default: $INVOICE_WORKER_CONFIG, else config/invoice-worker.toml
    /// where it exists]
    #[arg(short, long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// Takes the file that was named before the command.
    pub(super) fn take_from_before(&mut self, named: PathBuf) -> Result<(), ConfigError> {
        if self.config.is_some() {
            let problem = "stands before the command and behind it; name one file";
            return Err(ConfigError::of("-c, --config", problem));
        }
        self.config = Some(named);
        Ok(())
    }

    pub(super) fn load(&self) -> Result<Config, ConfigError> {
        if self.config.is_none()
            && let Some(named) = from_environment()
            && let Err(error) = std::fs::File::open(&named)
        {
            let problem = format!("{} cannot be read: {error}", named.display());
            return Err(ConfigError::of(
                &format!("environment variable {FILE_VARIABLE}"),
                &problem,
            ));
        }
        Config::load(self.path().as_deref(), std::env::vars_os())
    }

    /// The file that is read; `None` where there is none.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists());
        self.config
            .clone()
            .or_else(from_environment)
            .or_else(default)
    }
}

/// The file that the environment names. An empty variable counts as unset, because compose files
/// cannot leave a variable out.
fn from_environment() -> Option<PathBuf> {
    std::env::var_os(FILE_VARIABLE)
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
}
