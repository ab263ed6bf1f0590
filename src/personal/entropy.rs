//! Chance, from the operating system.

use crate::ports::{BackendError, Entropy, Fault};

/// What the operating system draws.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), BackendError> {
        let failed = |why| BackendError::new("operating system", "draw", Fault::Unavailable, why);
        getrandom::fill(bytes).map_err(|why| failed(why.to_string()))
    }
}
