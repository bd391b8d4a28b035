//! `pdf-page`, which the worker starts for each PDF document. It is of no use by itself.

use crate::image::pdf::NOT_BEGUN;
use crate::image::pdf::child::{Wanted, answer};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args, Debug)]
pub(super) struct PdfPageArguments {
    /// The page, from 1; without it the first with the QR code of a bill
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    page: Option<u32>,
    /// A font that stands in for those that the document lacks
    #[arg(long)]
    font: Option<PathBuf>,
}

pub(super) fn run(arguments: &PdfPageArguments) -> ExitCode {
    let wanted = Wanted {
        page: arguments.page,
        font: arguments.font.as_deref(),
    };
    match answer(&wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(NOT_BEGUN),
    }
}
