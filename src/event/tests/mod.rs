//! What the split, the join and the codec promise: [`Event`](super::Event)'s clauses, one by one.

mod agreement;
mod evolution;
mod messages;
mod refusals;
mod samples;
