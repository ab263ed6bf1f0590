//! From a commit here to an effect there, over a real server: nothing is lost, invented, out of order or done twice, whatever happens
//! in between.
//!
//! A service commits messages to its own file (`load`), a relay publishes them, and two consumers, each with one kind of marks,
//! write effects to files of their own (`world`). What is in between is a `Medium`. Each test does something to it, sees that it was
//! really done (`watched`), and at the end everything is counted (`verdict`). What can be done to every medium stands here: it is
//! `down`, `killed` or `frozen`, its connections are `dead`, it is `refused` what it does not take, relays and consumers are taken over
//! from (`takeover`) or come too late (`late`), and another language reads what was published (`other_language`).
//!
//! What is left to chance follows from one number, which a test that fails has printed: `BROKERS_SEED` draws it again.

pub(crate) mod dead;
pub(crate) mod down;
pub(crate) mod frozen;
pub(crate) mod killed;
pub(crate) mod late;
pub(crate) mod load;
mod medium;
pub(crate) mod other_language;
pub(crate) mod refused;
pub(crate) mod takeover;
mod verdict;
mod watched;
mod world;

pub(crate) use medium::{Medium, Mortal};
pub(crate) use verdict::{effects, until_late};
pub(crate) use watched::Watched;
pub(crate) use world::{CONSUMERS, World, drawn, relay_of};
