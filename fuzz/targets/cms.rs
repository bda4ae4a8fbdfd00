//! See `interop::fuzzing::cms`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| interop::fuzzing::cms(bytes));
