//! The calls of one source.

use std::time::Duration;

use crate::source::Origin;

/// The calls of one source, numbered in the order in which they went out. Mostly there is one, which lies here and nowhere else.
pub(super) struct Calls {
    first: Option<Call>,
    more: Vec<Call>,
}

/// One call. Its keys are those of its slots, in their order.
pub(super) struct Call {
    /// No slot before this one is its own.
    pub(super) from: usize,
    /// Its slots about which somebody still wants to know.
    pub(super) wanted: usize,
    pub(super) origin: Origin,
    pub(super) took: Duration,
    pub(super) attempts: u32,
}

impl Calls {
    pub(super) const fn new() -> Self {
        Self { first: None, more: Vec::new() }
    }

    pub(super) fn get(&self, number: u32) -> Option<&Call> {
        match number {
            0 => self.first.as_ref(),
            number => self.more.get(number as usize - 1),
        }
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Call> {
        match number {
            0 => self.first.as_mut(),
            number => self.more.get_mut(number as usize - 1),
        }
    }

    /// Adds a call of so many slots, and tells its number.
    pub(super) fn add(&mut self, from: usize, wanted: usize) -> u32 {
        let call = Call { from, wanted, origin: Origin::Live, took: Duration::ZERO, attempts: 0 };
        if self.first.is_none() {
            self.first = Some(call);
            return 0;
        }
        self.more.push(call);
        u32::try_from(self.more.len()).unwrap_or(u32::MAX)
    }
}
