//! How a sealed store differs from the usual one.

use std::sync::Arc;
use std::time::Duration;

use super::SystemEntropy;
use crate::ports::Entropy;

/// How a [`SealedStore`](super::SealedStore) differs from the usual one.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "users write it with `..SealedOptions::default()`")]
pub struct SealedOptions {
    /// Of how many data subjects the keys are kept in memory, the least recently used going first; 0 counts as 1. 10,000 by default.
    pub cached_subjects_max: usize,
    /// How old what is known of a key may be. So long, another process still reads, and seals, after this one has forgotten; what it
    /// seals then, nobody can read. 10 seconds by default.
    pub cached_time_max: Duration,
    /// Where keys come from.
    pub entropy: Arc<dyn Entropy>,
}

impl Default for SealedOptions {
    fn default() -> Self {
        Self {
            cached_subjects_max: 10_000,
            cached_time_max: Duration::from_secs(10),
            entropy: Arc::new(SystemEntropy),
        }
    }
}
