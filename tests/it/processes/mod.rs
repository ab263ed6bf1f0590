//! Projections and sagas in processes of their own, which are killed and frozen at any moment: every event is in the views
//! once, and every saga ends with each effect once or not at all.

mod errand;
mod errands;
mod projector;
mod sagas;
mod search;
mod sqlite;
