//! `submit`: local images and files of jobs into the queue, and with `--wait` their results back.

mod batch;
mod connections;
mod draft;
mod input;
mod journal;
mod replies;
mod sending;
mod standing;
mod turn;
mod upload;

use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::randomness::Randomness;
use crate::shutdown;
use crate::store::Store;
use crate::telemetry;
use anyhow::{Context, bail};
use batch::{JobBatch, Replies};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use input::JobInput;
use journal::{EarlierRuns, SubmitJournal};
use standing::Standings;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use turn::{Submission, SubmitState};
use upload::Uploads;

/// The time that messages on their way have to be confirmed after a signal.
const LAST_CONFIRMS: Duration = Duration::from_secs(20);
/// Mistakes that are told at once.
const MOST_PROBLEMS: usize = 20;

#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "shown as help, as it stands")]
pub(super) struct SubmitArguments {
    /// Local files, which are uploaded to storage.bucket first, or s3://bucket/key
    #[arg(value_name = "IMAGE", required_unless_present = "jobs")]
    images: Vec<String>,
    /// One job of JSON a line, as the queue takes it; "image": {"file": "a.jpg"} is uploaded first
    #[arg(long, value_name = "FILE.jsonl")]
    jobs: Option<PathBuf>,
    /// One of the job queues [default: the first of them]
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// Collects the results, one of JSON a line; the status is 0 only if every job was completed
    #[arg(long)]
    wait: bool,
    /// The queue for the results, which has to exist [default: one of its own with --wait, else
    /// broker.results_queue]
    #[arg(long, value_name = "QUEUE", conflicts_with = "wait")]
    reply_to: Option<String>,
    /// At most so many jobs a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rate: Option<u16>,
    /// What was submitted and answered, so that the same command goes on after an interruption
    /// [default: FILE.jsonl.journal where there is a file of jobs]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

#[expect(clippy::print_stderr, reason = "what was done, beside the results")]
pub(super) async fn run(config: Config, arguments: SubmitArguments) -> anyhow::Result<ExitCode> {
    telemetry::log::install(&config.telemetry);
    if config.broker.is_memory() {
        let problem = "memory:// lives within one process, so no worker would see these jobs; name a RabbitMQ, or use `process`";
        return Err(ConfigError::of("broker.urls", problem).into());
    }
    let stop = shutdown::on_signal(Some(LAST_CONFIRMS)).context("cannot listen for signals")?;
    let randomness = Randomness::from_system();
    let begin = || arguments.begin(&config, &randomness);
    let input = JobInput::new(
        arguments.images.clone(),
        arguments.jobs.clone(),
        config.worker.max_job_bytes.bytes(),
    );
    let checked = check(&input, &begin()?, &config)?;
    if !checked.problems.is_empty() {
        let problems = match checked.problems.as_slice() {
            [only] => only.clone(),
            several => format!("\n{}", several.join("\n")),
        };
        return Err(ConfigError::of("no job was submitted", &problems).into());
    }
    let uploads = if checked.has_files {
        Some(uploads(&config, &randomness).await?)
    } else {
        None
    };
    let (journal, earlier) = arguments.open_journal(begin()?)?;
    arguments.fit(&earlier.batch, &config)?;
    let mut standings = Standings::default();
    for line in input.lines(&earlier.batch)? {
        standings.plan(line?.message_id);
    }
    for entry in &earlier.entries {
        standings.record(entry);
    }
    let before = standings.submitted;
    let submission = Submission {
        batch: earlier.batch,
        input,
        uploads,
        max_job_bytes: config.worker.max_job_bytes.bytes(),
        rate: arguments.rate,
        waits: arguments.wait,
        randomness,
        stop,
    };
    let state = RefCell::new(SubmitState {
        bar: progress_bar(&standings, arguments.wait),
        standings,
        journal,
    });
    let outcome = submission.carry_out(&state, &config, earlier.is_new).await;
    let state = state.into_inner();
    state.bar.finish_and_clear();
    eprintln!("{}", summary(&submission, &state, before));
    if let Err(error) = outcome {
        if submission.stop.is_asked_for() {
            eprintln!("error: {error:#}");
            return Ok(submission.stop.exit_code());
        }
        return Err(error);
    }
    Ok(if arguments.wait && !state.standings.is_all_completed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

impl SubmitArguments {
    /// A new submission.
    fn begin(&self, config: &Config, randomness: &Randomness) -> Result<JobBatch, ConfigError> {
        let (broker, jobs_queue) = (&config.broker, self.jobs_queue(config)?);
        let replies = match &self.reply_to {
            Some(queue) => Replies::To(queue.clone()),
            None if self.wait => Replies::Own(format!("{}.replies.", broker.first_jobs_queue())),
            None => Replies::ResultsQueue,
        };
        let batch = JobBatch::begin(jobs_queue, replies, Clock::System.now(), randomness);
        match &batch.reply_to {
            Some(queue) if !broker.allows_reply_to(queue) => Err(ConfigError::of(
                "broker.reply_to",
                &format!(
                    "does not allow {queue}, or it is one of the worker's own queues: the workers would not answer there"
                ),
            )),
            _ => Ok(batch),
        }
    }

    /// The queue that the jobs go to.
    fn jobs_queue<'a>(&'a self, config: &'a Config) -> Result<&'a str, ConfigError> {
        let broker = &config.broker;
        match &self.queue {
            None => Ok(broker.first_jobs_queue()),
            Some(queue) if broker.is_jobs_queue(queue) => Ok(queue),
            Some(queue) => {
                let names = broker.names_of_job_queues();
                let problem = format!("{queue} is none of the job queues, which are: {names}");
                Err(ConfigError::of("--queue", &problem))
            }
        }
    }

    fn open_journal(&self, batch: JobBatch) -> anyhow::Result<(SubmitJournal, EarlierRuns)> {
        let beside = |jobs: &Path| {
            let mut name = jobs.as_os_str().to_owned();
            name.push(".journal");
            PathBuf::from(name)
        };
        let path = self.journal.clone();
        match path.or_else(|| self.jobs.as_deref().map(beside)) {
            Some(path) => SubmitJournal::open(&path, || batch),
            None => Ok((
                SubmitJournal::none(),
                EarlierRuns {
                    batch,
                    entries: Vec::new(),
                    is_new: true,
                },
            )),
        }
    }

    /// Whether the submission that the journal began can go on with these arguments.
    fn fit(&self, batch: &JobBatch, config: &Config) -> anyhow::Result<()> {
        let queue = self.jobs_queue(config)?;
        if batch.jobs_queue != queue {
            bail!(
                "the journal is of a submission to {}, and this one is to {queue}",
                batch.jobs_queue
            );
        }
        let destination = batch.reply_to.as_deref();
        let destination = destination.unwrap_or(&config.broker.results_queue);
        if self.wait && !batch.has_own_queue() {
            bail!(
                "the journal is of a submission without --wait: its results go to {destination}; name another with --journal to submit the jobs anew"
            );
        }
        if let Some(wanted) = &self.reply_to
            && wanted != destination
        {
            bail!("the journal is of a submission whose results go to {destination}");
        }
        Ok(())
    }
}

/// The findings of the first look at the jobs.
#[derive(Default)]
struct CheckedJobs {
    problems: Vec<String>,
    has_files: bool,
}

/// Looks at every job before the first is sent.
fn check(input: &JobInput, batch: &JobBatch, config: &Config) -> anyhow::Result<CheckedJobs> {
    let mut checked = CheckedJobs::default();
    let max_image_bytes = config.storage.max_image_bytes.0;
    for line in input.lines(batch)? {
        if checked.problems.len() >= MOST_PROBLEMS {
            checked.problems.push("and maybe more".to_owned());
            break;
        }
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                checked.problems.push(format!("{error:#}"));
                break;
            }
        };
        let draft = line.draft(config.worker.max_job_bytes.bytes());
        let file = draft.map(|draft| draft.file.map(|file| line.path(&file)));
        let found = file.and_then(|file| {
            checked.has_files |= file.is_some();
            file.map_or(Ok(()), |file| Uploads::check(&file, max_image_bytes))
        });
        if let Err(problem) = found {
            // The place of an image of the command line is its name.
            checked.problems.push(if problem.starts_with(&line.place) {
                problem
            } else {
                format!("{}: {problem}", line.place)
            });
        }
    }
    Ok(checked)
}

async fn uploads(config: &Config, randomness: &Randomness) -> anyhow::Result<Uploads> {
    config.validate_storage()?;
    let store = Store::new(&config.storage, &config.network()?).await?;
    let max_bytes = config.storage.max_image_bytes.0;
    let bucket = config.storage.bucket.clone();
    Ok(Uploads::new(store, bucket, max_bytes, randomness.clone()))
}

/// Draws on a terminal only.
fn progress_bar(standings: &Standings, waits: bool) -> ProgressBar {
    let (done, word) = if waits {
        (standings.answered, "answered")
    } else {
        (standings.submitted, "submitted")
    };
    let all = standings.planned() as u64;
    let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
    let template = format!("{{bar:40}} {{pos}}/{{len}} {word}, {{elapsed}}  {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.set_position(done as u64);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// One line about what was done, and where it goes on.
fn summary(submission: &Submission, state: &SubmitState, before: usize) -> String {
    let standings = &state.standings;
    let mut parts = vec![format!(
        "submitted {} of {} to {}",
        standings.submitted,
        standings.planned(),
        submission.batch.jobs_queue
    )];
    if before > 0 {
        parts.push(format!(", {before} of them before"));
    }
    if submission.waits {
        let (answered, completed) = (standings.answered, standings.completed);
        parts.push(format!("; {answered} answered, {completed} completed"));
    }
    if !submission.is_done(standings) {
        parts.push(match state.journal.path() {
            Some(path) => format!(
                "; the same command goes on from here: {} has what is done",
                path.display()
            ),
            None => "; without --journal, the same command would begin anew".to_owned(),
        });
    }
    parts.concat()
}
