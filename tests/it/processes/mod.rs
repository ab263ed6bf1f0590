//! Projections and sagas in processes of their own, which are killed and frozen at any moment: every event is in the views
//! once, every saga ends with each effect once or not at all, and no event is lost on its way into the archive.

mod archiving;
mod errand;
mod errands;
mod projector;
mod rebuilding;
mod sagas;
mod search;
mod shared;
mod sqlite;
