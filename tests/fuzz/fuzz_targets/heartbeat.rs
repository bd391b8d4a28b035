//! See properties/heartbeat.rs.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| invoice_worker_fuzz::heartbeat(data));
