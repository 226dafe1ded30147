#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dihya_fuzz::record(bytes));
