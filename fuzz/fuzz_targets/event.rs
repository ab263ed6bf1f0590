//! The decoder of events.

#![no_main]

#[allow(dead_code, reason = "the bodies of the other targets")]
#[path = "../../tests/it/fuzz/bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bodies::event::holds(bytes);
});
