//! What `cargo bench` hands to every program beside its own options.

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FromCargo {
    #[arg(long, hide = true)]
    bench: bool,
    /// A filter for names of benchmarks; here there is one a program.
    #[arg(hide = true)]
    filters: Vec<String>,
}
