//! The feed, and the views that are folded from it, as they were.
//!
//! `stories` are for any store, `stores` runs them on those that need no server; `refused` is what is not known.

mod refused;
mod stores;
mod stories;
