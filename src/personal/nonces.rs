//! Nonces, drawn some at a time: to ask the operating system for one takes a tenth of what the seal takes.

use super::cipher::NONCE_BYTES;
use crate::ports::{BackendError, Entropy};

/// So many are drawn at most, of which the last may not be needed.
const DRAWN_MAX: usize = 64;

/// The nonces of one call. None is given away twice.
pub(super) struct Nonces<'e> {
    entropy: &'e dyn Entropy,
    drawn: Vec<[u8; NONCE_BYTES]>,
    /// How many are drawn at a time.
    count: usize,
}

impl<'e> Nonces<'e> {
    /// For a call that is about so many payloads.
    pub(super) fn new(entropy: &'e dyn Entropy, payloads: usize) -> Self {
        Self { entropy, drawn: Vec::new(), count: payloads.clamp(1, DRAWN_MAX) }
    }

    pub(super) fn draw(&mut self) -> Result<[u8; NONCE_BYTES], BackendError> {
        if let Some(nonce) = self.drawn.pop() {
            return Ok(nonce);
        }
        let mut drawn = vec![[0; NONCE_BYTES]; self.count];
        // What was not filled is given to nobody.
        self.entropy.fill(drawn.as_flattened_mut())?;
        let nonce = drawn.pop().unwrap_or_default();
        self.drawn = drawn;
        Ok(nonce)
    }
}
