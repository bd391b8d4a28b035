//! See properties/answer.rs.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| invoice_worker_fuzz::verification(data));
