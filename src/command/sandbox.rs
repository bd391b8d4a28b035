//! `sandbox`: both providers and an S3 server, until a signal ends it.

use anyhow::Context;
use clap::Args;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::certify::CallRecording;
use crate::config::ConfigError;
use crate::dev::sandbox::{Sandbox, SandboxOptions, SandboxScenario, samples};
use crate::settings::file::read_file;
use crate::shutdown;
use crate::telemetry;

/// The bucket of the sample invoices, which are below `samples/`.
const BUCKET: &str = "claims";

/// The time for answers that are on their way after a signal.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
pub(super) struct SandboxArguments {
    /// The address to listen on; port 0 picks a port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090")]
    listen: SocketAddr,
    /// Scripted faults; tests/data/scenarios/example.toml shows every key
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Answers about bills as `certify` recorded them, instead of the samples' own
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
}

pub(super) async fn run(arguments: SandboxArguments) -> anyhow::Result<ExitCode> {
    telemetry::log::install(&telemetry::Config::default());
    let stop = shutdown::on_signal(Some(LAST_ANSWERS)).context("cannot listen for signals")?;
    serve(arguments, stop.asked_for()).await?;
    Ok(ExitCode::SUCCESS)
}

/// Prints where everything is and how to point a worker at it, and answers calls until `shutdown`.
async fn serve(
    arguments: SandboxArguments,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let listen = arguments.listen;
    let mut scenario = arguments
        .scenario
        .as_deref()
        .map_or(Ok(SandboxScenario::default()), SandboxScenario::read)?;
    scenario.replay = arguments.replay.as_deref().map(recorded).transpose()?;
    if !listen.ip().is_loopback() {
        tracing::warn!(%listen, "the sandbox answers strangers: its credentials are public");
    }
    let sandbox = Sandbox::start(SandboxOptions {
        listen,
        scenario,
        data_dir: None,
    })
    .await?;
    for sample in samples::all() {
        sandbox
            .put(BUCKET, &format!("samples/{}", sample.file), sample.bytes)
            .await?;
    }
    let mut stdout = std::io::stdout();
    stdout
        .write_all(introduction(&sandbox).as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot write to stdout")?;
    shutdown.await;
    sandbox.shutdown().await;
    Ok(())
}

/// # Errors
/// Names the file, and why it cannot be replayed.
fn recorded(path: &Path) -> Result<CallRecording, ConfigError> {
    let text = read_file(path).map_err(|problem| ConfigError::of("--replay", &problem))?;
    CallRecording::parse(&text)
        .map_err(|problem| ConfigError::of("--replay", &format!("{}: {problem}", path.display())))
}

/// The introduction is TOML throughout, so that it can be redirected into a configuration file.
fn introduction(sandbox: &Sandbox) -> String {
    let (recognition, verification, s3) = (
        sandbox.recognition_url(),
        sandbox.verification_url(),
        sandbox.s3_url(),
    );
    let credentials = sandbox.credentials();
    let files = samples::all()
        .iter()
        .map(|sample| sample.file)
        .collect::<Vec<_>>()
        .join("\n#   samples/");
    format!(
        "# The sandbox is running; stop it with Ctrl-C.
#
#   recognition   {recognition}
#   verification  {verification}
#   S3            {s3}
#   every call    GET  {s3}/sandbox/calls
#   from anew     POST {s3}/sandbox/reset
#
# In the bucket {BUCKET}:
#   samples/{files}
#
# For `invoice-worker run -c FILE`; the broker is up to you.

[storage]
bucket = \"{BUCKET}\"
endpoint_url = \"{s3}\"
path_style = true
access_key_id = {access_key_id}
secret_access_key = {secret_access_key}

[recognition]
url = \"{recognition}\"
app_key = {app_key}
app_secret = {app_secret}
# Instead of the signature: auth = \"app_code\" and
# app_code = {app_code}

[verification]
url = \"{verification}\"
api_id = {api_id}
api_secret = {api_secret}
",
        access_key_id = quoted(&credentials.access_key_id),
        secret_access_key = quoted(&credentials.secret_access_key),
        app_key = quoted(&credentials.app_key),
        app_secret = quoted(&credentials.app_secret),
        app_code = quoted(&credentials.app_code),
        api_id = quoted(&credentials.api_id),
        api_secret = quoted(&credentials.api_secret),
    )
}

/// The text as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(scenario: Option<&str>) -> SandboxArguments {
        SandboxArguments {
            listen: ([127, 0, 0, 1], 0).into(),
            scenario: scenario.map(PathBuf::from),
            replay: None,
        }
    }

    #[tokio::test]
    async fn the_output_is_a_configuration_that_points_at_the_sandbox() {
        let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
        let printed: toml::Table = introduction(&sandbox).parse().unwrap();
        assert_eq!(
            printed["recognition"]["url"].as_str(),
            Some(sandbox.recognition_url().as_str())
        );
        assert_eq!(
            printed["storage"]["secret_access_key"].as_str(),
            Some("sandbox-secret")
        );
    }

    #[tokio::test]
    async fn it_runs_until_it_is_asked_to_stop() {
        serve(arguments(None), std::future::ready(()))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_bad_scenario_is_reported_before_anything_is_started() {
        let error = serve(arguments(Some("/nowhere.toml")), std::future::pending())
            .await
            .unwrap_err();
        assert!(error.to_string().starts_with("/nowhere.toml: "), "{error}");
    }
}
