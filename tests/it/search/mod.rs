//! Search indexes: what is found, how fresh it is, who writes, and what becomes of an old one. A process that is killed in the
//! middle of the writing is in `processes`.

mod builds;
pub(crate) mod fixture;
mod folders;
mod found;
mod logs;
mod typed;
mod waits;
mod writers;
