//! `policy show` and `policy explain`: the error-code policy for people.

mod explain;
mod show;
#[cfg(test)]
mod tests;
mod words;

pub use explain::explain;
pub use show::show;
