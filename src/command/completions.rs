//! `completions`: a script with which a shell completes the commands and options of this program.

use clap::Args;
use clap_complete::Shell;
use std::io::Write;
use std::process::ExitCode;

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct CompletionsArguments {
    /// The shell that is to read the script
    shell: Shell,
}

pub(super) fn run(
    arguments: CompletionsArguments,
    mut program: clap::Command,
) -> anyhow::Result<ExitCode> {
    // Into memory first: the generator panics where its output is gone.
    let mut script = Vec::new();
    let name = program.get_name().to_owned();
    clap_complete::generate(arguments.shell, &mut program, name, &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
