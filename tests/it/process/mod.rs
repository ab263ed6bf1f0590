//! Process managers: `rules` (what a message does to an instance), `timers`, `parked` (what cannot be heard, and the operator),
//! `interleaved` (any order, doubled, with faults), `crash` (the process dies at any call),
//! `flow` (what was meant, and what has happened). `fixture` is the process that is tried,
//! `places` are the stores on which it is.

mod crash;
mod fixture;
mod flow;
mod interleaved;
mod parked;
mod places;
mod rules;
mod timers;
