//! The audit trail: trees of whatever events say, and the events of a flow, found with an index and without.

mod index;
mod saga;
mod tree;
