//! See properties/image.rs.

#![no_main]

// libFuzzer's own hook ends the process at every panic. The decoder's are caught, as in the worker,
// and mean a corrupt image.
libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))), |data: &[u8]| invoice_worker_fuzz::image(data));
