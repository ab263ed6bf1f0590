//! How many events to give to a sink that could not take all of them in.

/// How many events are given to the sink at a time, and how many of the next ones may hold one that it cannot take in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pieces {
    size: usize,
    suspects: usize,
}

impl Pieces {
    /// All at once: nothing is known of an event that cannot be taken in.
    pub(super) const WHOLE: Self = Self { size: usize::MAX, suspects: 0 };

    /// How many of so many events come next.
    pub(super) fn next(&self, events: usize) -> usize {
        let most = if self.suspects > 0 { self.size.min(self.suspects) } else { self.size };
        most.min(events)
    }

    /// So many, more than one, could not be taken in. Those before the culprit can, and then it stands alone; if nobody knows
    /// which it is, it is in one of the halves.
    pub(super) fn failed(&mut self, count: usize, culprit: Option<usize>) {
        *self = match culprit {
            Some(before) => Self { size: before.max(1), suspects: before + 1 },
            None => Self { size: (count / 2).max(1), suspects: count },
        };
    }

    /// So many were taken in. When all suspects were, the pieces grow again.
    pub(super) fn taken_in(&mut self, count: usize) {
        self.suspects = self.suspects.saturating_sub(count);
        if self.suspects == 0 {
            self.size = self.size.saturating_mul(2);
        }
    }
}
