//! One line of `check`.

use std::fmt;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::command) enum Verdict {
    #[default]
    Fine,
    /// The worker works, with less than it could.
    Worth,
    Broken,
}

#[derive(Debug)]
pub(in crate::command) struct Finding {
    pub(in crate::command) verdict: Verdict,
    /// A configuration key, or what it is about.
    pub(in crate::command) about: &'static str,
    pub(in crate::command) text: String,
    pub(in crate::command) mend: String,
}

impl Finding {
    pub(super) fn fine(about: &'static str, text: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fine,
            about,
            text: text.into(),
            mend: String::new(),
        }
    }

    pub(super) fn worth(
        about: &'static str,
        text: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Worth,
            about,
            text: text.into(),
            mend: mend.into(),
        }
    }

    pub(super) fn broken(
        about: &'static str,
        text: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Broken,
            about,
            text: text.into(),
            mend: mend.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Fine => "ok",
            Verdict::Worth => "warning",
            Verdict::Broken => "FAILED",
        };
        write!(formatter, "{verdict:<8}{:<22}{}", self.about, self.text)?;
        if self.mend.is_empty() {
            Ok(())
        } else {
            write!(formatter, "; {}", self.mend)
        }
    }
}
