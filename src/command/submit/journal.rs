//! The journal beside a file of jobs: what was submitted and answered, so that an interrupted
//! submission goes on where it was.
//!
//! The order is what counts. The first line is on the disk before anything is sent; a job is
//! written down once the broker has confirmed it; an answer once it is on stdout, and before it is
//! acknowledged. A crash in between sends the same message again, or prints the same answer again.

use super::batch::JobBatch;
use crate::domain::result::Status;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// A line of the journal behind the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum JournalEntry {
    /// The broker has the message of this id.
    Submitted(String),
    /// Its result is on stdout.
    Answered(String, Status),
}

pub(super) struct SubmitJournal {
    /// `None`: nothing is kept beyond the end of the process.
    file: Option<(File, PathBuf)>,
    /// A write failed: nothing more is written behind what may be half a line.
    is_broken: bool,
}

/// The content of a journal about earlier runs of the command.
pub(super) struct EarlierRuns {
    pub(super) batch: JobBatch,
    pub(super) entries: Vec<JournalEntry>,
    pub(super) is_new: bool,
}

impl SubmitJournal {
    pub(super) fn none() -> Self {
        Self {
            file: None,
            is_broken: false,
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|(_, path)| path.as_path())
    }

    /// Opens the journal, or begins it with the batch that `begin` makes. It is this process's
    /// alone until it ends.
    pub(super) fn open(
        path: &Path,
        begin: impl FnOnce() -> JobBatch,
    ) -> anyhow::Result<(Self, EarlierRuns)> {
        let shown = path.display();
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .with_context(|| format!("the journal {shown} cannot be opened"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another submit is at work with {shown}"),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("the journal {shown} cannot be locked"));
            }
        }
        let mut text = String::new();
        file.read_to_string(&mut text)
            .with_context(|| format!("the journal {shown} cannot be read"))?;
        let whole = whole_lines(&text);
        let found = read(whole);
        let torn = &text[whole.len()..];
        let is_ours = found.is_ok() && (!whole.is_empty() || JobBatch::may_begin_with(torn));
        if !torn.is_empty() && is_ours {
            // A crash of the machine may leave half a line: what it says was not relied upon yet.
            file.set_len(whole.len() as u64)?;
            file.seek(std::io::SeekFrom::End(0))?;
        }
        let mut journal = Self {
            file: Some((file, path.to_owned())),
            is_broken: false,
        };
        let earlier = match found {
            Ok(None) if !torn.is_empty() && !is_ours => Err(1),
            found => found,
        };
        let earlier = match earlier {
            Ok(Some((batch, entries))) => EarlierRuns {
                batch,
                entries,
                is_new: false,
            },
            Ok(None) => {
                let batch = begin();
                journal.write(&serde_json::to_string(&batch)?)?;
                journal.secure_name()?;
                EarlierRuns {
                    batch,
                    entries: Vec::new(),
                    is_new: true,
                }
            }
            Err(line) => bail!(
                "line {line} of {shown} is none of a journal of `submit`; name another with --journal"
            ),
        };
        Ok((journal, earlier))
    }

    /// Returns once the entries are on the disk.
    pub(super) fn append(&mut self, entries: &[JournalEntry]) -> anyhow::Result<()> {
        if self.file.is_none() || entries.is_empty() {
            return Ok(());
        }
        let lines: Result<Vec<String>, _> = entries.iter().map(serde_json::to_string).collect();
        self.write(&lines?.join("\n"))
    }

    fn write(&mut self, lines: &str) -> anyhow::Result<()> {
        let Some((file, path)) = &mut self.file else {
            return Ok(());
        };
        if self.is_broken {
            bail!("the journal {} could not be written", path.display());
        }
        let length = file.metadata().map(|metadata| metadata.len());
        let written = file
            .write_all(format!("{lines}\n").as_bytes())
            .and_then(|()| file.sync_data());
        if written.is_err() {
            self.is_broken = true;
            // Err: the next run takes half a line away.
            let _ = length.and_then(|length| file.set_len(length));
        }
        written.with_context(|| format!("the journal {} cannot be written", path.display()))
    }

    /// The name of a new file is on the disk once its folder is.
    fn secure_name(&self) -> anyhow::Result<()> {
        let Some((_, path)) = &self.file else {
            return Ok(());
        };
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .with_context(|| format!("the folder of {} cannot be synced", path.display()))
    }
}

/// The text up to its last line break.
fn whole_lines(text: &str) -> &str {
    text.rfind('\n').map_or("", |end| &text[..=end])
}

/// `None` for an empty journal.
///
/// # Errors
/// The number of the first line that cannot be read.
fn read(text: &str) -> Result<Option<(JobBatch, Vec<JournalEntry>)>, usize> {
    let mut lines = text.lines();
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    let batch = JobBatch::read(first).ok_or(1_usize)?;
    let entries: Result<Vec<JournalEntry>, usize> = lines
        .enumerate()
        .map(|(index, line)| serde_json::from_str(line).map_err(|_| index + 2))
        .collect();
    Ok(Some((batch, entries?)))
}

#[cfg(test)]
mod tests {
    use super::super::batch::Replies;
    use super::*;
    use crate::randomness::Randomness;
    use jiff::Timestamp;

    fn begin() -> JobBatch {
        JobBatch::begin(
            "jobs",
            Replies::ResultsQueue,
            Timestamp::UNIX_EPOCH,
            &Randomness::seeded(1),
        )
    }

    #[test]
    fn nothing_is_written_behind_a_write_that_failed() {
        let path = Path::new("/dev/full");
        let full = OpenOptions::new().append(true).open(path).unwrap();
        let mut journal = SubmitJournal {
            file: Some((full, path.to_owned())),
            is_broken: false,
        };
        let entries = [JournalEntry::Submitted("a".into())];
        for told in ["cannot be written", "could not be written"] {
            let error = journal.append(&entries).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn half_a_first_line_is_taken_away_and_a_file_of_others_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        for (text, is_ours) in [
            ("{\"sch", true),
            ("notes\n{\"sch", false),
            ("notes\n{", false),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(SubmitJournal::open(&path, begin).is_ok(), is_ours, "{text}");
            let left = std::fs::read_to_string(&path).unwrap();
            assert_eq!(left == text, !is_ours, "{text}: {left}");
        }
    }

    #[test]
    fn what_was_written_is_read_again_and_half_a_line_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.journal");
        let (mut journal, earlier) = SubmitJournal::open(&path, begin).unwrap();
        assert!(earlier.is_new && earlier.entries.is_empty());
        let entries = [
            JournalEntry::Submitted("a".into()),
            JournalEntry::Answered("a".into(), Status::Undetermined),
        ];
        journal.append(&entries).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"{\"submi"].concat()).unwrap();

        let never = || unreachable!("it has begun");
        let (mut journal, earlier) = SubmitJournal::open(&path, never).unwrap();
        assert_eq!(earlier.batch, begin());
        assert_eq!(earlier.entries, entries);
        journal
            .append(&[JournalEntry::Submitted("b".into())])
            .unwrap();
        drop(journal);
        let (_, earlier) = SubmitJournal::open(&path, never).unwrap();
        assert_eq!(earlier.entries.len(), 3);
    }

    #[test]
    fn two_processes_do_not_share_a_journal_and_another_file_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.journal");
        let first = SubmitJournal::open(&path, begin).unwrap();
        let second = SubmitJournal::open(&path, begin).err().unwrap();
        assert!(second.to_string().contains("another submit"), "{second}");
        drop(first);

        let other = folder.path().join("notes.txt");
        for notes in ["notes\n", "notes", "notes\nmore"] {
            std::fs::write(&other, notes).unwrap();
            let error = SubmitJournal::open(&other, begin).err().unwrap();
            assert!(error.to_string().contains("line 1 of"), "{error}");
            assert_eq!(std::fs::read(&other).unwrap(), notes.as_bytes());
        }
    }

    #[test]
    fn a_journal_whose_first_line_was_not_written_whole_is_begun_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.journal");
        for torn in ["{\"sche", "{\"schema\":\"invoice.submit/1\",\"id\":\"00"] {
            std::fs::write(&path, torn).unwrap();
            let (_, earlier) = SubmitJournal::open(&path, begin).unwrap();
            assert!(earlier.is_new, "{torn}");
            std::fs::remove_file(&path).unwrap();
        }
    }
}
