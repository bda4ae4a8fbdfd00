//! See `interop::fuzzing::plist`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| interop::fuzzing::plist(bytes));
