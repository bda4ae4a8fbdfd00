//! See `interop::fuzzing::spec`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| interop::fuzzing::spec(bytes));
