//! What the program is asked for: its own options, and those that `cargo test` hands to every test
//! binary.

use clap::{Parser, ValueEnum};

/// What this binary is called where a filter names tests.
const NAME: &str = "chaos";

/// Thousands of jobs through several workers, while everything around them breaks.
#[derive(Clone, Debug, Parser)]
#[command(name = NAME, disable_version_flag = true)]
pub(crate) struct Arguments {
    /// Submissions: bills, copies of them, and what is no job at all.
    #[arg(long, default_value_t = 200)]
    pub(crate) jobs: usize,
    /// Workers killed with SIGKILL, and started again.
    #[arg(long, default_value_t = 4)]
    pub(crate) kills: usize,
    /// The broker stopped or killed, and started again; in a cluster, the leader of the jobs queue.
    #[arg(long, default_value_t = 1)]
    pub(crate) restarts: usize,
    /// Connections to the broker cut, reset, refused, held or slowed.
    #[arg(long, default_value_t = 4)]
    pub(crate) cuts: usize,
    /// The same seed makes the same plan.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Messages of strangers between the jobs: damaged, huge or forged. A tenth of the jobs then
    /// carries forged headers.
    #[arg(long, default_value_t = 0)]
    pub(crate) strangers: usize,
    /// Worker processes.
    #[arg(long, default_value_t = 3)]
    pub(crate) workers: usize,
    #[arg(long, value_enum, default_value_t = Stage::Single)]
    pub(crate) scenario: Stage,
    /// Paid calls a second, all workers together.
    #[arg(long, default_value_t = 40)]
    pub(crate) rate: u32,
    #[command(flatten)]
    libtest: Libtest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    /// One RabbitMQ.
    Single,
    /// Three nodes.
    Cluster,
}

/// As every test binary takes them.
#[expect(clippy::struct_excessive_bools, reason = "so many switches there are")]
#[derive(Clone, Debug, clap::Args)]
struct Libtest {
    #[arg(hide = true)]
    filters: Vec<String>,
    #[arg(long, hide = true)]
    skip: Vec<String>,
    #[arg(long, hide = true)]
    list: bool,
    #[arg(long, hide = true)]
    ignored: bool,
    #[arg(long, hide = true)]
    exact: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, visible_alias = "no-capture", hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, short, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    test_threads: Option<String>,
    #[arg(long, hide = true)]
    format: Option<String>,
    #[arg(long, hide = true)]
    color: Option<String>,
    #[arg(short = 'Z', hide = true)]
    unstable: Vec<String>,
}

/// What the arguments come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Run,
    /// The names of tests, one a line.
    List,
    /// The filters mean other tests.
    Nothing,
}

impl Arguments {
    pub(crate) fn wish(&self) -> Wish {
        let Libtest {
            filters,
            skip,
            list,
            ignored,
            exact,
            ..
        } = &self.libtest;
        let names = |filter: &String| {
            if *exact {
                NAME == filter
            } else {
                NAME.contains(filter.as_str())
            }
        };
        let is_meant = filters.is_empty() || filters.iter().any(names);
        if *ignored || !is_meant || skip.iter().any(names) {
            Wish::Nothing
        } else if *list {
            Wish::List
        } else {
            Wish::Run
        }
    }
}

/// # Panics
/// The arguments of `cargo test` are not taken as it means them.
pub(crate) fn check() {
    let wish = |line: &str| Arguments::parse_from(line.split(' ')).wish();
    for (line, expected) in [
        ("chaos", Wish::Run),
        ("chaos --nocapture --test-threads 2 chaos", Wish::Run),
        ("chaos --jobs 5000 --seed 7 --scenario cluster", Wish::Run),
        ("chaos some_test", Wish::Nothing),
        ("chaos some_test --exact -q", Wish::Nothing),
        ("chaos chao --exact", Wish::Nothing),
        ("chaos --skip chaos", Wish::Nothing),
        ("chaos --ignored", Wish::Nothing),
        ("chaos --list --format terse", Wish::List),
    ] {
        assert_eq!(wish(line), expected, "{line}");
    }
}
