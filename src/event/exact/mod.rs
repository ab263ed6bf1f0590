//! JSON that reads back as what was written.
//!
//! JSON has no NaN and one kind of nothing, and what `serde` holds in between while it reads a flattened or untagged part knows
//! fewer numbers than what wrote it. [`Noting`] notes on the way where that may matter, which is nearly never; what has a note
//! is read back before it is believed.

mod notes;
mod noting;
mod parts;
mod write;

pub(super) use notes::Notes;
pub(super) use noting::Noting;
pub(super) use write::{check, to_payload};
pub(crate) use write::{to_raw, to_row};
