//! Settings that should be others, as lines for the configuration.

use std::fmt::Write;

/// One key of the configuration, and the value that the observations speak for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingProposal {
    pub section: &'static str,
    pub key: &'static str,
    /// The value as TOML writes it.
    pub value: String,
    pub why: String,
}

impl SettingProposal {
    pub fn new(section: &'static str, key: &'static str, value: &str, why: &str) -> Self {
        Self {
            section,
            key,
            value: value.to_owned(),
            why: why.to_owned(),
        }
    }
}

/// The proposals as TOML: each section once, each key once, where the first proposal counts.
pub fn toml_of(proposals: &[SettingProposal]) -> String {
    let mut text = String::new();
    let mut sections: Vec<&str> = Vec::new();
    for proposal in proposals {
        if !sections.contains(&proposal.section) {
            sections.push(proposal.section);
        }
    }
    for section in sections {
        let _ = writeln!(text, "[{section}]");
        let mut keys: Vec<&str> = Vec::new();
        for proposal in proposals.iter().filter(|other| other.section == section) {
            if keys.contains(&proposal.key) {
                continue;
            }
            keys.push(proposal.key);
            let SettingProposal {
                key, value, why, ..
            } = proposal;
            let _ = writeln!(text, "# {why}\n{key} = {value}");
        }
    }
    text
}
