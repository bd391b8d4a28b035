//! `certify`: the two APIs beside their documents, by a few calls on the user's own accounts.
//!
//! What is assumed, and how it is judged, is [`crate::certify`]. Here the calls are planned, consented
//! to and made, and what they showed is printed and recorded.

mod caller;
mod pictures;
mod report;
mod variants;

use super::terminal::{self, wrap};
use crate::app;
use crate::certify::{CallRecording, CertifyPlan, CertifySettings, Observations, SpendBound};
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::provider::huawei::Auth;
use crate::randomness::Randomness;
use crate::shutdown::{self, Stop};
use crate::telemetry;
use anyhow::Context;
use caller::CertifyCaller;
use clap::Args;
use jiff::tz::TimeZone;
use pictures::CertifyPictures;
use report::{CertifyReport, cost_text, left_out_text, plan_text, progress_text};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, IsTerminal, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// The time that the call in hand has for its answer after a signal: it may be paid for.
const LAST_ANSWER: Duration = Duration::from_mins(10);

#[derive(Args, Debug)]
pub(super) struct CertifyArguments {
    /// Bills to show the providers, JPEG or PNG; the first one also lying on its side [default: a
    /// built-in sample]
    #[arg(value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// At most so many calls are paid for, both accounts together
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100))]
    spend: u32,
    /// Make the calls without asking
    #[arg(long)]
    yes: bool,
    /// The redacted recording of the answers, a new file [default: certify-TIME.json]
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// One JSON object with all findings
    #[arg(long)]
    json: bool,
}

#[expect(
    clippy::print_stderr,
    reason = "the plan, the question and the progress, beside the findings"
)]
pub(super) async fn run(config: Config, arguments: &CertifyArguments) -> anyhow::Result<ExitCode> {
    telemetry::log::install(&config.telemetry);
    let policy = Arc::new(app::policy(&config)?);
    let pictures = CertifyPictures::new(&arguments.images, &config)?;
    let settings = settings(&config);
    let path = arguments.recording_path();
    if path.exists() {
        return Err(not_created(&path, &ErrorKind::AlreadyExists.into()).into());
    }
    let plan = CertifyPlan::new(&settings, pictures.bills.len(), arguments.spend);
    let stop = shutdown::on_signal(Some(LAST_ANSWER)).context("cannot listen for signals")?;
    eprintln!("{}", introduction(&plan, &config, arguments.spend));
    match consent(arguments.yes, &stop).await? {
        Consented::Yes => {}
        Consented::No => return Ok(ExitCode::FAILURE),
        Consented::Interrupted => return Ok(stop.exit_code()),
    }
    let mut recording = create(&path)?;
    let worker_id = app::worker_id(&Randomness::from_system());
    let mut caller = CertifyCaller::new(&config, &pictures, policy, worker_id)?;
    let mut seen = Observations::new(settings, &plan);
    let mut bound = SpendBound::new(arguments.spend);
    let kept = |seen: &Observations, bound: SpendBound| {
        if let Some(line) = progress_text(seen, bound) {
            eprintln!("{line}");
        }
        // After every call: what was paid for is not lost if the process is.
        write(&mut recording, &CallRecording::of(&seen.made))
            .with_context(|| format!("cannot write {}", path.display()))
    };
    let outcome = Box::pin(caller.call_all(&plan, &mut seen, &mut bound, &stop, kept)).await;
    let report = CertifyReport::of(&seen);
    let text = if arguments.json {
        format!("{}\n", report.json(&seen, bound, &path))
    } else {
        format!("\n{}", report.text(bound, &path, terminal::columns()))
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    outcome?;
    Ok(if stop.is_asked_for() {
        stop.exit_code()
    } else if report.is_different() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn settings(config: &Config) -> CertifySettings {
    let (recognition, verification) = (&config.recognition, &config.verification);
    CertifySettings {
        is_signed: recognition.auth == Auth::Signature,
        has_app_code: !recognition.app_code.is_empty(),
        recognition_timeout: recognition.timeout.duration(),
        verification_timeout: verification.timeout.duration(),
        recognition_rate: recognition.rate_per_second,
        verification_rate: verification.rate_per_second,
        max_image_bytes: verification.max_image_bytes.0,
    }
}

/// The plan, and what it may cost.
fn introduction(plan: &CertifyPlan, config: &Config, most: u32) -> String {
    let columns = terminal::columns();
    let today = Clock::System
        .now()
        .to_zoned(config.policy.timezone())
        .date();
    let cost = cost_text(plan, &config.priced_accounts(), today, most);
    let more = left_out_text(plan);
    let mut lines = vec![plan_text(plan, columns)];
    lines.extend(wrap(&cost, columns));
    if !more.is_empty() {
        lines.extend(wrap(&more, columns));
    }
    lines.join("\n")
}

enum Consented {
    Yes,
    No,
    Interrupted,
}

/// Asks on a terminal; elsewhere only `--yes` is consent.
#[expect(
    clippy::print_stderr,
    reason = "a question to the person at the terminal"
)]
async fn consent(yes: bool, stop: &Stop) -> anyhow::Result<Consented> {
    if yes {
        return Ok(Consented::Yes);
    }
    if !std::io::stdin().is_terminal() {
        let problem = "is needed where there is no terminal to ask on: these calls are paid for";
        return Err(ConfigError::of("--yes", problem).into());
    }
    eprint!("Make these calls? [y/N] ");
    let asked = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    tokio::select! {
        line = asked => {
            let line = line.context("the terminal cannot be read")??;
            let is_yes = matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes");
            Ok(if is_yes { Consented::Yes } else { Consented::No })
        }
        () = stop.asked_for() => Ok(Consented::Interrupted),
    }
}

impl CertifyArguments {
    fn recording_path(&self) -> PathBuf {
        self.recording.clone().unwrap_or_else(|| {
            let now = Clock::System.now().to_zoned(TimeZone::UTC);
            PathBuf::from(now.strftime("certify-%Y%m%dT%H%M%SZ.json").to_string())
        })
    }
}

/// A new file, before the first call: an earlier recording was paid for as well.
fn create(path: &Path) -> Result<File, ConfigError> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    created
        .and_then(|mut file| write(&mut file, &CallRecording::of(&[])).map(|()| file))
        .map_err(|error| not_created(path, &error))
}

fn not_created(path: &Path, error: &std::io::Error) -> ConfigError {
    let problem = if error.kind() == ErrorKind::AlreadyExists {
        "is there already, and was paid for; name a new file".to_owned()
    } else {
        format!("cannot be written: {error}")
    };
    ConfigError::of(&format!("--recording {}", path.display()), &problem)
}

fn write(file: &mut File, recording: &CallRecording) -> std::io::Result<()> {
    file.rewind()?;
    file.write_all(recording.to_json().as_bytes())?;
    let end = file.stream_position()?;
    file.set_len(end)?;
    file.flush()
}
