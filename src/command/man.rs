//! `man`: the manual pages, made of the same definitions as `--help`.

use anyhow::Context;
use clap::Args;
use clap_mangen::Man;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args, Debug)]
pub(super) struct ManArguments {
    /// Writes a page for each command into this folder, instead of the first one to stdout
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

pub(super) fn run(arguments: &ManArguments, program: clap::Command) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &arguments.to {
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(program, folder))
            .with_context(|| format!("cannot write pages into {}", folder.display()))?;
    } else {
        let mut page = Vec::new();
        Man::new(program).render(&mut page)?;
        std::io::stdout().lock().write_all(&page)?;
    }
    Ok(ExitCode::SUCCESS)
}
