//! How far the broker's own log went when a relay was somewhere: by this it is seen that the broker has lost something.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::ports::Extent;
use crate::types::{LeaseName, Position, RowKey, RowSet, RowValue, RowWrite};

/// So many marks are kept. The oldest is the furthest that is gone back for what a broker has lost.
const MARKS_MAX: usize = 64;

/// In which set the marks of all relays are.
pub(super) fn set() -> Result<RowSet, crate::types::InvalidRowSet> {
    RowSet::new("freehold_relay_marks")
}

/// How far the broker's own log went when all up to a position was published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks {
    /// Which log of the broker.
    log: String,
    /// The broker's position, and ours; both grow.
    marks: VecDeque<(u64, Position)>,
}

impl Marks {
    /// The broker has stored something at `broker` that was the last of all up to `ours`.
    pub(super) fn note(&mut self, extent: &Extent, ours: Position) {
        if self.log != extent.log {
            *self = Self { log: extent.log.clone(), marks: VecDeque::new() };
        }
        self.marks.push_back((extent.last, ours));
        if self.marks.len() > MARKS_MAX {
            self.thin_out();
        }
    }

    /// Every other one of the older half goes, so that the marks reach far back and are dense where loss is likely.
    fn thin_out(&mut self) {
        let mut nth = 0;
        self.marks.retain(|_| {
            nth += 1;
            nth > MARKS_MAX / 2 || nth % 2 == 1
        });
    }

    /// From where the broker must be fed again if its log is like this now; `None` if it has lost nothing that is known of.
    pub(super) fn lost(&self, now: &Extent) -> Option<Position> {
        let (newest, _) = self.marks.back()?;
        if now.log == self.log && now.last >= *newest {
            return None;
        }
        if now.log != self.log {
            return Some(Position::START);
        }
        let kept = self.marks.iter().rev().find(|(broker, _)| *broker <= now.last);
        Some(kept.map_or(Position::START, |(_, ours)| *ours))
    }

    /// Whether the broker had something at `broker`.
    pub(super) fn covers(&self, broker: u64) -> bool {
        self.marks.back().is_some_and(|(newest, _)| broker <= *newest)
    }

    /// What lies beyond the broker's log is not known any more.
    pub(super) fn forget(&mut self, now: &Extent) {
        if now.log == self.log {
            self.marks.retain(|(broker, _)| *broker <= now.last);
        } else {
            *self = Self::default();
        }
    }

    /// The row that holds them for the job `of`.
    pub(super) fn row(&self, of: &LeaseName) -> Result<RowWrite, super::origin::BoxError> {
        Ok(RowWrite::put(&set()?, &RowKey::new(of.as_str())?, RowValue::of(self)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(log: &str, last: u64) -> Extent {
        Extent::new(log.to_owned(), last)
    }

    fn marks() -> Marks {
        let mut marks = Marks::default();
        for n in 1..=5 {
            marks.note(&extent("a", n * 10), Position::new(n * 100));
        }
        marks
    }

    #[test]
    fn a_log_that_only_grows_has_lost_nothing() {
        assert_eq!(Marks::default().lost(&extent("a", 0)), None);
        assert_eq!(marks().lost(&extent("a", 50)), None);
        assert_eq!(marks().lost(&extent("a", 51)), None);
    }

    #[test]
    fn what_was_published_behind_the_newest_mark_that_is_left_is_lost() {
        for (last, from) in [(49, 400), (40, 400), (39, 300), (10, 100), (9, 0), (0, 0)] {
            assert_eq!(marks().lost(&extent("a", last)), Some(Position::new(from)), "{last}");
        }
        assert_eq!(marks().lost(&extent("b", 1_000)), Some(Position::START));
        let mut marks = marks();
        marks.forget(&extent("a", 39));
        assert_eq!(marks.lost(&extent("a", 39)), None);
    }

    #[test]
    fn marks_reach_far_back_and_stay_few() {
        let mut marks = Marks::default();
        for n in 1..=100_000 {
            marks.note(&extent("a", n), Position::new(n));
        }
        assert!(marks.marks.len() <= MARKS_MAX);
        assert_eq!(marks.lost(&extent("a", 99_999)), Some(Position::new(99_999)));
        assert!(marks.marks.front().unwrap().0 < 100);
        assert!(marks.marks.iter().is_sorted());
    }
}
