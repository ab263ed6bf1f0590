//! What the split, the join and the codec promise: [`Event`](super::Event)'s clauses, one by one.

mod agreement;
mod closings;
mod evolution;
mod exact;
mod messages;
mod refusals;
mod samples;
mod shape;
mod upcasts;

std::thread_local! {
    /// How often this thread has looked for the step that begins at a name.
    pub(super) static LOOKUPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}
