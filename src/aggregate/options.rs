//! How a repository differs from the usual one.

use std::sync::Arc;

use crate::ports::{Ids, SystemIds};
use crate::retry::RetryPolicy;
use crate::types::Metadata;

/// How a [`Repository`](crate::Repository) or a [`UnitOfWork`](crate::UnitOfWork) differs from the usual one.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..Options::default()`")]
pub struct Options {
    /// How often a decision is made again after a conflict, and a commit is repeated after a transient
    /// failure or an unknown outcome.
    pub retry: RetryPolicy,
    /// How many folded states are kept in memory, the least recently used going first; 0 for none. 1,000 by
    /// default.
    pub cached_states_max: usize,
    /// How many commands on one stream may share a commit. 256 by default.
    pub commands_per_commit_max: usize,
    /// What every event says where the command itself says nothing.
    pub metadata: Metadata,
    /// Where the ids of events come from, for commands without an id.
    pub ids: Arc<dyn Ids>,
    /// The seed of the jitter; by default from chance.
    pub seed: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            cached_states_max: 1_000,
            commands_per_commit_max: 256,
            metadata: Metadata::new(),
            ids: Arc::new(SystemIds),
            seed: None,
        }
    }
}
