//! Projections in processes of their own, which are killed and frozen at any moment: every event is in the views once.

mod projector;
mod search;
mod sqlite;
