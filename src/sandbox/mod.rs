pub mod samples;
pub mod scenario;
mod bill;
mod picture;
